"""The steps that keep an order one thing: what was said of it last counts, in whichever order it comes."""

from collections.abc import Sequence

from app.checkout.batch import Batch
from app.checkout.items import restate_items
from app.checkout.order_owners import give_to_owners, remove_empty
from app.checkout.order_queries import FIND_CHANGED, LOCK_STATES, RESTATE_CUSTOMERS, RESTATE_ORDERS
from app.checkout.till_refunds import RESTATE_TILL_ORDERS, till_orders
from app.customers.state import CustomerState
from app.lifecycle.events import ORDER_COMPLETED, Event


async def lock_states(batch: Batch) -> None:
    """Locks whom the changes of orders may concern, before anybody's state is touched."""
    if changed := [event for event in batch.events.values() if event.type != ORDER_COMPLETED]:
        orders = batch.identity.orders_of(changed)
        if orders["source"]:
            customer_ids = sorted({event.customer_id for event in batch.events.values()})
            await batch.driver.fetch(LOCK_STATES, customer_ids=customer_ids, **orders)


async def restate_orders(batch: Batch) -> None:
    """Makes new of orders what was said of them, before or now, and of whoever bought them the state."""
    new = list(batch.new_events())
    customer_ids = sorted({*await _restate_known(batch, new), *await _restate_till_orders(batch, new)})
    if not customer_ids:
        return
    batch.restated.update(customer_ids)
    await batch.driver.fetch(LOCK_STATES, customer_ids=customer_ids, source=[], reference=[])
    if batch.moved:
        await remove_empty(batch, customer_ids)
    await restate_items(batch, customer_ids)
    for row in await batch.driver.fetch(RESTATE_CUSTOMERS, customer_ids=customer_ids):
        customer_id, numbers, texts, offered, complaints, words, recorded, is_in_person = row
        if not is_in_person:
            batch.states[customer_id] = CustomerState(customer_id, numbers, texts, offered, complaints, words)
            batch.recorded[customer_id] = recorded


async def _restate_known(batch: Batch, new: Sequence[Event]) -> list[str]:
    """Of orders with identity. Returns whose events have other facts now."""
    orders = batch.identity.orders_of(new)
    if not orders["source"] or (not batch.told_before and all(event.type == ORDER_COMPLETED for event in new)):
        return []
    found = await batch.driver.fetch(FIND_CHANGED, **orders)
    if not found:
        return []
    changed = {"source": [row["source"] for row in found], "reference": [row["reference"] for row in found]}
    owned = await give_to_owners(batch, changed)
    return [*owned, *(row["customer_id"] for row in await batch.driver.fetch(RESTATE_ORDERS, **changed))]


async def _restate_till_orders(batch: Batch, new: Sequence[Event]) -> list[str]:
    """Of orders without. Returns the same."""
    found = till_orders(new, batch.identity, told_before=batch.told_before > 0)
    if not found:
        return []
    customer_ids, sources, references = map(list, zip(*found, strict=True))
    given = {"customer_id": customer_ids, "source": sources, "reference": references}
    return [row["customer_id"] for row in await batch.driver.fetch(RESTATE_TILL_ORDERS, **given)]
