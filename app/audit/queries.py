"""SQL of the audit."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.chain import BEGINNING, Link, Row
from app.audit.entries import Entry
from app.database.audit_tables import audit_log
from app.database.tables import api_keys

_LOCK: Final = 0x61756469  # "audi"
"""Whoever adds to the chain holds it until the end of the transaction: each row needs the one before."""
_PIECE: Final = 500
"""Rows that are made before others are served."""
AT_ONCE: Final = 5_000
"""Rows of the chain in memory while it is checked."""


async def lock_tip(connection: AsyncConnection) -> Link:
    """The last row, which nobody adds to meanwhile."""
    await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    return await read_tip(connection)


async def read_tip(connection: AsyncConnection) -> Link:
    """The last row; the beginning of a chain without any."""
    c = audit_log.c
    found = (await connection.execute(select(c.seq, c.hash).order_by(c.seq.desc()).limit(1))).one_or_none()
    return BEGINNING if found is None else Link(found.seq, bytes(found.hash))


async def add_rows(connection: AsyncConnection, rows: Iterable[Row]) -> None:
    """Writes rows that follow the tip."""
    values = [
        {**row.entry._asdict(), "seq": row.seq, "previous": row.previous, "hash": row.hash, **_lists(row.entry)}
        for row in rows
    ]
    if values:
        await connection.execute(insert(audit_log), values)


def _lists(entry: Entry) -> dict[str, Any]:
    return {"customers": list(entry.customers), "request_ids": list(entry.request_ids)}


async def name_keys(connection: AsyncConnection, digests: Sequence[bytes]) -> dict[bytes, str]:
    """SHA-256 of keys → their ids."""
    rows = await connection.execute(
        select(api_keys.c.key_sha256, api_keys.c.key_id).where(api_keys.c.key_sha256.in_(digests))
    )
    return {bytes(row.key_sha256): row.key_id for row in rows}


def row_of(found: Any) -> Row:
    """A row of the table, in the chain."""
    told = {name: getattr(found, name) for name in Entry._fields}
    told["customers"] = [bytes(each) for each in found.customers]
    return Row(found.seq, Entry(**told), bytes(found.previous), bytes(found.hash))


async def read_chain(connection: AsyncConnection) -> AsyncIterator[Row]:
    """All rows in their order."""
    query = select(audit_log).order_by(audit_log.c.seq)
    async with connection.stream(query, execution_options={"yield_per": AT_ONCE}) as rows:
        async for found in rows:
            yield row_of(found)


async def read_latest(connection: AsyncConnection, limit: int) -> Sequence[Row]:
    """So many of the latest rows, in their order; read in pieces, between which others are served."""
    latest_first = select(audit_log).order_by(audit_log.c.seq.desc())
    rows: list[Row] = []
    while len(rows) < limit:
        query = latest_first if not rows else latest_first.where(audit_log.c.seq < rows[-1].seq)
        size = min(_PIECE, limit - len(rows))
        found = [row_of(each) for each in await connection.execute(query.limit(size))]
        rows += found
        if len(found) < size:
            break
    return rows[::-1]


async def find_row(connection: AsyncConnection, seq: int) -> Link | None:
    """The seal of a row; None: there is none."""
    found = await connection.execute(select(audit_log.c.hash).where(audit_log.c.seq == seq))
    seal = found.scalar_one_or_none()
    return None if seal is None else Link(seq, bytes(seal))


def select_rows(
    *,
    customers: Sequence[bytes] | None,
    made_by: str | None,
    act: str | None,
    since_us: int | None,
    until_us: int | None,
) -> Select[Any]:
    """Rows, the latest first. `customers`: of any of these hashes."""
    c = audit_log.c
    asked = {
        "made_by": None if made_by is None else c.made_by == made_by,
        "act": None if act is None else c.act == act,
        "since": None if since_us is None else c.at_us >= since_us,
        "until": None if until_us is None else c.from_us < until_us,
        "customers": None if customers is None else c.customers.overlap(customers),
    }
    return select(audit_log).where(*(each for each in asked.values() if each is not None)).order_by(c.seq.desc())


async def read_page(
    connection: AsyncConnection, asked: Select[Any], before_seq: int | None, limit: int
) -> Sequence[Row]:
    """The rows of `select_rows` before a place."""
    if before_seq is not None:
        asked = asked.where(audit_log.c.seq < before_seq)
    return [row_of(found) for found in await connection.execute(asked.limit(limit))]


async def find_last_before(connection: AsyncConnection, before_us: int, most: int) -> Link | None:
    """The last of the first rows, `most` at most, that are all of before a time; None: the first is not."""
    c = audit_log.c
    first = select(c.seq, c.hash, c.at_us).order_by(c.seq).limit(most).subquery()
    kept = select(func.min(first.c.seq)).where(first.c.at_us >= before_us).scalar_subquery()
    end = func.coalesce(kept, select(func.max(first.c.seq) + 1).scalar_subquery())
    query = select(first.c.seq, first.c.hash).where(first.c.seq < end).order_by(first.c.seq.desc()).limit(1)
    found = (await connection.execute(query)).one_or_none()
    return None if found is None else Link(found.seq, bytes(found.hash))


async def delete_to(connection: AsyncConnection, seq: int) -> int:
    """Deletes the rows up to one; how many."""
    return (await connection.execute(delete(audit_log).where(audit_log.c.seq <= seq))).rowcount
