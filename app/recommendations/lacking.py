"""Actions that speak of items, and whether there are any for the customer: a reminder of nothing is none."""

import asyncio
import time
from collections.abc import Collection
from typing import Final

import numpy as np

from app.customers.item_states import ItemStates
from app.customers.state import CustomerState
from app.decisions.carrying import CARRIED
from app.foundation.errors import NotReady
from app.foundation.logs import log
from app.http.resources import Resources
from app.lifecycle.identifiers import BASKET
from app.lifecycle.states import ITEM
from app.recommendations.held import Recommendations
from app.recommendations.histories import History, OfWhom
from app.recommendations.recommending import ITEMS_OF_AN_ACTION
from app.recommendations.service import has_any
from app.recommendations.wanted import Wanted


async def find_lacking(
    resources: Resources, customer_id: str, action_ids: Collection[str], due_s: float
) -> frozenset[str]:
    """For `app.decisions`: those of these actions that have no items for the customer."""
    histories = resources.of(Recommendations).histories
    try:
        async with asyncio.timeout_at(due_s):
            history = _NOBODY if customer_id.startswith(BASKET) else await histories.submit(OfWhom(customer_id))
    except (TimeoutError, NotReady):
        return frozenset()
    return _lacking(resources, history, action_ids)


def lacking_of(
    resources: Resources, customer: CustomerState, items: ItemStates, action_ids: Collection[str]
) -> frozenset[str]:
    """The same, of a customer of whom all is read."""
    return _lacking(resources, History(customer, items, {}), action_ids)


def _lacking(resources: Resources, history: History, action_ids: Collection[str]) -> frozenset[str]:
    held, now_us = resources.of(Recommendations), time.time_ns() // 1000
    try:
        return frozenset(
            action_id
            for action_id in action_ids
            if not has_any(
                Wanted(CARRIED[action_id], ITEMS_OF_AN_ACTION), history, held.assortment(), held.rules, now_us
            )
        )
    except Exception as error:  # noqa: BLE001 - no decision fails for the items that it carries
        log.defect("recommendation.failed", error)
        return frozenset()


_NOBODY: Final = History(None, ItemStates(ITEM, [], np.empty((0, len(ITEM.measures)))), {})
