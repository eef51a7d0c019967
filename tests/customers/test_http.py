"""`GET /v1/customers/{id}` and its events: plain figures of a history worked out by hand."""

import base64
import json
from urllib.parse import quote

import pytest

MARKETING = {"purpose": "marketing"}


async def send(client, *events):
    response = await client.post("/v1/events", json=list(events))
    assert response.json()["rejected"] == 0, response.text


async def profile(client, customer_id="C-1"):
    response = await client.get(f"/v1/customers/{quote(customer_id, safe='')}")
    assert response.status_code == 200, response.text
    return response.json()


def day(number, clock="10:00:00"):
    """The day of 2025, in Shanghai."""
    month, of_month = (1, number) if number <= 31 else (2, number - 31)
    return f"2025-{month:02d}-{of_month:02d}T{clock}+08:00"


def history(shop):
    """Two months of a customer; what arrives last did not happen last."""
    case, feedback, points = "case.opened", "feedback.submitted", "points.earned"
    first_basket = [
        {"product_id": "1", "price": 40, "quantity": 2},
        {"product_id": "2", "price": 20, "quantity": 1},
    ]
    weighed = [{"product_id": "3", "price": 100, "quantity": 0.505}]
    return [
        shop.event("store.visited", at=day(1), data={"channel": "store"}),
        shop.order(at=day(2), total=100, discount=10, channel="store", products=first_basket, order_id="A"),
        shop.order(at=day(12), total=50.5, channel="web", products=weighed, order_id="B"),
        shop.order(at=day(32), total=30, channel=None, order_id="C"),
        shop.event("order.refunded", at=day(34), data={"order_id": "C", "total": 30}),
        shop.event(case, at=day(36), data={"case_id": "K-1", "kind": "complaint", "cause": "late"}),
        shop.event("case.answered", at=day(37), data={"case_id": "K-1"}),
        shop.event("case.resolved", at=day(38), data={"case_id": "K-1"}),
        shop.event(case, at=day(40), data={"case_id": "K-2", "kind": "complaint"}),
        shop.event(case, at=day(41), data={"case_id": "K-2", "kind": "complaint"}),
        shop.event(case, at=day(42), data={"case_id": "K-3", "kind": "question"}),
        shop.event(feedback, at=day(50), data={"metric": "csat", "score": 5}),
        shop.event(feedback, at=day(37), data={"metric": "csat", "score": 2}),
        shop.event(feedback, at=day(51), data={"metric": "nps", "score": 3}),
        shop.event(feedback, at=day(52), data={"metric": "nps", "score": 9}),
        shop.event(feedback, at=day(30), data={"metric": "rating", "score": 4}),
        shop.event(points, at=day(2), data={"points": 120, "order_id": "A"}),
        shop.event("points.redeemed", at=day(12), data={"points": 50}),
        shop.event("points.expired", at=day(55), data={"points": 20}),
        shop.event("tier.changed", at=day(53), data={"tier": "gold"}),
        shop.event("tier.changed", at=day(3), data={"tier": "silver"}),
        shop.event("consent.changed", at=day(5), data={**MARKETING, "channel": "email", "granted": False}),
        shop.event("consent.changed", at=day(6), data={**MARKETING, "granted": True}),
        shop.event("consent.changed", at=day(7), data={**MARKETING, "channel": "sms", "granted": False}),
    ]


async def test_the_profile_of_a_history(client, shop):
    await send(client, *history(shop))
    assert await profile(client) == {
        "customer_id": "C-1",
        "currency": "CNY",
        "events": 24,
        "orders": 2,  # all of the third was given back
        "items": 4,  # 2 + 1, and one that was weighed
        "spend": 150.5,
        "gross_spend": 180.5,
        "discount": 10.0,
        "refunds": 1,
        "refunded": 30.0,
        "average_order_value": 75.25,
        "days_between_orders": 10.0,
        "first_seen_at": "2025-01-01T02:00:00.000Z",
        "last_seen_at": "2025-02-24T02:00:00.000Z",
        "first_order_at": "2025-01-02T02:00:00.000Z",
        "last_order_at": "2025-01-12T02:00:00.000Z",
        "channels": {"store": 1, "web": 1},
        "visits": 1,
        "complaints": 3,
        "open_complaints": 1,
        "csat": 5.0,
        "nps": 9.0,
        "tier": "gold",
        "points": 50,
        "consents": {"*": True, "sms": False},  # a later word for every channel overrules the e-mail's
        "purposes": {},
    }


async def test_the_profile_does_not_depend_on_the_order_of_arrival(client, sql, shop):
    events = history(shop)
    await send(client, *events)
    in_order = await profile(client)
    await sql.rows("TRUNCATE events, customer_states")
    for event in reversed(events):
        await send(client, event)
    assert await profile(client) == in_order


async def test_someone_who_has_only_looked(client, shop):
    await send(client, shop.event("product.viewed", at=day(1), data={"product_id": "1", "channel": "web"}))
    told = await profile(client)
    assert (told["orders"], told["spend"], told["visits"], told["channels"]) == (0, 0.0, 1, {})
    nothing = (
        "average_order_value",
        "days_between_orders",
        "first_order_at",
        "last_order_at",
        "csat",
        "nps",
        "tier",
    )
    assert [told[name] for name in nothing] == [None] * len(nothing)


async def test_a_refund_undoes_what_it_refunds(client, shop):
    await send(client, shop.order(at=day(1), total=30, order_id="A"), shop.order(at=day(2), total=0.01))
    await send(client, shop.event("order.refunded", at=day(3), data={"order_id": "A", "total": 30}))
    told = await profile(client)
    assert (told["spend"], told["gross_spend"], told["refunded"], told["refunds"]) == (0.01, 30.01, 30.0, 1)


async def test_a_refund_that_arrives_before_its_order(client, shop):
    await send(client, shop.event("order.refunded", at=day(3), data={"order_id": "A", "total": 30}))
    await send(client, shop.order(at=day(1), total=30, order_id="A"))
    told = await profile(client)
    assert (told["orders"], told["spend"], told["refunds"]) == (0, 0.0, 1)


async def test_complaints_open_and_close_case_by_case(client, shop):
    complaint = {"kind": "complaint"}
    for case_id in ("1", "2", "3"):
        await send(client, shop.event("case.opened", at=day(1), data={"case_id": case_id, **complaint}))
    await send(client, shop.event("case.opened", at=day(1), data={"case_id": "q", "kind": "question"}))
    assert (await profile(client))["open_complaints"] == 3
    for case_id in ("1", "1", "q"):
        await send(client, shop.event("case.resolved", at=day(2), data={"case_id": case_id}))
    assert (await profile(client))["open_complaints"] == 2
    await send(client, shop.event("case.resolved", "C-2", at=day(2), data={"case_id": "2"}))
    assert (await profile(client))["open_complaints"] == 2


async def flags(client, customer_id="C-1", **asked):
    response = await client.get(f"/v1/customers/{customer_id}/score", params=asked)
    return response.json()["flags"]


async def test_the_flag_of_a_score_looks_case_by_case(client, shop):
    await send(client, shop.order(at=day(1)))
    await send(client, shop.event("case.opened", at=day(1), data={"case_id": "q", "kind": "question"}))
    assert await flags(client) == []  # a question is no complaint
    await send(client, shop.event("case.opened", at=day(2), data={"case_id": "k", "kind": "complaint"}))
    assert await flags(client) == ["open_complaint"]
    await send(client, shop.event("case.resolved", at=day(3), data={"case_id": "q"}))
    assert await flags(client) == ["open_complaint"]  # it was the question that was resolved
    for _ in range(3):
        await send(client, shop.event("case.resolved", at=day(4), data={"case_id": "k"}))
    assert await flags(client) == []
    await send(client, shop.event("case.opened", at=day(5), data={"case_id": "k", "kind": "complaint"}))
    assert await flags(client) == ["open_complaint"]  # opened again
    assert await flags(client, as_of=day(3)) == ["open_complaint"]
    assert await flags(client, as_of=day(5)) == []


async def test_a_case_may_be_opened_and_resolved_under_two_ids_of_a_person(client, shop):
    await send(client, shop.order("A"), shop.order("B"))
    await send(client, shop.event("case.opened", "A", at=day(1), data={"case_id": "k", "kind": "complaint"}))
    await send(client, shop.event("case.resolved", "B", at=day(2), data={"case_id": "k"}))
    assert await flags(client, "A") == ["open_complaint"]
    await send(client, shop.event("customer.merged", "A", data={"merged": "B"}))
    assert await flags(client, "A") == await flags(client, "B") == []
    assert await flags(client, "B", as_of=day(2)) == ["open_complaint"]


async def test_a_complaint_in_the_same_batch_counts_for_the_checkout(client, shop):
    complaint = shop.event("case.opened", at=day(1), data={"case_id": "k", "kind": "complaint"})
    answered = await client.post("/v1/checkouts", json={"event": complaint, "max_actions": 10})
    assert answered.json()["score"]["flags"] == ["open_complaint"]
    suppressed = {item["action_id"]: item["code"] for item in answered.json()["decision"]["suppressed"]}
    assert "open_complaint" in suppressed.values()


async def test_two_customers_are_two(client, shop):
    await send(client, shop.order("C-1", total=1), shop.order("C-2", total=2), shop.order("C-2", total=3))
    assert [(await profile(client, name))["spend"] for name in ("C-1", "C-2")] == [1.0, 5.0]


async def test_money_in_a_currency_without_minor_units(serve, sql, shop):
    async with serve(currency="JPY") as service:
        await send(service.client, shop.order(total=1234), shop.order(total=1))
        told = await profile(service.client)
    assert (told["currency"], told["spend"], told["average_order_value"]) == ("JPY", 1235.0, 618.0)


@pytest.mark.parametrize("customer_id", ["store/12/客户", "客户/7", "a b", "50%", "a?b#c", "🛒", ".", "A-1"])
@pytest.mark.parametrize("part", ["", "/events", "/score"])
async def test_ids_of_any_text(client, shop, customer_id, part):
    await send(client, shop.order(customer_id))
    for written in {quote(customer_id, safe=""), quote(customer_id, safe="/")} - {"."}:
        response = await client.get(f"/v1/customers/{written}{part}")
        assert response.status_code == 200
        told = response.json()
        assert (told["events"][0]["subject"] if part == "/events" else told["customer_id"]) == customer_id


@pytest.mark.parametrize("part", ["", "/events", "/score", "/score?as_of=2026-01-01T00:00:00Z"])
@pytest.mark.parametrize("customer_id", ["nobody", "x" * 5000, "%FF", "no%20body", "%ED%A0%80", "a%2F%2Fb"])
async def test_an_unknown_customer(client, part, customer_id):
    response = await client.get(f"/v1/customers/{customer_id}{part}")
    assert (response.status_code, response.json()["type"]) == (404, "urn:perennial:problem:unknown-customer")
    assert response.headers["content-type"] == "application/problem+json"
    assert "body" not in response.text


@pytest.mark.parametrize("part", ["", "/events", "/score", "/score?as_of=2026-01-01T00:00:00Z"])
@pytest.mark.parametrize("customer_id", ["%00", "a%00b"])
async def test_an_id_that_no_customer_can_have(client, part, customer_id):
    response = await client.get(f"/v1/customers/{customer_id}{part}")
    assert response.status_code in (404, 422)
    assert response.headers["content-type"] == "application/problem+json"


async def pages(client, limit):
    """Every page, by the cursor of the one before."""
    cursor, found = None, []
    while True:
        query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/customers/C-1/events", params=query)).json()
        found.append(page["events"])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_events_are_paged_latest_first(client, shop):
    events = history(shop)
    ties = [shop.event("store.visited", at=day(2), source=source) for source in ("/b", "/a", "/a")]
    await send(client, *events, *ties, shop.order("C-2"))
    found = await pages(client, 4)
    assert [len(page) for page in found] == [4, 4, 4, 4, 4, 4, 3]
    listed = [event for page in found for event in page]
    assert sorted(event["id"] for event in listed) == sorted(event["id"] for event in events + ties)
    places = [(event["time"], event["source"], event["id"]) for event in listed]
    assert places == sorted(places, reverse=True)
    for limit in (1, 27, 28, 500):
        assert [event for page in await pages(client, limit) for event in page] == listed


async def test_an_event_is_given_as_it_came(client, shop):
    event = shop.order(at="2025-03-01T10:15:00.123456+08:00", total=12.5, note="two bags", basket={"a": [1, None]})
    await send(client, event)
    (page,) = await pages(client, 10)
    assert page == [{**event, "time": "2025-03-01T02:15:00.123456Z"}]


async def test_events_that_come_while_pages_are_read_do_not_disturb_them(client, shop):
    await send(client, *(shop.order(at=day(n)) for n in range(1, 7)))
    first = (await client.get("/v1/customers/C-1/events?limit=3")).json()
    await send(client, shop.order(at=day(20)))
    query = {"limit": 3, "cursor": first["next_cursor"]}
    second = (await client.get("/v1/customers/C-1/events", params=query)).json()
    assert [event["time"][:10] for event in second["events"]] == ["2025-01-03", "2025-01-02", "2025-01-01"]
    assert second["next_cursor"] is None


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "Kanarienvogel",
        "!!!",
        "é",
        "x" * 1025,
        encoded(None),
        encoded([]),
        encoded([1, "a"]),
        encoded([1, "a", "b", "c"]),
        encoded(["1", "a", "b"]),
        encoded([1.5, "a", "b"]),
        encoded([True, "a", "b"]),
        encoded([1, 2, 3]),
        encoded({"x": 1, "y": 2, "z": 3}),
        encoded([2**63, "a", "b"]),
        encoded([-(2**70), "a", "b"]),
        encoded([1, "a\0", "b"]),
        base64.urlsafe_b64encode(b'[1, "a", "\\ud800"]').decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
async def test_a_cursor_of_ones_own_making(client, shop, cursor):
    await send(client, shop.order())
    response = await client.get("/v1/customers/C-1/events", params={"cursor": cursor})
    assert (response.status_code, response.json()["type"]) == (422, "urn:perennial:problem:malformed")
    assert "Kanarienvogel" not in response.text


@pytest.mark.parametrize("limit", ["0", "-1", "501", "ten", "1.5", "9" * 5000, ""])
async def test_a_limit_out_of_bounds(client, shop, limit):
    await send(client, shop.order())
    response = await client.get("/v1/customers/C-1/events", params={"limit": limit})
    assert (response.status_code, response.json()["type"]) == (422, "urn:perennial:problem:malformed")
    assert response.json()["errors"][0]["pointer"] == "/limit"


async def test_a_cursor_past_the_end_gives_an_empty_page(client, shop):
    await send(client, shop.order())
    response = await client.get("/v1/customers/C-1/events", params={"cursor": encoded([0, "a", "b"])})
    assert response.json() == {"events": [], "next_cursor": None}
