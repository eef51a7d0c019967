"""Refunds of sources whose orders have no identity, tills above all: what gives an order back whole.

A till's receipt numbers may begin anew each day, so a refund is of the latest order of its customer that has the number
at its source. Nobody's refund is of no order.
"""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import Text as SqlText
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.database.engine import Statement, compile_statement
from app.ingest.order_identity import REFUND_AFTER_DAYS, REFUND_SLACK_US, OrderIdentity
from app.lifecycle import events as e
from app.lifecycle.identifiers import BASKET

TillOrder = tuple[str, str, str]
"""(customer_id, source, order_id)."""
_OF_TILLS: Final = frozenset((e.ORDER_COMPLETED, e.ORDER_REFUNDED, *e.POINTS_TYPES))


def till_orders(events: Iterable[e.Event], identity: OrderIdentity, *, told_before: bool) -> list[TillOrder]:
    """Orders that new events may have given back: those of refunds, and where something was `told_before`, all."""
    types: Collection[str] = _OF_TILLS if told_before else (e.ORDER_REFUNDED,)
    found = {
        (event.customer_id, event.source, event.reference): None
        for event in events
        if event.type in types
        and event.reference is not None
        and not event.customer_id.startswith(BASKET)
        and not identity.covers(event.source)
    }
    return sorted(found)


def _restate() -> Statement:
    points = ", ".join(f"'{type_}', '{type_} (void)'" for type_ in e.POINTS_TYPES)
    sales = ", ".join(f"'{type_}'" for type_ in e.SALES)
    statement = f"""
WITH told AS (
  SELECT * FROM unnest(CAST(:customer_id AS text[]), CAST(:source AS text[]), CAST(:reference AS text[]))
    AS told (customer_id, source, reference)
), sold AS MATERIALIZED (
  SELECT customer_id, source, reference, events.id, events.occurred_us, events.amount_minor
  FROM told JOIN events USING (customer_id, source, reference) WHERE events.type IN ({sales})
), said AS MATERIALIZED (
  SELECT customer_id, source, events.id, events.type, events.amount_minor,
         coalesce(events.told_lines, events.lines) AS lines,
         (SELECT sold.id FROM sold
          WHERE sold.customer_id = told.customer_id AND sold.source = told.source AND sold.reference = told.reference
            AND sold.occurred_us <= events.occurred_us + {REFUND_SLACK_US}
            AND sold.occurred_us > events.occurred_us - {REFUND_AFTER_DAYS * e.DAY_US}
          ORDER BY sold.occurred_us DESC, sold.id COLLATE "C" DESC LIMIT 1) AS order_id
  FROM told JOIN events USING (customer_id, source, reference)
  WHERE events.type IN ('{e.ORDER_REFUNDED}', {points})
), given AS (
  SELECT customer_id, source, order_id AS id, sum(amount_minor) AS given_minor
  FROM said WHERE type = '{e.ORDER_REFUNDED}' GROUP BY customer_id, source, order_id
), now AS MATERIALIZED (
  SELECT sold.customer_id, sold.source, sold.id,
         coalesce(sold.amount_minor > 0 AND given.given_minor >= sold.amount_minor, false) AS is_returned
  FROM sold LEFT JOIN given USING (customer_id, source, id)
), changed AS MATERIALIZED (
  SELECT said.*, coalesce(now.is_returned, false) AS is_returned
  FROM said LEFT JOIN now ON now.customer_id = said.customer_id AND now.source = said.source AND now.id = said.order_id
), changed_orders AS (
  UPDATE events SET type = CASE WHEN now.is_returned THEN '{e.ORDER_RETURNED}' ELSE '{e.ORDER_COMPLETED}' END
  FROM now
  WHERE events.customer_id = now.customer_id AND events.source = now.source AND events.id = now.id
    AND (events.type = '{e.ORDER_RETURNED}') <> now.is_returned
  RETURNING events.customer_id
), changed_refunds AS (
  UPDATE events SET lines = CASE WHEN NOT changed.is_returned THEN changed.lines END,
    told_lines = CASE WHEN changed.is_returned THEN changed.lines END
  FROM changed
  WHERE changed.type = '{e.ORDER_REFUNDED}' AND changed.lines IS NOT NULL
    AND events.customer_id = changed.customer_id AND events.source = changed.source AND events.id = changed.id
    AND (events.lines IS NULL) <> changed.is_returned
  RETURNING events.customer_id
), changed_points AS (
  UPDATE events
  SET type = split_part(events.type, ' ', 1) || CASE WHEN changed.is_returned THEN ' (void)' ELSE '' END
  FROM changed
  WHERE changed.type <> '{e.ORDER_REFUNDED}'
    AND events.customer_id = changed.customer_id AND events.source = changed.source AND events.id = changed.id
    AND (events.type LIKE '% (void)') <> changed.is_returned
  RETURNING events.customer_id
)
SELECT customer_id FROM changed_orders
UNION SELECT customer_id FROM changed_refunds
UNION SELECT customer_id FROM changed_points
"""  # noqa: S608 - constants of our own
    names = ("customer_id", "source", "reference")
    return compile_statement(text(statement).bindparams(*(bindparam(name, type_=ARRAY(SqlText)) for name in names)))


RESTATE_TILL_ORDERS: Final = _restate()
"""Keeps these orders, no one twice, as given back once the refunds of each come to its amount, or as orders again; the
lines of those refunds, and points that name the order, count no more then. Rows: customers of whom anything changed."""
