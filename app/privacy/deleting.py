"""All rows of a person, deleted within a transaction beside which nobody counts events."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.checkout.order_owners import REMOVE_EMPTY
from app.checkout.order_queries import RESTATE_CUSTOMERS
from app.customers.linking import LinkingEvent, edges_of, merge_links, regroup
from app.customers.linking_queries import LOCK_PERSONS
from app.customers.relinking_queries import LINKING_EVENTS_KNOWN, READ_BASE_LINKS
from app.database.engine import Borrowed
from app.decisions.reservation_queries import uncount
from app.ingest.naming import ids_in, texts_of
from app.lifecycle.persons import Edge
from app.privacy import erasure_queries as queries
from app.privacy.held import HELD
from app.privacy.queries import read_refused

LARGE: Final = (
    *("events", "customer_items", "customer_interests", "decisions", "recommendations", "recommendation_shadows"),
    *("price_offers", "predictions", "stage_transitions", "contacts"),
)
"""Tables of which a person may have many rows, deleted in pieces first."""
_FIRST: Final = ("contact_turns", "contacts")
"""Locked before counters and decisions, as whoever decides does it."""
_EVER_US: Final = 2**62


async def delete_person(connection: AsyncConnection, customer_ids: Sequence[str]) -> Counter[str]:
    """Deletes every row that is of these ids, and what others say of them; how many of each table. Others are made anew
    from what is left of theirs.
    """
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
    await _relink(Borrowed(connection), customer_ids, others)
    await _restate(Borrowed(connection), sorted(set(told_by)))
    return +rows


async def delete_refused(connection: AsyncConnection, customer_ids: Sequence[str]) -> int:
    """Deletes the rejected events that name one of these ids; how many."""
    found = await read_refused(connection, texts_of(customer_ids))
    named = [each.rejected_id for each in found if not set(ids_in(orjson.loads(each.event))).isdisjoint(customer_ids)]
    return await queries.delete_refused(connection, named) if named else 0


async def _relink(driver: Borrowed, customer_ids: Collection[str], others: Collection[str]) -> None:
    """Gives back to others what they say of identifiers that the person had too, and works out anew who they are."""
    if not others:
        return
    await driver.fetch(LOCK_PERSONS)
    rows = await driver.fetch(LINKING_EVENTS_KNOWN, nodes=list(others), known_us=_EVER_US)
    left = [Edge(*row) for row in await driver.fetch(READ_BASE_LINKS, nodes=list(others))]
    edges = [*left, *(edge for row in rows for edge in edges_of(LinkingEvent(*row)))]
    await merge_links(driver, [edge for edge in edges if not set(edge.pair).isdisjoint(customer_ids)])
    await regroup(driver, list(others))


async def _restate(driver: Borrowed, customer_ids: list[str]) -> None:
    """Makes the states of those anew some of whose events are gone."""
    if customer_ids:
        await driver.fetch(RESTATE_CUSTOMERS, customer_ids=customer_ids)
        await driver.fetch(REMOVE_EMPTY, customer_ids=customer_ids)
