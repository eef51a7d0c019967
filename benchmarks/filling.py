"""Stores of a given size, filled by the database itself."""

import asyncio
from typing import Final

from sqlalchemy import URL, column, table, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.database.states import aggregated
from app.database.tables import customer_states, events
from app.lifecycle.events import ORDER_COMPLETED
from app.lifecycle.measures import (
    DECAYED,
    MEASURES,
    Lift,
    Measure,
)
from app.lifecycle.states import CUSTOMER
from benchmarks.databases import execute

EVENTS_A_CUSTOMER: Final = 20
EVENTS_AT_ONCE: Final = 100_000
CUSTOMERS_AT_ONCE: Final = 100_000
TIDY: Final = ("VACUUM (ANALYZE) events", "VACUUM (ANALYZE) customer_states", "CHECKPOINT")

_NOW_US: Final = "(date_part('epoch', clock_timestamp()) * 1000000)::bigint"
_DAY_US: Final = "86400000000.0"

# Orders fall evenly between the first and the last; the silence after them is memoryless.
_DRAWN: Final = f"""
SELECT 'C-' || number AS customer_id, orders, order_minor::bigint AS order_minor, now_us,
       CASE WHEN orders = 1 THEN 0 ELSE span_days END AS span_days,
       now_us - (silent_days * {_DAY_US})::bigint AS last_us,
       now_us - ((silent_days + CASE WHEN orders = 1 THEN 0 ELSE span_days END) * {_DAY_US})::bigint AS first_us
FROM (SELECT number, 1 + floor(-6 * ln(1 - random()))::bigint AS orders, exp(8 + 2 * random()) AS order_minor,
             30 + 700 * random() AS span_days, -90 * ln(1 - random()) AS silent_days, {_NOW_US} AS now_us
      FROM generate_series(:first, :last) AS number) AS dice
"""

_WORTH: Final = {Lift.ONE: "1", "amount_minor": "order_minor", "items": "3", "discount_minor": "0.05 * order_minor"}


def _decayed(measure: Measure) -> str:
    """The mean of what is left of an order between first and last, times orders and what one is worth."""
    days = measure.half_life_days
    left = f"CASE WHEN orders = 1 THEN 1 ELSE (1 - 0.5 ^ (span_days / {days})) * {days} / (span_days * ln(2)) END"
    return f"orders * ({left}) * {_WORTH[measure.lift]}"


_VALUES: Final = {
    "customer_id": "customer_id",
    "events": "orders",
    "orders": "orders",
    "orders_store": "orders",
    "spend_minor": "orders * order_minor",
    "discount_minor": "(orders * 0.05 * order_minor)::bigint",
    "items": "3 * orders",
    "order_days": (
        "ARRAY(SELECT DISTINCT"
        f" ((first_us + (last_us - first_us) / greatest(orders - 1, 1) * at) / {_DAY_US})::int AS day"
        " FROM generate_series(0, orders - 1) AS at ORDER BY day)"
    ),
    "season_cos": "0.3 * orders * cos(last_us / 5022587.0e6)",
    "season_sin": "0.3 * orders * sin(last_us / 5022587.0e6)",
    "first_event_us": "first_us",
    "last_event_us": "last_us",
    "first_order_us": "first_us",
    "last_order_us": "last_us",
    "second_last_order_us": f"CASE WHEN orders > 1 THEN last_us - (span_days / orders * {_DAY_US})::bigint END",
    **{item.name: _decayed(item) for item in DECAYED if item.types == (ORDER_COMPLETED,) and item.lift in _WORTH},
}
"""A measure → an expression of what was drawn. The others stay as they are of somebody who only bought."""

assert set(_VALUES) <= {"customer_id", *(measure.name for measure in MEASURES)}


def fill_states(database: URL, customers: int) -> None:
    """States of customers C-1 … as a shop's may be, without events; tidied up."""
    insertion = f"INSERT INTO customer_states ({', '.join(_VALUES)}) SELECT {', '.join(_VALUES.values())} FROM"
    for first in range(1, customers + 1, CUSTOMERS_AT_ONCE):
        last = min(customers, first + CUSTOMERS_AT_ONCE - 1)
        drawn = _DRAWN.replace(":first", str(first)).replace(":last", str(last))
        execute(database, f"{insertion} ({drawn}) AS drawn")
    execute(database, *TIDY)


_ARRIVED: Final = table("arrived", *(column(item.name, item.type) for item in events.c))

_ARRIVE: Final = f"""
CREATE TEMPORARY TABLE arrived ON COMMIT DROP AS
SELECT 'C-' || (:first + floor(random() * :customers)::bigint) AS customer_id, '/pos/store-2/till-1' AS source,
       'filled-' || number AS id, 'order.completed' AS type,
       {_NOW_US} - (random() * 730 * {_DAY_US})::bigint AS occurred_us,
       NULL::text AS kind, 'store' AS channel, 'A-' || number AS reference,
       (100 + random() * 49900)::bigint AS amount_minor, 0::bigint AS discount_minor, 3::bigint AS items,
       0::bigint AS points, NULL::text AS value,
       substring(sha256(convert_to('' || number, 'UTF8')) FROM 1 FOR 16) AS digest,
       json_build_object('order_id', 'A-' || number, 'products', repeat('x', 300)) AS data,
       NULL::order_line[] AS lines, {_NOW_US} AS received_us, NULL::order_line[] AS told_lines
FROM generate_series(:after + 1, :until) AS number
"""


def fill_events(database: URL, after: int, until: int) -> None:
    """Orders `after` + 1 … `until`, 20 a customer on average, of customers without any before; tidied up.

    Their states are the aggregation that `perennial verify` compares with.
    """
    asyncio.run(_fill_events(database, after, until))
    execute(database, *TIDY)


async def _fill_events(database: URL, after: int, until: int) -> None:
    engine = create_async_engine(database)
    for begin in range(after, until, EVENTS_AT_ONCE):
        async with engine.begin() as connection:
            await _add_events(connection, begin, min(until, begin + EVENTS_AT_ONCE))
    await engine.dispose()


async def _add_events(connection: AsyncConnection, after: int, until: int) -> None:
    extent = {
        "after": after,
        "until": until,
        "first": after // EVENTS_A_CUSTOMER + 1,
        "customers": (until - after) // EVENTS_A_CUSTOMER,
    }
    statement = _ARRIVE
    for name, value in extent.items():  # DDL takes no parameters
        statement = statement.replace(f":{name}", str(value))
    await connection.execute(text(statement))
    names = ", ".join(item.name for item in events.c)
    await connection.execute(text(f"INSERT INTO events ({names}) SELECT {names} FROM arrived"))
    made = aggregated(CUSTOMER, _ARRIVED)
    await connection.execute(insert(customer_states).from_select([item.name for item in customer_states.c], made))
