"""Who is who over HTTP: a person of several ids is one customer, a purchase of nobody is kept."""

import pytest


def of(kind, value):
    return [{"kind": kind, "value": value}]


@pytest.fixture
def nameless(shop):
    """An event without a subject."""

    def make(type_, **data):
        event = shop.event(type_, data=data)
        event.pop("subject")
        return event

    return make


async def test_a_visitor_signs_in_buys_and_is_merged(client, sql, shop, nameless):
    viewed = nameless("product.viewed", product_id="1", identifiers=of("Mobile", "+86 138-0013-8000"))
    assert (await client.post("/v1/events", json=viewed)).json()["accepted"] == 1
    identifiers = [*of("phone", "0086 13800138000"), *of("email", "Li@example.com")]
    known = [shop.order("C-1", total=5), shop.event("customer.identified", "C-1", data={"identifiers": identifiers})]
    assert (await client.post("/v1/events", json=known)).json()["accepted"] == 2
    assert (await client.get("/v1/customers/C-1")).json()["visits"] == 1

    order = {"total": 7, "order_id": "o-9", "channel": "store", "identifiers": of("email", "li@EXAMPLE.com ")}
    checkout = {"event": nameless("order.completed", **order)}
    answer = (await client.post("/v1/checkouts", json=checkout)).json()
    assert answer["event"] == {"status": "accepted"}
    assert answer["score"]["data_sufficiency"] == "little"  # both orders are seen at once
    profile = (await client.get("/v1/customers/C-1")).json()
    assert (profile["orders"], profile["spend"], profile["visits"]) == (2, 12.0, 1)
    again = (await client.post("/v1/checkouts", json=checkout)).json()
    assert again == {**answer, "event": {"status": "duplicate"}}

    merged = {"event": shop.event("customer.merged", "C-2", data={"merged": "C-1"})}
    assert (await client.post("/v1/checkouts", json=merged)).json()["score"]["stage"] != "prospect"
    assert (await client.get("/v1/customers/C-2")).json()["orders"] == 2
    apart = shop.event("customer.unmerged", "C-2", data={"merged": "C-1"})
    await client.post("/v1/events", json=apart)
    assert (await client.get("/v1/customers/C-2")).json()["orders"] == 0
    stored = str(await sql.rows("SELECT data::text, customer_id FROM events"))
    assert "1380013" not in stored
    assert "example.com" not in stored.lower()


async def test_a_purchase_of_nobody_is_kept_and_answered_as_a_newcomers(client, sql, nameless):
    event = nameless("order.completed", total=20, order_id="1", channel="store", products=[{"product_id": "1"}])
    answer = (await client.post("/v1/checkouts", json={"event": event})).json()
    assert answer["event"] == {"status": "accepted"}
    assert (answer["score"]["stage"], answer["score"]["data_sufficiency"]) == ("prospect", "none")
    again = (await client.post("/v1/checkouts", json={"event": event})).json()
    assert again == {**answer, "event": {"status": "duplicate"}}
    assert await sql.value("SELECT data->'products'->0->>'product_id' FROM events") == "1"
    for table in ("customer_states", "stages", "offers"):
        assert await sql.value(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize("identifiers", [[], of("phone", "00000000000"), of("email", "unknown")])
async def test_what_is_no_purchase_needs_somebody(client, nameless, identifiers):
    response = await client.post("/v1/events", json=nameless("product.viewed", product_id="1", identifiers=identifiers))
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/subject")


async def test_the_country_code_of_the_deployment_completes_a_phone(serve, sql, nameless):
    async with serve(country_code="86") as service:
        for phone in ("138 0013 8000", "+8613800138000"):
            await service.client.post(
                "/v1/events", json=nameless("order.completed", total=1, order_id=phone, identifiers=of("phone", phone))
            )
    assert await sql.value("SELECT orders FROM customer_states") == 2
