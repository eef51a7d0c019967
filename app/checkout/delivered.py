"""The step that notes what was delivered: a reservation becomes a contact, what nobody reserved is one too."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from app.checkout.batch import Batch
from app.database.contact_tables import contacts
from app.decisions.contact_queries import ADD_CONTACTS, DELIVER, FIND_RESERVED
from app.decisions.releasing import KEPT_DAYS
from app.decisions.service import checkout_decision_id
from app.decisions.writing import write_decisions
from app.lifecycle.events import ACTION_DELIVERED, DAY_US, Event

Key = tuple[str, str, str]
"""(customer, decision, action)."""
Pair = tuple[str, str]
"""(customer, action)."""
_COLUMNS: Final = tuple(contacts.c.keys())


class Reserved(NamedTuple):
    """A decision that reserves an action, and until when."""

    decision_id: str
    until_us: int


async def note_delivered(batch: Batch) -> None:
    """Of new events. One that names no decision is of the first that is reserved of its action for the customer when it
    happens, and that no other is of."""
    since_us = batch.now_us - KEPT_DAYS * DAY_US
    events = [event for event in batch.new_events() if event.type == ACTION_DELIVERED and event.occurred_us > since_us]
    if not events:
        return
    told = _assign(events, await _find_reserved(batch, [event for event in events if event.reference is None]))
    keys = list(told)
    rows = await batch.driver.fetch(
        DELIVER,
        customer_id=[customer_id for customer_id, _, _ in keys],
        decision_id=[decision_id for _, decision_id, _ in keys],
        action_id=[action_id for _, _, action_id in keys],
        at_us=[event.occurred_us for event in told.values()],
    )
    noted = {(row["decision_id"], row["action_id"]) for row in rows}
    late = {key: event for key, event in told.items() if key[1:] not in noted}
    await _add(batch, late)
    for (customer_id, _, action_id), event in sorted(late.items(), key=lambda each: each[1].occurred_us):
        if event.reference:
            batch.delivered_late[customer_id, action_id] = event.occurred_us


async def cool_down(batch: Batch) -> None:
    """What was delivered after all cools down again. With decisions, where some are written: who locked offers
    twice could wait for one who waits in turn."""
    if batch.delivered_late:
        await write_decisions(batch.driver, (), batch.delivered_late)
        batch.delivered_late.clear()


async def _find_reserved(batch: Batch, events: list[Event]) -> dict[Pair, list[Reserved]]:
    """Reservations of an action for a customer, the first decided first."""
    found: dict[Pair, list[Reserved]] = {}
    if events:
        pairs = list({_pair_of(event) for event in events})
        customer_ids, action_ids = (list(each) for each in zip(*pairs, strict=True))
        rows = await batch.driver.fetch(FIND_RESERVED, customer_id=customer_ids, action_id=action_ids)
        for customer_id, action_id, *reserved in rows:
            found.setdefault((customer_id, action_id), []).append(Reserved(*reserved))
    return found


def _assign(events: list[Event], reserved: Mapping[Pair, Sequence[Reserved]]) -> dict[Key, Event]:
    """What each word is of: the decision that it names, else one that is reserved, else none but itself."""
    told = {(event.customer_id, event.reference, _pair_of(event)[1]): event for event in events if event.reference}
    taken = {(decision_id, action_id) for _, decision_id, action_id in told}
    for event in sorted((event for event in events if not event.reference), key=attrgetter("occurred_us")):
        customer_id, action_id = pair = _pair_of(event)
        own_id = checkout_decision_id(event.source, event.id)
        free = (
            each.decision_id
            for each in reserved.get(pair, ())
            if each.until_us > event.occurred_us and (each.decision_id, action_id) not in taken
        )
        decision_id = next(free, own_id)
        taken.add((decision_id, action_id))
        told[customer_id, decision_id, action_id] = event
    return told


def _pair_of(event: Event) -> Pair:
    return event.customer_id, event.kind or ""


async def _add(batch: Batch, told: Mapping[Key, Event]) -> None:
    """What was delivered without a reservation counts for its customer, and against no budget."""
    if told:
        rows = [
            (*key, event.channel, event.occurred_us, event.occurred_us, None, None, 0) for key, event in told.items()
        ]
        await batch.driver.fetch(ADD_CONTACTS, **dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))
