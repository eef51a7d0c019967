"""An order that is told again under another id: what that says more than what was told first.

A thank-you page is reloaded, browser and server both tell of a sale, two tills close one table. The order is one. With
another amount the telling is kept as a version of it (`order.updated`), the later of which counts; with the same one
it is kept where it says more of who bought, and is a duplicate else.
"""

import orjson

from app.checkout.batch import Batch, Known
from app.ingest.admission import digest_content, is_same_content
from app.ingest.order_identity import AGAIN, ID_BY_SENDER, NAMED, SHOPS, OrderIdentity, id_by_sender, name_order
from app.lifecycle.events import ORDER_COMPLETED, ORDER_UPDATED, Event, told_type
from app.lifecycle.identifiers import BASKET, is_pseudonym, pseudonyms_in


def tell_again(batch: Batch) -> list[Event]:
    """Settles the orders of the batch that were told before under another id; what is to be counted of them, which is
    of the batch then, no one twice."""
    found: list[Event] = []
    for event in [each for submission in batch.submissions for each in submission.events]:
        if event.type != ORDER_COMPLETED or (earlier := batch.earlier(event)) is event:
            continue
        if told_type(earlier.type) != ORDER_COMPLETED or event.id != name_order(event.reference or ""):
            continue
        sent_as = id_by_sender(event.data)
        if sent_as is None and f"{event.source}/".startswith(SHOPS):
            batch.again[id(event)] = None  # two deliveries at once: each has its version beside it
        elif sent_as != id_by_sender(earlier.data):
            batch.again[id(event)] = kept = _keep(event, earlier, batch.identity)
            if kept is not None and batch.events.setdefault((kept.source, kept.id), kept) is kept:
                found.append(kept)
    return found


def _keep(event: Event, earlier: Known | Event, identity: OrderIdentity) -> Event | None:
    """What is kept of an order's other telling; None: it says nothing more."""
    if event.digest != earlier.digest and not is_same_content(event, earlier):
        return _as_update(event, AGAIN, identity)
    return _as_update(event, NAMED, identity) if _names_more(event, earlier) else None


def _names_more(event: Event, earlier: Known | Event) -> bool:
    """Whether it tells of ids that the other does not; another account than it has is no more, but a contradiction."""
    told = {event.customer_id, *pseudonyms_in(orjson.loads(event.data))}
    known = {earlier.customer_id, *pseudonyms_in(orjson.loads(earlier.data))}
    more = {each for each in told - known if not each.startswith(BASKET)}
    accounts = [each for each in (event.customer_id, earlier.customer_id) if not is_pseudonym(each)]
    return bool(more) and len({*accounts}) < 2


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
