"""The step that counts what was bought and looked at, item by item; and that forgets what has been silent longest."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from app.checkout.batch import Batch
from app.checkout.item_queries import FORGET, MERGE_INTERESTS, MERGE_ITEMS, REMOVE_ITEMS, RESTATE_ITEMS
from app.database.engine import Statement
from app.lifecycle.events import ORDER_COMPLETED, Event
from app.lifecycle.identifiers import BASKET
from app.lifecycle.measures import NUMERIC
from app.lifecycle.states import INTEREST, ITEM, StateSpec

STRIDE: Final = 64
"""How many pieces or visits more until the states of a customer who may have too many are counted again."""
_PLACE: Final = {measure.name: place for place, measure in enumerate(NUMERIC)}


async def count_items(batch: Batch) -> None:
    """Merges new orders' and refunds' lines, and looks at items, into the states of the items."""
    new = [event for event in batch.new_events() if not event.customer_id.startswith(BASKET)]
    bought = [event for event in new if event.lines is not None and event.type in ITEM.types]
    looked = [event for event in new if event.reference is not None and event.type in INTEREST.types]
    if bought:
        await _merge(batch, MERGE_ITEMS, bought)
        pieces = _summed((event.customer_id, event.items) for event in bought if event.type == ORDER_COMPLETED)
        await _forget(batch, ITEM, _strode(batch, "items", pieces))
    if looked:
        await _merge(batch, MERGE_INTERESTS, looked)
        await _forget(batch, INTEREST, _strode(batch, "visits", Counter(event.customer_id for event in looked)))


async def restate_items(batch: Batch, customer_ids: Sequence[str]) -> None:
    """Makes what these customers bought anew from the log, where it is not as kept."""
    await batch.driver.fetch(REMOVE_ITEMS, customer_ids=customer_ids)
    await batch.driver.fetch(RESTATE_ITEMS, customer_ids=customer_ids)
    await _forget(batch, ITEM, customer_ids)


async def _merge(batch: Batch, statement: Statement, events: Sequence[Event]) -> None:
    facts = {name: [getattr(event, name) for event in events] for name in statement.names}
    await batch.driver.fetch(statement, **facts)


def _summed(counts: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    sums: Counter[str] = Counter()
    for customer_id, count in counts:
        sums[customer_id] += count
    return sums


def _strode(batch: Batch, measure: str, added: Mapping[str, int]) -> list[str]:
    """Who may have more states than are kept, by a sum that is no less, and has made a stride since."""
    place, found = _PLACE[measure], list[str]()
    for customer_id, count in added.items():
        now = int(batch.numbers[customer_id][place] or 0)
        if now > batch.items_kept and now // STRIDE > (now - count) // STRIDE:
            found.append(customer_id)
    return found


async def _forget(batch: Batch, spec: StateSpec, customer_ids: Sequence[str]) -> None:
    if customer_ids:
        await batch.driver.fetch(FORGET[spec.name], customer_ids=customer_ids, most=batch.items_kept)
