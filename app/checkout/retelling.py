"""An order that is told again under another id: what that says more than what was told first.

A thank-you page is reloaded, browser and server both tell of a sale, two tills close one table. The order is one. With
another amount the telling is kept as a version of it (`order.updated`), the later of which counts; with the same one
it is kept where it says more of who bought, and is a duplicate else.
"""

from collections.abc import Sequence
from typing import Final

import orjson
from sqlalchemy import ARRAY, Text, bindparam, text

from app.checkout.batch import Batch, Known
from app.database.engine import compile_statement
from app.ingest.order_identity import AGAIN, ID_BY_SENDER, NAMED, SHOPS, OrderIdentity, id_by_sender, name_order
from app.ingest.repeats import digest_content, is_same_content
from app.lifecycle.events import ORDER_COMPLETED, ORDER_UPDATED, Event, told_type
from app.lifecycle.identifiers import BASKET, is_pseudonym, pseudonyms_in
from app.lifecycle.persons import CUSTOMERS_BEFORE

FIND_NAMES: Final = compile_statement(
    text(f"""
SELECT events.source, events.reference, events.customer_id, CAST(events.data AS text) AS data
FROM unnest(CAST(:source AS text[]), CAST(:reference AS text[])) AS told (source, reference)
JOIN events ON events.source = told.source AND events.reference = told.reference
 AND events.type = '{ORDER_UPDATED}' AND events.kind = '{NAMED}'
""").bindparams(bindparam("source", type_=ARRAY(Text)), bindparam("reference", type_=ARRAY(Text)))  # noqa: S608
)
"""Rows: by whom else these orders were named before."""

Order = tuple[str, str | None]
"""Source and reference."""


async def tell_again(batch: Batch) -> list[Event]:
    """Settles the orders of the batch that were told before under another id; what is to be counted of them, which is
    of the batch then, no one twice."""
    retold = [(event, earlier) for event in _orders_of(batch) if (earlier := _told_before(event, batch)) is not None]
    names = await _read_names(batch, [event for event, earlier in retold if _names_more(event, _names_of(earlier))])
    found: list[Event] = []
    for event, earlier in retold:
        named = names.get((event.source, event.reference), set())
        batch.again[id(event)] = kept = _keep(event, earlier, named, batch.identity)
        if kept is not None and batch.events.setdefault((kept.source, kept.id), kept) is kept:
            found.append(kept)
    return found


def _orders_of(batch: Batch) -> list[Event]:
    return [event for each in batch.submissions for event in each.events if event.type == ORDER_COMPLETED]


def _told_before(event: Event, batch: Batch) -> Known | Event | None:
    """What was told of the order under another id, or by a shop's delivery of the same moment: None of that it keeps,
    since each has its version beside it."""
    if (earlier := batch.earlier(event)) is event:
        return None
    if told_type(earlier.type) != ORDER_COMPLETED or event.id != name_order(event.reference or ""):
        return None
    sent_as = id_by_sender(event.data)
    if sent_as is None and f"{event.source}/".startswith(SHOPS):
        batch.again[id(event)] = None
        return None
    return earlier if sent_as != id_by_sender(earlier.data) else None


async def _read_names(batch: Batch, events: Sequence[Event]) -> dict[Order, set[str]]:
    """Of orders that are named otherwise than first: by whom they were named since. To be added to."""
    names: dict[Order, set[str]] = {(event.source, event.reference): set() for event in events}
    if names:
        sources, references = map(list, zip(*names, strict=True))
        for row in await batch.driver.fetch(FIND_NAMES, source=sources, reference=references):
            names[row["source"], row["reference"]] |= _names(row["customer_id"], row["data"])
    return names


def _keep(event: Event, earlier: Known | Event, named: set[str], identity: OrderIdentity) -> Event | None:
    """What is kept of an order's other telling; None: it says nothing more. Adds to those by whom it was `named`."""
    if event.digest != earlier.digest and not is_same_content(event, earlier):
        return _as_update(event, AGAIN, identity)
    if not _names_more(event, _names_of(earlier) | named) or not _may_be_one(event, earlier):
        return None
    named |= _names_of(event)
    return _as_update(event, NAMED, identity)


def _names_more(event: Event, known: set[str]) -> bool:
    """Whether it tells of ids that are not known of the order."""
    return any(not each.startswith(BASKET) for each in _names_of(event) - known)


def _may_be_one(event: Event, earlier: Known | Event) -> bool:
    """Another account than the order has is no more, but a contradiction."""
    return len({each for each in (event.customer_id, earlier.customer_id) if not is_pseudonym(each)}) < 2


def _names_of(event: Known | Event) -> set[str]:
    return _names(event.customer_id, event.data)


def _names(customer_id: str, data: str) -> set[str]:
    content = orjson.loads(data)
    return {customer_id, *content.get(CUSTOMERS_BEFORE, ()), *pseudonyms_in(content)}


def _as_update(event: Event, kind: str, identity: OrderIdentity) -> Event:
    content = orjson.loads(event.data)
    id_ = content.pop(ID_BY_SENDER, event.id)
    written = orjson.dumps(content)
    return event._replace(
        id=identity.name_event(event.source, id_, event.reference),
        type=ORDER_UPDATED,
        kind=kind,
        digest=digest_content(ORDER_UPDATED, event.customer_id, event.occurred_us, written),
        data=written.decode(),
    )
