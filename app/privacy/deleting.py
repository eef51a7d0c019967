"""All rows of a person, deleted within a transaction beside which nobody counts events."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.checkout.order_owners import REMOVE_EMPTY
from app.checkout.order_queries import RESTATE_CUSTOMERS
from app.customers.linking import relink
from app.database.engine import Borrowed
from app.decisions.reservation_queries import uncount
from app.ingest.naming import ids_in, texts_of
from app.loyalty.queries import hold
from app.privacy import erasure_queries as queries
from app.privacy.held import HELD
from app.privacy.queries import read_refused

LARGE: Final = (
    *("events", "customer_items", "customer_interests", "decisions", "recommendations", "recommendation_shadows"),
    *("price_offers", "predictions", "stage_transitions", "contacts", "loyalty_entries", "loyalty_lots"),
)
"""Tables of which a person may have many rows, deleted in pieces first."""
_FIRST: Final = ("contact_turns", "contacts")
"""Locked before counters and decisions, as whoever decides does it."""


async def delete_person(connection: AsyncConnection, customer_ids: Sequence[str]) -> Counter[str]:
    """Deletes every row that is of these ids, and what others say of them; how many of each table. Others are made anew
    from what is left of theirs.
    """
    await hold(connection, customer_ids)  # nobody posts points meanwhile
    rows: Counter[str] = Counter()
    rows["contact_turns"] = await queries.delete_all(connection, "contact_turns", customer_ids)
    contacts = await queries.delete_contacts(connection, customer_ids)
    await uncount(connection, [each for each in contacts if each.reserved_until_us is not None])
    rows["contacts"] = len(contacts)
    others = await queries.find_neighbours(connection, customer_ids)
    told_by = await queries.delete_naming(connection, customer_ids, others)
    rows["events"] = len(told_by)
    rows["base_links"] = await queries.delete_base_links(connection, customer_ids)
    for name in HELD:
        if name not in (*_FIRST, "base_links"):
            rows[name] += await queries.delete_all(connection, name, customer_ids)
    if others:  # who keep what they say of identifiers that the person had too
        await relink(Borrowed(connection), others, customer_ids)
    await _restate(Borrowed(connection), sorted(set(told_by)))
    return +rows


async def delete_refused(connection: AsyncConnection, customer_ids: Sequence[str]) -> int:
    """Deletes the rejected events that name one of these ids; how many."""
    found = await read_refused(connection, texts_of(customer_ids))
    named = [each.rejected_id for each in found if not set(ids_in(orjson.loads(each.event))).isdisjoint(customer_ids)]
    return await queries.delete_refused(connection, named) if named else 0


async def _restate(driver: Borrowed, customer_ids: list[str]) -> None:
    """Makes the states of those anew some of whose events are gone."""
    if customer_ids:
        await driver.fetch(RESTATE_CUSTOMERS, customer_ids=customer_ids)
        await driver.fetch(REMOVE_EMPTY, customer_ids=customer_ids)
