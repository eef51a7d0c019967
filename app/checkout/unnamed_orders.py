"""Orders of a file that names nobody, of which another file has told whose they are.

There an order is known by its number, day and customer (`A-77/2026-10-01/C-1`), so that one of nobody
(`A-77/2026-10-01/`) is looked up by all but the customer, among the orders of the same moment.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, text

from app.database.engine import Driver, compile_statement
from app.lifecycle.events import ORDER_CANCELLED, ORDER_COMPLETED, Event
from app.lifecycle.identifiers import BASKET

_FIND: Final = compile_statement(
    text(f"""
WITH named AS MATERIALIZED (
  SELECT customer_id, reference, amount_minor,
         left(reference, length(reference) - length(customer_id)) AS of_nobody
  FROM events
  WHERE type = '{ORDER_COMPLETED}' AND occurred_us = ANY (:occurred_us) AND source = ANY (:source)
    AND reference LIKE '%/' || replace(replace(replace(customer_id, '\\', '\\\\'), '%', '\\%'), '_', '\\_')
)
SELECT named.of_nobody, named.amount_minor, min(named.reference) AS reference, min(named.customer_id) AS customer_id
FROM unnest(CAST(:reference AS text[])) AS told (reference) JOIN named ON named.of_nobody = told.reference
GROUP BY named.of_nobody, named.amount_minor
HAVING count(*) = 1
""").bindparams(  # noqa: S608 - constants of our own
        bindparam("occurred_us", type_=ARRAY(BigInteger)),
        *(bindparam(name, type_=ARRAY(Text)) for name in ("source", "reference")),
    )
)
"""Rows: orders that are somebody's, by what they would be known by if they were nobody's."""

Owner = tuple[str, str]
"""What an order is known by, and whose it is."""


async def find_owners(driver: Driver, source: str, events: Sequence[Event], owners: dict[str, Owner]) -> list[Event]:
    """The events, those of nobody whose order is known as somebody's, with the same amount, as that one's.

    `owners`: those that were found in the file so far, to which what is found now is added; a refund comes after its
    order.
    """
    asked = {event.reference: event for event in events if event.type == ORDER_COMPLETED and is_nobodys(event)}
    if asked:
        rows = await driver.fetch(
            _FIND,
            occurred_us=sorted({event.occurred_us for event in asked.values()}),
            source=[source],
            reference=list(asked),
        )
        owners.update(_owners(asked, rows))
    return [_as_owners(event, owners) for event in events] if owners else list(events)


def is_nobodys(event: Event) -> bool:
    """Whether a file's order, or what it says of one, names nobody."""
    return event.customer_id.startswith(BASKET) and (event.reference or "").endswith("/")


def _owners(asked: dict[str | None, Event], rows: Sequence[Any]) -> dict[str, Owner]:
    return {
        row["of_nobody"]: (row["reference"], row["customer_id"])
        for row in rows
        if row["amount_minor"] == asked[row["of_nobody"]].amount_minor
    }


def _as_owners(event: Event, owners: dict[str, Owner]) -> Event:
    owner = owners.get(event.reference or "") if is_nobodys(event) or event.type == ORDER_CANCELLED else None
    if owner is None:
        return event
    reference, customer_id = owner
    id_ = event.id.replace(event.reference or "", reference, 1)
    return event._replace(reference=reference, customer_id=customer_id, id=id_)
