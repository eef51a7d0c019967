"""What persons bought after a decision is looked up person by person, however many orders there are."""

import time

from sqlalchemy import text

from app.database.engine import transaction
from app.decisions import effect_queries, split_test_queries
from app.lifecycle.events import DAY_US

ORDERS = 20_000
WINDOW = {"window_us": 30 * DAY_US, "behind_us": 0, "after": 0, "most": 2000}
PAST = {"past_us": 90 * DAY_US, "unit": 100.0, "margin": 0.25}


async def explain(connection, query, given):
    return "\n".join((await connection.execute(text(f"EXPLAIN {query}"), given)).scalars())


async def test_orders_are_found_by_their_person_and_not_by_their_time(client, sql, shop):
    """By time all orders of the window were read for each person: of 400,000, two thousand persons took 40 s."""
    assert (await client.post("/v1/events", json=shop.order("C-0"))).json()["rejected"] == 0
    written = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'events' AND is_generated = 'NEVER'"
    )
    columns = [row["column_name"] for row in await sql.rows(written)]
    other = {
        "customer_id": "'C-' || number",
        "id": "id || number",
        "occurred_us": f"occurred_us - CAST(number AS bigint) * {180 * DAY_US // ORDERS}",
    }
    told = ", ".join(other.get(name, name) for name in columns)
    await sql.rows(
        f"INSERT INTO events ({', '.join(columns)}) SELECT {told} FROM events, generate_series(1, {ORDERS}) AS number"
    )
    await sql.rows("ANALYZE events")
    given = {**WINDOW, **PAST, "now_us": time.time_ns() // 1000}
    async with transaction(sql.engine) as connection:
        for module, made in ((effect_queries, "_MAKE_FIRSTS"), (split_test_queries, "_MAKE_ENTERED")):
            await connection.execute(text(getattr(module, made)))
            plan = await explain(connection, module._MEASURE, given)
            assert "pk_events on events bought" in plan
            assert "ix_events_ordered_us" not in plan
