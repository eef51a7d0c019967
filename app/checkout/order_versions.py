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

from app.checkout.unnamed_orders import Owner, find_owners
from app.database.engine import Driver, compile_statement
from app.ingest.intake import Submission
from app.ingest.order_identity import ID_BY_SENDER, NAMED, ORDER_NUMBER, name_order
from app.ingest.repeats import digest_content
from app.lifecycle.events import ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED, SALES, Event, to_major
from app.lifecycle.identifiers import BASKET

_EXPORTED: Final = (ORDER_COMPLETED, ORDER_REFUNDED)


@dataclass(slots=True)
class Versions:
    """Orders of one source that a file brings, at an import that began at `began_us`; and what was found of them.

    `digits`: of the currency's minor unit. `elsewhere`: orders and refunds known from another source; `changed` and
    `cancelled`: known from this one, and told anew; `named`: nobody's, of which it is told whose they are.
    """

    source: str
    began_us: int
    digits: int
    has_own: bool = True
    has_others: bool = True
    elsewhere: int = field(default=0, init=False)
    changed: int = field(default=0, init=False)
    cancelled: int = field(default=0, init=False)
    named: int = field(default=0, init=False)
    owners: dict[str, Owner] = field(default_factory=dict, init=False)
    """Of orders that the file tells of as nobody's, and are somebody's."""


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
SELECT events.id, events.type, events.customer_id, events.amount_minor,
       (SELECT max(change.occurred_us) FROM events AS change
        WHERE change.source = events.source AND change.reference = events.reference
          AND change.type IN ('order.updated', 'order.cancelled') AND change.kind IS NULL)
       AS changed_us,
       part.amount_minor AS parts_minor, greatest(part.received_us, events.received_us) AS part_us
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
        events = tuple(await find_owners(driver, versions.source, events, versions.owners))
        settled = await _settle_own(driver, events, versions)
        known = sum(after is None and not _is_correction(before) for before, after in zip(events, settled, strict=True))
        events = tuple([event for event in settled if event is not None])
    events = tuple([event for event in events if event.type != ORDER_CANCELLED or versions.has_own])
    doubles = await _find_elsewhere(driver, events) if versions.has_others else set[str]()
    versions.elsewhere += len(doubles)
    events = tuple([event for event in events if event.id not in doubles])
    return submission._replace(events=events), known + len(doubles)


async def _settle_own(driver: Driver, events: tuple[Event, ...], versions: Versions) -> list[Event | None]:
    """Of each what is to be counted, None: it is known as it is. Cancellations of what is not known are left out."""
    ids = [name_order(event.reference or "") if event.type == ORDER_CANCELLED else event.id for event in events]
    nobodys = [_of_nobody(event) for event in events]
    asked = list(dict.fromkeys([*ids, *(name_order(each) for each in nobodys if each is not None)]))
    rows = await driver.fetch(_OWN, source=[versions.source] * len(asked), id=asked)
    known = {row["id"]: row for row in rows}
    return [
        _settle(*_known_as(event, nobody, id_, known), versions)
        for event, nobody, id_ in zip(events, nobodys, ids, strict=True)
    ]


def _settle(event: Event, before: Mapping[str, Any] | None, versions: Versions) -> Event | None:
    if event.type == ORDER_CANCELLED:
        if before is None or before["type"] not in SALES:
            return None
        versions.cancelled += 1
        return _at_import(event, ORDER_CANCELLED, versions)
    if before is None:
        return None if _is_correction(event) else event
    if event.type == ORDER_COMPLETED:
        return _change(event, before, versions)
    return _correct_refund(event, before, versions) if event.type == ORDER_REFUNDED else event


def _is_correction(event: Event) -> bool:
    """Whether it matters only where another file said otherwise: an order that is none, a refund of nothing."""
    is_empty = event.type == ORDER_REFUNDED and not event.amount_minor and not event.lines
    return is_empty or event.type == ORDER_CANCELLED


def _of_nobody(event: Event) -> str | None:
    """What an order of a file was known by while it was nobody's; None: it still is, or has no more than a number."""
    of_customer = f"/{event.customer_id}"
    is_named = not event.customer_id.startswith(BASKET) and (event.reference or "").endswith(of_customer)
    return (event.reference or "")[: 1 - len(of_customer)] if is_named else None


def _known_as(
    event: Event, nobody: str | None, id_: str, known: Mapping[str, Any]
) -> tuple[Event, Mapping[str, Any] | None]:
    """The event, of the order that is known as nobody's where that is the one; and what is known of it."""
    order = None if nobody is None else known.get(name_order(nobody))
    if nobody is None or order is None or name_order(event.reference or "") in known:
        return event, known.get(id_)
    is_its = order["customer_id"].startswith(BASKET) or order["customer_id"] == event.customer_id
    if not is_its or (event.type == ORDER_COMPLETED and event.amount_minor != order["amount_minor"]):
        return event, known.get(id_)
    id_ = event.id if event.type == ORDER_REFUNDED else name_order(nobody)
    return event._replace(reference=nobody, id=id_), known.get(id_)


def _correct_refund(event: Event, before: Mapping[str, Any], versions: Versions) -> Event | None:
    """What came back since, as a refund of its own, below 0 where it is less by now; None where nothing did, or a later
    import said otherwise."""
    more_minor = event.amount_minor - before["amount_minor"] - (before["parts_minor"] or 0)
    if more_minor == 0 or before["part_us"] >= versions.began_us:
        return None
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
    """The order as a version of what it was before, or by whom it names; None where it is that already, or was changed
    since."""
    names_customer = before["customer_id"].startswith(BASKET) and not event.customer_id.startswith(BASKET)
    is_same = before["type"] in SALES and before["amount_minor"] == event.amount_minor
    if is_same or (before["changed_us"] or 0) >= versions.began_us:
        if not names_customer:
            return None
        versions.named += 1
        return _at_import(event, ORDER_UPDATED, versions)._replace(kind=NAMED)
    versions.changed += 1
    return _at_import(event, ORDER_UPDATED, versions)


def _at_import(event: Event, type_: str, versions: Versions) -> Event:
    """What an import says of an order that is known, told when it began."""
    content = orjson.loads(event.data)
    content.pop(ID_BY_SENDER, None)
    written = orjson.dumps(content)
    at_us = versions.began_us
    return event._replace(
        id=f"{event.id}/{at_us}",
        type=type_,
        occurred_us=at_us,
        digest=digest_content(type_, event.customer_id, at_us, written),
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
