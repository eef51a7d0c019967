"""The step that marks whoever may earn points, or lose some: what comes of it is posted later (`app.loyalty`)."""

from typing import Final

from app.checkout.batch import Batch
from app.lifecycle import events as e
from app.lifecycle.identifiers import BASKET
from app.loyalty.queries import MARK

_TYPES: Final = frozenset((e.ORDER_COMPLETED, e.ORDER_REFUNDED, e.ACTION_REDEEMED))


async def mark_earners(batch: Batch) -> None:
    """Nothing, and at no cost, where there is no loyalty programme."""
    if not batch.earns_points:
        return
    found = {event.customer_id for event in batch.new_events() if event.type in _TYPES} | batch.restated
    if customer_ids := sorted(each for each in found if not each.startswith(BASKET)):
        await batch.driver.fetch(MARK, customer_ids=customer_ids)
