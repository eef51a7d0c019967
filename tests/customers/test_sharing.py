"""Who held an identifier that too many hold is told."""

from app.customers.sharing import MOST_NAMED
from app.lifecycle.persons import MOST_HOLDERS


def order(shop, customer, *values, minutes):
    identifiers = [{"kind": "phone", "value": value} for value in values]
    return shop.order(customer, at=shop.ago(minutes=minutes), identifiers=identifiers)


async def shared(client, **query):
    return (await client.get("/v1/identifiers/shared", params=query)).json()


async def test_an_identifier_is_told_once_too_many_hold_it(client, shop):
    orders = [order(shop, f"C{n:02}", "13800138000", "13900139000", minutes=90 - n) for n in range(MOST_HOLDERS)]
    await client.post("/v1/events", json=[*orders, order(shop, "C00", "13700137000", minutes=1)])
    assert await shared(client) == {"identifiers": [], "next_cursor": None}
    await client.post("/v1/events", json=order(shop, "late", "13800138000", minutes=1))
    (found,) = (await shared(client))["identifiers"]
    assert found["identifier"].startswith("~phone:")
    assert (found["kind"], found["holders"]) == ("phone", MOST_HOLDERS + 1)
    assert found["customer_ids"] == [*(f"C{n:02}" for n in range(MOST_HOLDERS)), "late"]


async def test_many_are_paged_and_of_each_the_first_are_named(client, shop):
    orders = [order(shop, f"C{n:03}", "13800138000", "13900139000", minutes=200 - n) for n in range(MOST_NAMED + 20)]
    await client.post("/v1/events", json=orders)
    first = await shared(client, limit=1)
    second = await shared(client, limit=1, cursor=first["next_cursor"])
    assert second["next_cursor"] is None
    pages = [*first["identifiers"], *second["identifiers"]]
    assert len({page["identifier"] for page in pages}) == 2
    for page in pages:
        assert (page["holders"], page["customer_ids"]) == (120, [f"C{n:03}" for n in range(MOST_NAMED)])
    assert (await client.get("/v1/identifiers/shared", params={"cursor": "x"})).status_code == 422


async def test_it_needs_a_key_that_may_read(service):
    async with service.connect() as stranger:
        assert (await stranger.get("/v1/identifiers/shared")).status_code == 401
