"""States at past times, also with what was known at another."""

import pytest

from app.customers.as_known import Known
from app.customers.as_of import read_past_states
from app.database.engine import transaction
from app.lifecycle.measures import NUMERIC, Merge

DAY_US = 86_400_000_000
START_US = 19_000 * DAY_US


def us(day):
    return START_US + day * DAY_US


@pytest.fixture
def happen(sql):
    async def happen(customer_id, day, received, type_="order.completed", minor=1000):
        await sql.rows(
            "INSERT INTO events VALUES (:customer_id, '/till', :id, :type, :us, NULL, 'store', NULL, :minor, 0, 1, 0,"
            " NULL, '', '{}', :received)",
            customer_id=customer_id,
            id=f"{customer_id}-{type_}-{day}",
            type=type_,
            us=us(day),
            minor=minor,
            received=us(received),
        )

    return happen


@pytest.fixture
def ask(engine):
    async def ask(customer_ids, as_of, known=None):
        async with transaction(engine) as connection:
            then = None if known is None else Known(us(known), 2)
            return (await read_past_states(connection, customer_ids, us(as_of), then)).states

    return ask


async def orders(ask, *asked):
    states = await ask(["C-1"], *asked)
    return states["C-1"].number("orders") if states else None


async def test_a_late_event_counts_from_when_it_was_received(happen, ask):
    """Two orders as they came, and one of day 5 that the till sent on day 20."""
    await happen("C-1", 0, 0)
    await happen("C-1", 10, 10)
    await happen("C-1", 5, 20, minor=500)
    assert await orders(ask, 12) == 3
    assert await orders(ask, 12, 12) == 2
    assert await orders(ask, 12, 19) == 2
    assert await orders(ask, 12, 20) == 3
    assert await orders(ask, 7, 19) == 1
    assert await orders(ask, 7, 25) == 2
    states = await ask(["C-1"], 12, 19)
    assert states["C-1"].number("spend_minor") == 2000
    assert states["C-1"].number("second_last_order_us") == us(0)


async def test_what_happened_at_the_time_or_later_is_not_known_then(happen, ask):
    await happen("C-1", 0, 0)
    await happen("C-1", 10, 10)
    assert await orders(ask, 10) == 1
    assert await orders(ask, 0) is None
    assert await orders(ask, 10, -1) is None


async def test_many_customers_and_the_ids_of_one_person(happen, ask, sql):
    await sql.rows("DELETE FROM persons")
    for customer_id, day in (("C-1", 0), ("C-2", 1), ("C-3", 2)):
        await happen(customer_id, day, day + 100)
    await sql.rows("INSERT INTO persons VALUES ('C-1', 'C-1'), ('C-2', 'C-1')")
    states = await ask(["C-1", "C-2", "C-3", "C-4"], 50)
    assert {customer_id: state.number("orders") for customer_id, state in states.items()} == {
        "C-1": 2,
        "C-2": 2,
        "C-3": 1,
    }
    assert set(await ask(["C-1", "C-3"], 50, 101)) == {"C-1"}
    await sql.rows("DELETE FROM persons")


async def test_the_state_of_now_is_that_of_all_events(client, shop, sql, ask, engine):
    await client.post("/v1/events", json=[shop.order(at=shop.ago(days=days)) for days in (90, 60, 30, 1)])
    row = await sql.row("SELECT * FROM customer_states")
    async with transaction(engine) as connection:
        (state,) = (await read_past_states(connection, ["C-1"], 2**62)).states.values()
    for measure in NUMERIC:
        kept = len(row[measure.name]) if measure.merge is Merge.DAYS else row[measure.name]
        assert state.number(measure.name) == (None if kept is None else pytest.approx(float(kept)))
