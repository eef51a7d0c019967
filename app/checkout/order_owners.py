"""Whose an order is: of all that was said of it, who was named best (`app.customers.naming_queries`).

What was told of the order under a lesser name is its customer's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Text as SqlText
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.checkout.batch import Batch
from app.customers.linking import LinkingEvent
from app.customers.naming_queries import how_named, listed
from app.database.engine import Statement, compile_statement
from app.lifecycle import events as e
from app.lifecycle.persons import CUSTOMERS_BEFORE


def _arrays(statement: str, *names: str) -> Statement:
    return compile_statement(text(statement).bindparams(*(bindparam(name, type_=ARRAY(SqlText)) for name in names)))


_OF_ORDER: Final = f"type IN ({listed((e.ORDER_UPDATED, e.ORDER_CANCELLED, e.ORDER_REFUNDED, e.REFUND_VOIDED))})"
_NAMED: Final = how_named("events.customer_id")

FIND_OTHERS: Final = _arrays(
    f"""
WITH told AS (
  SELECT * FROM unnest(CAST(:source AS text[]), CAST(:reference AS text[])) AS told (source, reference)
), said AS MATERIALIZED (
  SELECT told.reference AS of_order, events.*, true AS is_order, {_NAMED} AS named
  FROM told JOIN events ON events.source = told.source AND events.id = 'order-' || told.reference
  WHERE events.type IN ({listed((*e.SALES, e.ORDER_VOIDED))})
  UNION ALL
  SELECT told.reference, events.*, false, {_NAMED}
  FROM told JOIN events ON events.source = told.source AND events.reference = told.reference
  WHERE events.{_OF_ORDER}
), owner AS (
  SELECT DISTINCT ON (source, of_order) source, of_order, customer_id, named FROM said
  ORDER BY source, of_order, named DESC, is_order DESC, occurred_us, id COLLATE "C"
)
SELECT said.source, said.id, said.type, said.occurred_us, CAST(said.data AS text) AS data,
       said.customer_id AS customer_id_before, owner.customer_id
FROM said JOIN owner USING (source, of_order)
WHERE said.named >= 0 AND said.named < owner.named
""",  # noqa: S608 - constants of our own
    "source",
    "reference",
)
"""Rows: what was said of these orders under a lesser name than that of their customer."""

GIVE: Final = _arrays(
    """
UPDATE events SET customer_id = given.customer_id, data = CAST(given.data AS json)
FROM unnest(CAST(:source AS text[]), CAST(:id AS text[]), CAST(:customer_id AS text[]), CAST(:data AS text[]))
  AS given (source, id, customer_id, data)
WHERE events.source = given.source AND events.id = given.id
""",
    *("source", "id", "customer_id", "data"),
)

REMOVE_EMPTY: Final = _arrays(
    """
DELETE FROM customer_states WHERE customer_id = ANY (:customer_ids)
  AND NOT EXISTS (SELECT FROM events WHERE events.customer_id = customer_states.customer_id)
  AND NOT EXISTS (SELECT FROM bases WHERE bases.customer_id = customer_states.customer_id)
RETURNING customer_id
""",
    "customer_ids",
)


async def give_to_owners(batch: Batch, orders: Mapping[str, Sequence[str]]) -> list[str]:
    """Gives what was said of these orders (`source`, `reference`) to their customers; of whom that changes anything."""
    rows = await batch.driver.fetch(FIND_OTHERS, **orders)
    if not rows:
        return []
    moved = [_moved(row) for row in rows]
    batch.moved += moved
    columns = {name: [getattr(each, name) for each in moved] for name in ("source", "id", "customer_id", "data")}
    await batch.driver.fetch(GIVE, **columns)
    return [row[name] for row in rows for name in ("customer_id", "customer_id_before")]


def _moved(row: Any) -> LinkingEvent:
    data = orjson.loads(row["data"])
    before = [*data.get(CUSTOMERS_BEFORE, ()), row["customer_id_before"]]
    written = orjson.dumps({**data, CUSTOMERS_BEFORE: before}).decode()
    return LinkingEvent(row["customer_id"], row["source"], row["id"], row["type"], row["occurred_us"], written)


async def remove_empty(batch: Batch, customer_ids: Sequence[str]) -> None:
    """Removes the states of those of whom nothing is left."""
    for (customer_id,) in await batch.driver.fetch(REMOVE_EMPTY, customer_ids=customer_ids):
        batch.states.pop(customer_id, None)
        batch.recorded.pop(customer_id, None)
