"""Customers who were kept under a phone or an e-mail in clear, before those were hashed, are kept under its hash.

One after the other, each in a transaction beside which nobody counts events: what stops in between is gone on with.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

import asyncpg
import orjson
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.customers.linking import merge_links, relink
from app.customers.relinking_queries import BASE_LINKS, READ_BASE_LINKS
from app.customers.verification_queries import rebuild_bounded_range, rebuild_range
from app.database.background import LOOK_SECONDS, SERVICE_SHARE, yield_to_requests
from app.database.engine import Borrowed, alone, transaction
from app.foundation.errors import NotReady
from app.foundation.logs import log
from app.ingest.pseudonyms import ids_asked_for, plain_id_of, pseudonymise
from app.ingest.rules import Rules
from app.lifecycle.persons import Edge, rename_edge
from app.lifecycle.states import STATES
from app.loyalty.queries import add_up, hold
from app.privacy import renaming_queries as queries
from app.privacy.erasure import held_alone, in_turn
from app.privacy.erasure_queries import find_neighbours
from app.privacy.held import HELD

LOCK: Final = 0x706C6169  # "plai": one process at a time
SEEN_BY_ALL: Final = ("customer_states", "decisions")
"""Tables that nearly everybody is in, looked through at each start of a service; the command looks at all."""


async def hash_plain_ids(
    engine: AsyncEngine, rules: Rules, names: Iterable[str] = tuple(HELD), share: float = 1.0
) -> AsyncIterator[int]:
    """Keeps whoever is in these tables under a phone or an e-mail under its hash; the running count. Nothing where
    another process does. Raises NotReady."""
    async with alone(engine, LOCK) as driver:
        if driver is None:
            return
        await driver.connection()
        async with transaction(engine) as connection:
            await connection.execute(queries.LOOK_PATIENCE)
            pattern = "[0-9]" if rules.ids_are_phones else queries.MAY_BE_PLAIN
            given = await queries.find_ids(connection, names, f"{pattern}|{queries.MAY_BE_PLAIN}")
        done = 0
        for each in given:
            named = ids_asked_for(each, rules)
            if named == [each]:
                continue
            began = time.perf_counter()
            await in_turn(lambda each=each, named=named: _rename(engine, each, named[0], rules))
            done += 1
            yield done
            await yield_to_requests(began, share)


async def keep_hashed(engine: AsyncEngine, rules: Rules) -> None:
    """Once, when a service starts; again where the database refuses it."""
    done = 0
    while True:
        try:
            async for count in hash_plain_ids(engine, rules, SEEN_BY_ALL, SERVICE_SHARE):
                done = count
        except (NotReady, SQLAlchemyError, asyncpg.PostgresError, OSError) as error:
            log.warning("plain_ids.failed", reason=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)
            continue
        if done:
            log.info("plain_ids.hashed", customers=done)
        return


async def _rename(engine: AsyncEngine, before: str, after: str, rules: Rules) -> None:
    async with held_alone(engine) as connection:
        await hold(connection, [before, after])
        others = await find_neighbours(connection, [before])
        told = [
            (row.source, row.id, _tell(row.data, before, rules))
            for row in await queries.read_events(connection, before)
        ]
        await queries.write_events(connection, after, told)
        await queries.rename_in_data(connection, [*others, after], before, after)
        await queries.remove_made(connection, before)
        await _rename_bases(connection, before, after)
        await relink(Borrowed(connection), [after, *others], [after])
        await _restate(connection, after, rules)
        for name in HELD:
            if name not in queries.MADE_OF_EVENTS and name not in queries.BASES:
                await queries.rename_in_table(connection, name, others, before, after)
        await add_up(connection, after)
        await queries.rename_refused(connection, before, after)


def _tell(data: str, before: str, rules: Rules) -> str:
    """Data of an event as if it came now: with what its subject was as the first of its identifiers."""
    told = plain_id_of(before, rules)
    assert told is not None
    parsed: Mapping[str, Any] = orjson.loads(data)
    hashed = pseudonymise({"identifiers": [told._asdict()]}, rules)["identifiers"]
    return orjson.dumps({**parsed, "identifiers": [*hashed, *parsed.get("identifiers", ())]}).decode()


async def _rename_bases(connection: AsyncConnection, before: str, after: str) -> None:
    """Merges what has left of one into what has left of the other."""
    await queries.merge_bases(connection, before, after)
    driver = Borrowed(connection)
    said = [Edge(*row) for row in await driver.fetch(READ_BASE_LINKS, nodes=[before])]
    await queries.remove_base_links(connection, before)
    renamed = [rename_edge(edge, before, after) for edge in said]
    await merge_links(driver, [edge for edge in renamed if edge is not None], BASE_LINKS)


async def _restate(connection: AsyncConnection, customer_id: str, rules: Rules) -> None:
    """Of this id alone: the range of ids between all but its last character and itself."""
    for spec in STATES:
        if spec.is_bounded:
            await rebuild_bounded_range(connection, spec, customer_id[:-1], customer_id, rules.items_kept)
        else:
            await rebuild_range(connection, spec, customer_id[:-1], customer_id)
