"""Erasing a person: tombstones first, then all that is kept, then a second look for what was on its way.

Whoever counts events shares a lock that the first and the last transaction of an erasure hold alone. So when the
tombstones are there, nobody counts an event of the person who has not seen them.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.customers.tombstone_queries import find_barred
from app.database.background import run_periodically
from app.database.engine import transaction
from app.foundation.errors import NotReady
from app.foundation.logs import log
from app.foundation.times import iso
from app.http.auditing import Record
from app.lifecycle.identifiers import is_pseudonym
from app.lifecycle.tombstones import Tombstones
from app.loyalty.queries import hold
from app.privacy import erasure_queries as queries
from app.privacy.deleting import LARGE, delete_person, delete_refused
from app.privacy.held import NAMED_IN_TEXT
from app.privacy.queries import read_ids

AT_ONCE: Final = 1_000
"""Events that are erased within the transaction that leaves the tombstones: others wait for it."""
PIECE: Final = 5_000
"""Rows that one of the others deletes, which nobody waits for."""
SETTLE_SECONDS: Final = 10.0
"""After which nothing is on its way any more: longer than anybody waits for an answer, or a page of a sweep takes."""
_ATTEMPTS: Final = 5
_LOCK_NOT_AVAILABLE, _DEADLOCK = "55P03", "40P01"


@asynccontextmanager
async def held_alone(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction beside which nobody counts events. Raises NotReady where it cannot have that in time."""
    try:
        async with transaction(engine) as connection:
            await connection.execute(queries.LOCK_PATIENCE)
            await connection.execute(queries.HOLD_ALL)
            yield connection
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in (_LOCK_NOT_AVAILABLE, _DEADLOCK):
            raise NotReady("Others are at work on what is to be erased.") from error
        raise


async def erase_person(
    engine: AsyncEngine, tombstones: Tombstones, named: Sequence[str], asked_by: str, now_us: int, record: Record
) -> dict[str, Any]:
    """Erases whoever has these ids, of which one is the other, and leaves tombstones of all of their ids, of unknown
    ones as well: what comes later is not kept either. The receipt; of somebody who is erased, the one of then. Raises
    NotReady.

    `record` writes into the audit that it was done, with the transaction that leaves the tombstones.
    """
    begun = await in_turn(lambda: _begin(engine, tombstones, named, asked_by, now_us, record))
    if not begun.is_deleted:
        await _go_on(engine, begun.erasure_id)
    await _finish(engine, begun.erasure_id)
    async with transaction(engine) as connection:
        return render_erasure(await queries.read_erasure(connection, begun.erasure_id))


class _Begun(NamedTuple):
    erasure_id: str
    is_deleted: bool
    """Whether nothing is left but what was refused."""


async def in_turn(work: Any) -> Any:
    """Tries again where others were at work."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return await work()
        except NotReady:
            await asyncio.sleep(0.1 * attempt)
    return await work()


async def _begin(
    engine: AsyncEngine, tombstones: Tombstones, named: Sequence[str], asked_by: str, now_us: int, record: Record
) -> _Begun:
    """Leaves the tombstones; of a person with few events, deletes all at once."""
    async with held_alone(engine) as connection:
        known = await queries.find_erasures(connection, [each for name in named for each in tombstones.hashes(name)])
        if known:
            return _Begun(str(known[0].erasure_id), is_deleted=False)
        customer_ids = sorted({each for name in named for each in await read_ids(connection, name)})
        erasure_id = secrets.token_hex(16)
        shared = await queries.find_shared(connection, list(filter(is_pseudonym, customer_ids)), customer_ids)
        hashes = [tombstones.hash(each) for each in customer_ids if each not in shared]
        if hashes:
            await queries.write_tombstones(connection, hashes, now_us, erasure_id)
        receipt = {"erasure_id": erasure_id, "asked_us": now_us, "asked_by": asked_by, "ids": len(customer_ids)}
        await queries.begin_erasure(connection, {**receipt, "customer_ids": customer_ids})
        are_few = await queries.count_events(connection, customer_ids, AT_ONCE + 1) <= AT_ONCE
        if are_few:
            rows = await delete_person(connection, customer_ids)
            await queries.save_erasure(connection, erasure_id, rows=dict(rows))
        await record(connection, customer_ids)
        return _Begun(erasure_id, is_deleted=are_few)


async def _go_on(engine: AsyncEngine, erasure_id: str) -> None:
    """Deletes what is left, from wherever it stopped."""
    while await in_turn(lambda: _delete_piece(engine, erasure_id)):
        pass


async def _finish(engine: AsyncEngine, erasure_id: str) -> None:
    """Deletes what was refused of the person: all that was is looked through, and nobody waits for it."""
    async with transaction(engine) as connection:
        erasure = await queries.lock_erasure(connection, erasure_id)
        if erasure.erased_us is None:
            refused = await delete_refused(connection, erasure.customer_ids)
            await _add(connection, erasure, {NAMED_IN_TEXT: refused}, erased_us=_now_us())


async def _delete_piece(engine: AsyncEngine, erasure_id: str) -> bool:
    """Deletes PIECE rows of a large table; where there are none any more, all that is left. Whether to go on."""
    async with transaction(engine) as connection:
        erasure = await queries.lock_erasure(connection, erasure_id)
        if erasure.erased_us is not None:
            return False
        await hold(connection, erasure.customer_ids)
        for name in LARGE:
            deleted = await queries.delete_some(connection, name, erasure.customer_ids, PIECE)
            if deleted:
                await _add(connection, erasure, {name: deleted})
                return True
    async with held_alone(engine) as connection:
        erasure = await queries.lock_erasure(connection, erasure_id)
        if erasure.erased_us is None:
            rows = await delete_person(connection, erasure.customer_ids)
            await _add(connection, erasure, rows)
        return False


async def _add(connection: AsyncConnection, erasure: Any, rows: Mapping[str, int], **values: Any) -> None:
    total = Counter(erasure.rows) + Counter(rows)  # without what came to none
    await queries.save_erasure(connection, erasure.erasure_id, rows=dict(total), **values)


async def settle_erasure(engine: AsyncEngine, tombstones: Tombstones, erasure_id: str) -> None:
    """Deletes what was written by whoever had read of the person before, and forgets the ids.

    What came since by a new consent stays, and what came of an identifier that others have.
    """
    await _go_on(engine, erasure_id)
    await _finish(engine, erasure_id)
    async with held_alone(engine) as connection:
        erasure = await queries.lock_erasure(connection, erasure_id)
        if erasure.settled_us is not None:
            return
        hashes = {hashed: each for each in erasure.customer_ids for hashed in tombstones.hashes(each)}
        barred = [hashes[each] for each in await find_barred(connection, list(hashes))]
        rows = await delete_person(connection, sorted(set(barred))) if barred else {}
        await _add(connection, erasure, rows, settled_us=_now_us(), customer_ids=None)
    log.info("person.erased", erasure_id=erasure_id, rows=sum(erasure.rows.values()))


async def settle_all(engine: AsyncEngine, tombstones: Tombstones, before_us: int) -> Sequence[str]:
    """Settles the erasures that were asked for before a time; which."""
    async with transaction(engine) as connection:
        erasure_ids = await queries.list_unsettled(connection, before_us)
    for erasure_id in erasure_ids:
        await in_turn(lambda each=erasure_id: settle_erasure(engine, tombstones, each))
    return erasure_ids


async def keep_settling(engine: AsyncEngine, tombstones: Tombstones) -> None:
    """For ever; goes on with those that were left unfinished."""

    async def settle() -> Mapping[str, int] | None:
        found = await settle_all(engine, tombstones, _now_us() - round(SETTLE_SECONDS * 1e6))
        return {"erasures": len(found)} if found else None

    await run_periodically("erasures", SETTLE_SECONDS / 2, settle)


def render_erasure(row: Any) -> dict[str, Any]:
    """A receipt on the wire."""

    def told(us: int | None) -> str | None:
        return None if us is None else iso(us)

    return {
        "erasure_id": row.erasure_id,
        "asked_at": iso(row.asked_us),
        "asked_by": row.asked_by,
        "ids": row.ids,
        "rows": row.rows,
        "erased_at": told(row.erased_us),
        "settled_at": told(row.settled_us),
    }


def _now_us() -> int:
    return time.time_ns() // 1000
