"""The steps that keep an order one thing: what was said of it last counts, in whichever order it comes."""

from app.checkout.batch import Batch
from app.checkout.order_queries import CLAIM_ORDERS, FIND_CHANGED, LOCK_STATES, RESTATE_CUSTOMERS, RESTATE_ORDERS
from app.customers.state import CustomerState
from app.lifecycle.events import ORDER_COMPLETED


async def claim_orders(batch: Batch) -> None:
    """Waits for whoever counts the same orders now; of those that are changed, locks whom that may concern."""
    orders = batch.identity.orders_of(batch.events.values())
    if not orders["source"]:
        return
    await batch.driver.fetch(CLAIM_ORDERS, **orders)
    if changed := [event for event in batch.events.values() if event.type != ORDER_COMPLETED]:
        customer_ids = sorted({event.customer_id for event in batch.events.values()})
        await batch.driver.fetch(LOCK_STATES, customer_ids=customer_ids, **batch.identity.orders_of(changed))


async def restate_orders(batch: Batch) -> None:
    """Makes new of orders what was said of them, before or now, and of whoever bought them the state."""
    orders = batch.identity.orders_of(batch.new_events())
    if not orders["source"]:
        return
    found = await batch.driver.fetch(FIND_CHANGED, **orders)
    if not found:
        return
    changed = {"source": [row["source"] for row in found], "reference": [row["reference"] for row in found]}
    rows = await batch.driver.fetch(RESTATE_ORDERS, **changed)
    if not rows:
        return
    customer_ids = sorted({row["customer_id"] for row in rows})
    await batch.driver.fetch(LOCK_STATES, customer_ids=customer_ids, source=[], reference=[])
    for row in await batch.driver.fetch(RESTATE_CUSTOMERS, customer_ids=customer_ids):
        customer_id, numbers, texts, offered, open_complaints, recorded, is_in_person = row
        if not is_in_person:
            batch.states[customer_id] = CustomerState(customer_id, numbers, texts, offered, open_complaints)
            batch.recorded[customer_id] = recorded
