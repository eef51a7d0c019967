"""What was known at a time: who was who, and what orders were, before something else was learned."""

import itertools

import pytest

from app.customers.as_known import Known
from app.customers.as_of import read_past_states
from app.database.engine import transaction
from app.ingest.order_identity import ALWAYS

DAY_US = 86_400_000_000
START_US = 19_000 * DAY_US
SHOP = f"{ALWAYS[1]}shop"


def us(day):
    return START_US + day * DAY_US


@pytest.fixture
def tell(client, sql, shop):
    """Has an event received on a day, of which `at` is the time: the same day unless given."""
    numbers = itertools.count(1)

    async def tell(received, type_, subject, at=None, source=SHOP, **data):
        happened = received if at is None else at
        time = f"{(await sql.row('SELECT to_timestamp(:s) AS at', s=us(happened) / 1e6))['at'].isoformat()}"
        event = {**shop.event(type_, subject, at=time, data=data), "source": source, "id": f"n-{next(numbers)}"}
        before = {(row["source"], row["id"]) for row in await sql.rows("SELECT source, id FROM events")}
        answer = (await client.post("/v1/events", json=event)).json()
        assert answer["results"][0]["status"] == "accepted", answer
        for row in await sql.rows("SELECT source, id FROM events"):
            if (row["source"], row["id"]) not in before:
                await sql.rows(
                    "UPDATE events SET received_us = :us WHERE source = :source AND id = :id", us=us(received), **row
                )

    return tell


@pytest.fixture
def known(engine):
    """Orders and net spend in minor units of a customer at day 50, with what was known on a day."""

    async def known(day, customer_id="C-1"):
        async with transaction(engine) as connection:
            states, _ = await read_past_states(connection, [customer_id], us(50), Known(us(day), 2))
        if not states:
            return None
        state = states[customer_id]
        return state.number("orders"), (state.number("spend_minor") or 0) - (state.number("refunded_minor") or 0)

    return known


@pytest.fixture
async def two(tell):
    """C-1 and C-2, each with an order."""
    await tell(1, "order.completed", "C-1", order_id="1", total=10)
    await tell(2, "order.completed", "C-2", order_id="2", total=20)


async def test_a_merge_counts_from_when_it_was_known(two, tell, known):
    await tell(9, "customer.merged", "C-1", at=3, merged="C-2")
    assert [await known(day) for day in (0, 1, 8, 9)] == [None, (1, 1000), (1, 1000), (2, 3000)]
    assert [await known(day, "C-2") for day in (1, 8, 9)] == [None, (1, 2000), (2, 3000)]


async def test_a_merge_that_was_taken_back_counts_until_that_was_known(two, tell, known):
    await tell(5, "customer.merged", "C-1", merged="C-2")
    await tell(9, "customer.unmerged", "C-1", at=6, merged="C-2")
    assert [await known(day) for day in (4, 5, 8, 9)] == [(1, 1000), (2, 3000), (2, 3000), (1, 1000)]


async def test_an_identifier_joins_from_when_it_was_known(two, tell, known):
    phone = [{"kind": "phone", "value": "+86 138 0013 8000"}]
    await tell(4, "order.completed", None, order_id="4", total=40, identifiers=phone)
    await tell(6, "customer.identified", "C-1", at=3, identifiers=phone)
    await tell(8, "customer.identified", "C-2", at=3, identifiers=phone)
    assert [await known(day) for day in (5, 7, 8)] == [(1, 1000), (2, 5000), (3, 7000)]
    assert [await known(day, "C-2") for day in (7, 8)] == [(1, 2000), (3, 7000)]


async def test_a_chain_is_as_long_as_it_was_known_to_be(two, tell, known):
    await tell(3, "order.completed", "C-3", order_id="3", total=30)
    await tell(6, "customer.merged", "C-2", merged="C-3")
    await tell(8, "customer.merged", "C-1", merged="C-2")
    assert [await known(day) for day in (5, 7, 8)] == [(1, 1000), (1, 1000), (3, 6000)]
    assert await known(7, "C-3") == (2, 5000)


async def test_an_order_is_what_was_said_of_it_by_then(tell, known):
    await tell(1, "order.completed", "C-1", order_id="1", total=10)
    await tell(4, "order.updated", "C-1", order_id="1", total=15)
    await tell(6, "order.updated", "C-1", order_id="1", total=12)
    await tell(8, "order.cancelled", "C-1", order_id="1")
    assert [await known(day) for day in (1, 4, 5, 6, 7)] == [(1, 1000), (1, 1500), (1, 1500), (1, 1200), (1, 1200)]
    assert await known(8) == (0, 0)


async def test_a_version_that_was_told_late_does_not_undo_the_one_before(tell, known):
    """That of day 3 came on day 9, after that of day 5."""
    await tell(1, "order.completed", "C-1", order_id="1", total=10)
    await tell(5, "order.updated", "C-1", order_id="1", total=12)
    await tell(9, "order.updated", "C-1", at=3, order_id="1", total=15)
    assert [await known(day) for day in (4, 5, 9)] == [(1, 1000), (1, 1200), (1, 1200)]


async def test_a_refund_of_an_order_that_was_cancelled_later(tell, known):
    await tell(1, "order.completed", "C-1", order_id="1", total=10)
    await tell(3, "order.refunded", "C-1", order_id="1", total=4)
    await tell(6, "order.cancelled", "C-1", order_id="1")
    assert [await known(day) for day in (2, 3, 5, 6)] == [(1, 1000), (1, 600), (1, 600), (0, 0)]


async def test_an_order_counts_until_it_was_known_to_be_given_back(tell, known):
    await tell(1, "order.completed", "C-1", order_id="1", total=10)
    await tell(3, "order.refunded", "C-1", order_id="1", total=4)
    await tell(5, "order.refunded", "C-1", order_id="1", total=6)
    await tell(7, "order.updated", "C-1", order_id="1", total=12)
    assert [await known(day) for day in (2, 3, 5, 7)] == [(1, 1000), (1, 600), (0, 0), (1, 200)]


async def test_a_refund_that_was_taken_back_later(tell, known, sql):
    await tell(1, "order.completed", "C-1", order_id="1", total=10)
    await tell(3, "order.refunded", "C-1", order_id="1", total=4)
    await tell(4, "order.refunded", "C-1", order_id="1", total=6)
    kept = await sql.value("SELECT id FROM events WHERE type = 'order.refunded' AND amount_minor = 600")
    await tell(6, "order.updated", "C-1", order_id="1", total=10, refund_events=[kept])
    await tell(8, "order.updated", "C-1", at=5, order_id="1", total=10)
    assert [await known(day) for day in (2, 3, 4, 6, 8)] == [(1, 1000), (1, 600), (0, 0), (1, 400), (1, 400)]


BROWSER = [{"kind": "anonymous_id", "value": "b"}]
MAIL = [{"kind": "email", "value": "a@example.com"}]


async def pseudonyms(sql):
    """Those of the browser and of the address."""
    rows = await sql.rows("SELECT DISTINCT low_id, high_id FROM links")
    ids = {node for row in rows for node in row.values() if node.startswith("~")}
    return [next(each for each in ids if kind in each) for kind in ("anonymous", "email")]


async def test_an_order_that_was_a_browsers_is_told_of_the_browser(tell, known, sql):
    await tell(1, "order.completed", None, order_id="1", total=10, identifiers=BROWSER)
    await tell(2, "order.refunded", None, order_id="1", total=4, identifiers=BROWSER)
    await tell(5, "order.completed", None, at=1, order_id="1", total=10, identifiers=MAIL)
    await tell(9, "order.completed", "C-1", at=1, order_id="1", total=10)
    await tell(9, "order.completed", "C-1", order_id="2", total=1)
    browser, mail = await pseudonyms(sql)
    assert [await known(day, browser) for day in (1, 3)] == [(1, 1000), (1, 600)]
    assert [await known(day, mail) for day in (3, 6)] == [None, (1, 600)]
    assert [await known(day) for day in (1, 6, 10)] == [None, None, (2, 700)]


async def test_it_is_told_of_whoever_the_browser_was(tell, known):
    await tell(1, "customer.identified", "C-0", identifiers=BROWSER)
    await tell(2, "order.completed", None, order_id="1", total=10, identifiers=BROWSER)
    await tell(9, "order.completed", "C-1", at=2, order_id="1", total=10)
    assert [await known(day, "C-0") for day in (1, 3, 10)] == [(0, 0), (1, 1000), (0, 0)]
    assert [await known(day) for day in (3, 10)] == [None, (1, 1000)]


async def test_over_http_the_score_is_told_as_it_was(two, tell, client):
    await tell(9, "customer.merged", "C-1", at=3, merged="C-2")

    async def spend(day):
        at = f"2022-01-{8 + day:02}T00:00:00Z"  # 19,000 days since 1970 are 2022-01-08
        answer = await client.get("/v1/customers/C-2/score", params={"as_of": "2022-02-01T00:00:00Z", "known_at": at})
        return answer.json().get("data_sufficiency"), answer.json().get("expected_spend")

    (_, alone), (_, together) = await spend(8), await spend(9)
    assert 0 < alone < together
