"""Orders of tills, whose receipt numbers may begin anew, given back whole."""

import pytest

from app.customers.as_known import Known
from app.customers.as_of import read_past_states
from app.database.engine import transaction
from tests.checkout.orders import differences, in_every_order, state

TILL = "/pos/store-12/till-3"
LINES = [{"product_id": "tea", "price": 10, "quantity": 2}, {"product_id": "pot", "price": 30}]


@pytest.fixture
def say(tell):
    """Events of an order at a till."""

    def make(type_, subject="C-1", **members):
        return tell(type_, subject, **{"source": TILL, **members})

    return make


async def test_in_any_order_of_arrival_an_order_given_back_whole_is_no_purchase(sql, say, count, engine):
    events = [
        say("order.completed", days=9, total=50, products=LINES),
        say("order.completed", days=5, total=30, order_id="8"),
        say("order.refunded", days=4, total=20, products=LINES[:1]),
        say("order.refunded", days=3, total=30, products=LINES[1:]),
        {**say("points.earned", days=9), "data": {"order_id": "7", "points": 50}},
    ]
    await in_every_order(sql, count, events, (1, 8000, 2, 5000, 0))
    rows = await sql.rows("SELECT points, first_order_us = last_order_us AS once FROM customer_states")
    assert {tuple(row.values()) for row in rows} == {(0, True)}
    assert await sql.value("SELECT count(*) FROM customer_items WHERE orders > 0 OR refunds > 0") == 0
    assert await differences(engine) == []


async def test_an_order_of_which_a_part_was_given_back_stays_one(sql, say, count):
    await count(say("order.completed", days=9, total=50, products=LINES))
    await count(say("order.refunded", days=8, total=49, products=LINES[:1]))
    assert await state(sql) == (1, 5000, 1, 4900, 3)
    assert await sql.value("SELECT refunds FROM customer_items WHERE item_id = 'tea'") == 1


async def test_a_refund_is_of_the_latest_order_with_its_number(sql, say, count, engine):
    """Numbers begin anew each day: what was bought on the ninth is kept."""
    await count(
        say("order.completed", days=9, total=50),
        say("order.completed", days=5, total=30),
        say("order.refunded", days=4, total=30),
        say("order.completed", days=2, total=30),
    )
    rows = await sql.rows("SELECT type FROM events WHERE type LIKE 'order.completed%' ORDER BY occurred_us")
    assert [row["type"] for row in rows] == ["order.completed", "order.completed (given back)", "order.completed"]
    assert await state(sql) == (2, 11_000, 1, 3000, 0)
    assert await differences(engine) == []


@pytest.mark.parametrize(
    ("subject", "days", "members"),
    [
        ("C-2", 8, {}),
        (None, 8, {}),
        ("C-1", 8, {"source": "/pos/store-12/till-4"}),
        ("C-1", 8, {"order_id": "8"}),
        ("C-1", 401, {}),
        ("C-1", 33, {}),
    ],
    ids=["other customer", "nobody", "other till", "other number", "before it", "a year later"],
)
async def test_refunds_that_are_of_no_order_take_none(sql, say, count, subject, days, members):
    await count(say("order.completed", days=400, total=50))
    assert await count(say("order.refunded", subject, days=days, total=50, **members)) == ["accepted"]
    assert (await state(sql))[0] == 1
    await count(say("order.refunded", days=35, total=50))
    assert (await state(sql))[0] == 0


async def test_points_that_come_after_the_refund_count_no_more(sql, say, count):
    await count(say("order.completed", days=9, total=50), say("order.refunded", days=8, total=50))
    await count({**say("points.earned", days=7), "data": {"order_id": "7", "points": 50}})
    assert await sql.value("SELECT points FROM customer_states") == 0


async def test_what_was_known_before_the_refund_came_has_the_order(service, sql, say, count, engine):
    await count(say("order.completed", days=9, total=50))
    known_us = await sql.value("SELECT max(received_us) FROM events")
    await count(say("order.refunded", days=8, total=50))
    known, orders = Known(known_us, service.resources.settings.digits), []
    async with transaction(engine) as connection:
        for knowing in (known, None):
            states, _ = await read_past_states(connection, ["C-1"], known_us, knowing)
            orders.append(states["C-1"].number("orders"))
    assert orders == [1, 0]
