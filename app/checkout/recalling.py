"""Events that have left the log since they were too old come again: they are told as duplicates, and not counted.

Only what is old can have left, so that nothing is asked of what a till sends. What may come again at a later time than
it left at is asked for at any age: an order that is known by its number, and what a device's wrong clock told. Whoever
counts such events shares a lock that whoever lets events leave holds alone: the look, which comes after it, sees all
that have left.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import ARRAY, LargeBinary, bindparam, func, select

from app.checkout.batch import Batch, Known
from app.database.engine import compile_statement
from app.database.tables import left_events
from app.ingest.clocks import CLAIMED_TIME
from app.ingest.order_identity import name_order
from app.lifecycle.events import DAY_US, Event
from app.lifecycle.retention import LEAST_EVENT_DAYS

LEAVING: Final = 0x6C656176  # "leav": shared by all that count old events, held alone while some leave
YOUNG_US: Final = (LEAST_EVENT_DAYS - 1) * DAY_US
"""So young an event cannot have left, if its time is as it was."""
_HOLD: Final = f"SELECT pg_advisory_xact_lock_shared({LEAVING})"

FIND_LEFT: Final = compile_statement(
    select(left_events.c.key_hash).where(
        left_events.c.key_hash == func.any(bindparam("hashes", type_=ARRAY(LargeBinary)))
    )
)


def begin_recalling(begin: str, events: Iterable[Event], now_us: int) -> str:
    """Begins a transaction beside which nothing leaves, if it is to count what may have left."""
    return f"{begin}; {_HOLD}" if any(_may_have_left(event, now_us) for event in events) else begin


def _may_have_left(event: Event, now_us: int) -> bool:
    return (
        event.occurred_us < now_us - YOUNG_US
        or event.id == name_order(event.reference or "")
        or f'"{CLAIMED_TIME}"' in event.data
    )


async def recall_left(batch: Batch) -> None:
    """Has those of the batch that have left known as they come: their content is not compared."""
    keys = batch.left_keys
    if keys is None:
        return
    asked = [event for event in batch.events.values() if _may_have_left(event, batch.now_us)]
    by_hash = {keys.hash(event.source, event.id): event for event in asked}
    if not by_hash:
        return
    for row in await batch.driver.fetch(FIND_LEFT, hashes=list(by_hash)):
        event = by_hash[bytes(row["key_hash"])]
        batch.known[event.source, event.id] = Known(
            *(event.source, event.id, event.customer_id, event.type, event.occurred_us, event.digest, event.data)
        )
