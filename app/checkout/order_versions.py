"""What a file says of orders that came before: told again, by another way, changed since, cancelled.

A file has no ids of events and no versions: the export that was imported last says what an order is now, so its
changes are told at the time when that import began. Told again under another source, an order is the same one where
customer, number, day and amount are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import Driver, compile_statement
from app.ingest.admission import digest_content
from app.ingest.intake import Submission
from app.ingest.order_identity import ID_BY_SENDER, ORDER_NUMBER, name_order
from app.lifecycle.events import ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED, SALES, Event, to_major

_EXPORTED: Final = (ORDER_COMPLETED, ORDER_REFUNDED)


@dataclass(slots=True)
class Versions:
    """Orders of one source that a file brings, at an import that began at `began_us`; and what was found of them.

    `digits`: of the currency's minor unit. `elsewhere`: orders and refunds known from another source; `changed` and
    `cancelled`: known from this one, and told anew.
    """

    source: str
    began_us: int
    digits: int
    has_own: bool = True
    has_others: bool = True
    elsewhere: int = field(default=0, init=False)
    changed: int = field(default=0, init=False)
    cancelled: int = field(default=0, init=False)


async def begin_versions(connection: AsyncConnection, source: str, began_us: int, digits: int) -> Versions:
    """Looks whether anything can have told of its orders before: of an import into an empty log nothing is asked."""
    row = (await connection.execute(_HAS_ANY, {"source": source})).one()
    return Versions(source, began_us, digits, *row)


_HAS_ANY: Final = text("""
SELECT EXISTS (SELECT FROM events WHERE source = :source) AS has_own,
       EXISTS (SELECT FROM events WHERE source < :source) OR EXISTS (SELECT FROM events WHERE source > :source)
""")


def _arrays(statement: str, **types: str) -> str:
    """`told` as the rows of parameters that are arrays."""
    given = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in types.items())
    return statement.replace("{told}", f"unnest({given}) AS told ({', '.join(types)})")


_OWN: Final = compile_statement(
    text(
        _arrays(
            """
SELECT events.id, events.type, events.amount_minor,
       (SELECT max(change.occurred_us) FROM events AS change
        WHERE change.source = events.source AND change.reference = events.reference AND change.type = 'order.updated')
       AS changed_us,
       part.amount_minor AS parts_minor, part.received_us AS part_us
FROM {told} JOIN events ON events.source = told.source AND events.id = told.id
LEFT JOIN LATERAL (
  SELECT CAST(sum(part.amount_minor) AS bigint) AS amount_minor, max(part.received_us) AS received_us
  FROM events AS part
  WHERE part.source = events.source AND part.reference = events.reference
    AND part.type IN ('order.refunded', 'order.refunded (void)') AND starts_with(part.id, events.id || '/')
) AS part ON events.type LIKE 'order.refunded%'
""",
            source="text",
            id="text",
        )
    ).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in ("source", "id")))
)
"""Rows: what is kept under these (source, id), as it is now."""

_TOLD: Final = ("id", "customer_id", "source", "type", "amount_minor", "reference", "number", "occurred_us")
_ELSEWHERE: Final = compile_statement(
    text(
        _arrays(
            """
SELECT told.id FROM {told}
WHERE EXISTS (
  SELECT FROM events
  WHERE events.customer_id = told.customer_id AND events.source <> told.source
    AND events.type IN (told.type, told.type || ' (given back)')
    AND events.amount_minor = CAST(told.amount_minor AS bigint)
    AND (events.reference = told.reference
         OR events.reference = told.number
            AND abs(events.occurred_us - CAST(told.occurred_us AS bigint)) < 86400000000))
""",
            **dict.fromkeys(_TOLD, "text"),
        )
    ).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in _TOLD))
)
"""Rows: the ids of those that another source told of."""


async def settle_versions(driver: Driver, submission: Submission, versions: Versions) -> tuple[Submission, int]:
    """(What is left to be counted, how many orders and refunds were known as they are): of what a file brings."""
    events, known = submission.events, 0
    if versions.has_own:
        settled = await _settle_own(driver, events, versions)
        known = settled.count(None)
        events = tuple([event for event in settled if event is not None])
    events = tuple([event for event in events if event.type != ORDER_CANCELLED or versions.has_own])
    doubles = await _find_elsewhere(driver, events) if versions.has_others else set[str]()
    versions.elsewhere += len(doubles)
    events = tuple([event for event in events if event.id not in doubles])
    return submission._replace(events=events), known + len(doubles)


async def _settle_own(driver: Driver, events: tuple[Event, ...], versions: Versions) -> list[Event | None]:
    """Of each what is to be counted, None: it is known as it is. Cancellations of what is not known are left out."""
    ids = [name_order(event.reference or "") if event.type == ORDER_CANCELLED else event.id for event in events]
    rows = await driver.fetch(_OWN, source=[versions.source] * len(ids), id=ids)
    known = {row["id"]: row for row in rows}
    settled: list[Event | None] = []
    for event, id_ in zip(events, ids, strict=True):
        before = known.get(id_)
        if event.type == ORDER_COMPLETED and before is not None:
            settled.append(_change(event, before, versions))
        elif event.type == ORDER_REFUNDED and before is not None:
            settled.append(_add_refund(event, before, versions))
        elif event.type != ORDER_CANCELLED:
            settled.append(event)
        elif before is not None and before["type"] in SALES:
            versions.cancelled += 1
            settled.append(event)
    return settled


def _add_refund(event: Event, before: Mapping[str, Any], versions: Versions) -> Event | None:
    """What came back since, as a refund of its own; None where nothing did, or a later import said more. One that says
    less than was known is left as it is: it is refused, and kept."""
    more_minor = event.amount_minor - before["amount_minor"] - (before["parts_minor"] or 0)
    if more_minor == 0 or (more_minor < 0 and (before["part_us"] or 0) >= versions.began_us):
        return None
    if more_minor < 0:
        return event
    versions.changed += 1
    content = orjson.loads(event.data)
    content.pop("products", None)
    content["total"] = to_major(more_minor, versions.digits)
    written = orjson.dumps(content)
    return event._replace(
        id=f"{event.id}/{versions.began_us}",
        amount_minor=more_minor,
        items=0,
        digest=digest_content(ORDER_REFUNDED, event.customer_id, event.occurred_us, written),
        data=written.decode(),
        lines=None,
    )


def _change(event: Event, before: Mapping[str, Any], versions: Versions) -> Event | None:
    """The order as a version of what it was before; None where it is that already, or was changed since."""
    if before["type"] not in SALES or before["amount_minor"] == event.amount_minor:
        return None
    if (before["changed_us"] or 0) >= versions.began_us:
        return None
    versions.changed += 1
    content = orjson.loads(event.data)
    content.pop(ID_BY_SENDER, None)
    written = orjson.dumps(content)
    at_us = versions.began_us
    return event._replace(
        id=f"{event.id}/{at_us}",
        type=ORDER_UPDATED,
        occurred_us=at_us,
        digest=digest_content(ORDER_UPDATED, event.customer_id, at_us, written),
        data=written.decode(),
    )


async def _find_elsewhere(driver: Driver, events: tuple[Event, ...]) -> set[str]:
    """Ids of orders and refunds that another source told of."""
    told = [(event, _number_of(event)) for event in events if event.type in _EXPORTED and event.reference]
    if not told:
        return set()
    rows = await driver.fetch(
        _ELSEWHERE,
        id=[event.id for event, _ in told],
        customer_id=[event.customer_id for event, _ in told],
        source=[event.source for event, _ in told],
        type=[event.type for event, _ in told],
        amount_minor=[str(event.amount_minor) for event, _ in told],
        reference=[event.reference for event, _ in told],
        number=[number for _, number in told],
        occurred_us=[str(event.occurred_us) for event, _ in told],
    )
    return {row["id"] for row in rows}


def _number_of(event: Event) -> str | None:
    """The order's number as it was written."""
    number: str | None = orjson.loads(event.data).get(ORDER_NUMBER) if f'"{ORDER_NUMBER}"' in event.data else None
    return number or event.reference
