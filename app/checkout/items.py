"""The step that counts what was bought and looked at, item by item; and that forgets what has been silent longest."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from app.checkout.batch import Batch
from app.checkout.item_queries import FIND_KEPT, FORGET, MERGE, MERGE_SUMMED, REMOVE_ITEMS, RESTATE_ITEMS
from app.lifecycle.events import ORDER_COMPLETED, Event
from app.lifecycle.identifiers import BASKET
from app.lifecycle.measures import NUMERIC
from app.lifecycle.state_columns import fold_columns
from app.lifecycle.states import INTEREST, ITEM, StateSpec

STRIDE: Final = 64
"""How many pieces or visits more until the states of a customer who may have too many are counted again."""
MANY: Final = 100
"""Events from which on they are summed here: below, a statement that does it all is the quicker one."""
_PLACE: Final = {measure.name: place for place, measure in enumerate(NUMERIC)}


async def count_items(batch: Batch) -> None:
    """Merges new orders' and refunds' lines, and looks at items, into the states of the items."""
    new = [event for event in batch.new_events() if not event.customer_id.startswith(BASKET)]
    bought = [event for event in new if event.lines is not None and event.type in ITEM.types]
    looked = [event for event in new if event.reference is not None and event.type in INTEREST.types]
    if bought:
        await _merge(batch, ITEM, bought)
        pieces = _summed((event.customer_id, event.items) for event in bought if event.type == ORDER_COMPLETED)
        await _forget(batch, ITEM, _strode(batch, "items", pieces))
    if looked:
        await _merge(batch, INTEREST, looked)
        await _forget(batch, INTEREST, _strode(batch, "visits", Counter(event.customer_id for event in looked)))


async def restate_items(batch: Batch, customer_ids: Sequence[str]) -> None:
    """Makes what these customers bought anew from the log, where it is not as kept."""
    await batch.driver.fetch(REMOVE_ITEMS, customer_ids=customer_ids)
    await batch.driver.fetch(RESTATE_ITEMS, customer_ids=customer_ids)
    await _forget(batch, ITEM, customer_ids)


async def _merge(batch: Batch, spec: StateSpec, events: Sequence[Event]) -> None:
    """Few by one statement. Of many the sums go to the database: as rows where a customer has no such states yet, to
    be merged where they have. Of customers of whom something was forgotten the statement knows what still counts.

    The customers' own rows are locked by then, so nobody writes such states of theirs meanwhile.
    """
    if len(events) < MANY:
        await _merge_events(batch, spec, events)
        return
    customer_ids = [*{event.customer_id for event in events}]
    kept = dict(await batch.driver.fetch(FIND_KEPT[spec.name], customer_id=customer_ids))
    forgetful = {customer_id for customer_id, has_horizon in kept.items() if has_horizon}
    if forgetful:
        await _merge_events(batch, spec, [event for event in events if event.customer_id in forgetful])
    begun = [event for event in events if event.customer_id in kept and event.customer_id not in forgetful]
    if begun:
        await batch.driver.fetch(MERGE_SUMMED[spec.name], **_columns(spec, begun))
    fresh = [event for event in events if event.customer_id not in kept]
    await batch.driver.copy(spec.table, _columns(spec, fresh))


async def _merge_events(batch: Batch, spec: StateSpec, events: Sequence[Event]) -> None:
    statement = MERGE[spec.name]
    facts = {name: [getattr(event, name) for event in events] for name in statement.names}
    await batch.driver.fetch(statement, **facts)


def _columns(spec: StateSpec, events: Sequence[Event]) -> dict[str, list[Any]]:
    """The states of the events, a list a column of the table."""
    names = (*spec.keys, *(measure.name for measure in spec.measures))
    return dict(zip(names, fold_columns(spec, events), strict=True))


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
