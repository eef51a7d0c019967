"""The step that notes what was delivered: a reservation becomes a contact, what nobody reserved is one too."""

from collections.abc import Mapping
from typing import Final

from app.checkout.batch import Batch
from app.database.contact_tables import contacts
from app.decisions.contact_queries import ADD_CONTACTS, DELIVER, FIND_RESERVED
from app.decisions.releasing import KEPT_DAYS
from app.decisions.service import checkout_decision_id
from app.lifecycle.events import ACTION_DELIVERED, DAY_US, Event

Key = tuple[str, str, str]
"""(customer, decision, action)."""
_COLUMNS: Final = tuple(contacts.c.keys())


async def note_delivered(batch: Batch) -> None:
    """Of new events. One that names no decision is of the first that is reserved of its action for the customer."""
    since_us = batch.now_us - KEPT_DAYS * DAY_US
    events = [event for event in batch.new_events() if event.type == ACTION_DELIVERED and event.occurred_us > since_us]
    if not events:
        return
    found = await _find_decisions(batch, [event for event in events if event.reference is None])
    told = {_key_of(event, found): event for event in events}
    keys = list(told)
    rows = await batch.driver.fetch(
        DELIVER,
        customer_id=[customer_id for customer_id, _, _ in keys],
        decision_id=[decision_id for _, decision_id, _ in keys],
        action_id=[action_id for _, _, action_id in keys],
        at_us=[event.occurred_us for event in told.values()],
    )
    noted = {(row["decision_id"], row["action_id"]) for row in rows}
    await _add(batch, {key: event for key, event in told.items() if key[1:] not in noted})


async def _find_decisions(batch: Batch, events: list[Event]) -> dict[tuple[str, str], str]:
    """(customer, action) → the first decision that reserved it."""
    if not events:
        return {}
    rows = await batch.driver.fetch(
        FIND_RESERVED,
        customer_id=[event.customer_id for event in events],
        action_id=[event.kind for event in events],
    )
    return {(row["customer_id"], row["action_id"]): row["decision_id"] for row in rows}


def _key_of(event: Event, found: Mapping[tuple[str, str], str]) -> Key:
    action_id = event.kind or ""
    decision_id = event.reference or found.get((event.customer_id, action_id))
    return event.customer_id, decision_id or checkout_decision_id(event.source, event.id), action_id


async def _add(batch: Batch, told: Mapping[Key, Event]) -> None:
    """What was delivered without a reservation counts for its customer, and against no budget."""
    if told:
        rows = [
            (*key, event.channel, event.occurred_us, event.occurred_us, None, None, 0) for key, event in told.items()
        ]
        await batch.driver.fetch(ADD_CONTACTS, **dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))
