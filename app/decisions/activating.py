"""Decisions that are prepared and shown later, or never: what they reserve is kept for a time, then given back."""

import time
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.background import SERVICE_SHARE, yield_to_requests
from app.database.engine import transaction
from app.decisions import activation_queries as queries
from app.decisions.receipt_queries import read_decision
from app.decisions.reservation_queries import show_contacts
from app.foundation.errors import NotFound, TooLate
from app.lifecycle.contact_gate import ContactRules

MOST_AT_ONCE: Final = 500


async def activate_decision(connection: AsyncConnection, decision_id: str, now_us: int, rules: ContactRules) -> int:
    """When the decision was shown: now, or before. Raises NotFound, or TooLate where it was given back."""
    await show_contacts(connection, decision_id, now_us, rules.reserved_us, rules.policy.shown_at_once)
    is_new = await queries.activate(connection, decision_id, now_us)
    row = await read_decision(connection, decision_id)
    if row is None:
        raise NotFound("There is no such decision.")
    if is_new or row.activated_us:
        return int(row.activated_us)
    if row.activated_us == 0 or row.reserved_until_us is not None:
        raise TooLate("The decision was not activated in time, and what it reserved is given back.")
    return int(row.decided_us)


async def give_back_all(engine: AsyncEngine, now_us: int) -> int:
    """Gives back what was reserved until now; of how many decisions."""
    number = 0
    while True:
        began = time.perf_counter()
        async with transaction(engine) as connection:
            returned = await queries.give_back(connection, now_us, MOST_AT_ONCE)
        number += len(returned)
        if len(returned) < MOST_AT_ONCE:
            return number
        await yield_to_requests(began, SERVICE_SHARE)
