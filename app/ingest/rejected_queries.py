"""All SQL of the refused events."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, asc, bindparam, cast, delete, desc, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import events, rejected_events

MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
"""Of kept events in one page; a single one is given whatever its size."""
PURGED_AT_ONCE: Final = 5_000

_rows = rejected_events.c


@dataclass(frozen=True, slots=True)
class Selection:
    """Which refused events are meant. `since_us` is inclusive; `type` is the problem's."""

    since_us: int | None = None
    type: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """To be met together."""
        found: list[ColumnElement[bool]] = []
        if self.since_us is not None:
            found.append(_rows.received_us >= self.since_us)
        if self.type is not None:
            found.append(_rows.problem["type"].astext == self.type)
        return found


async def read_before(
    connection: AsyncConnection, selection: Selection, before: int | None, limit: int
) -> tuple[Sequence[Any], bool]:
    """Rows of `rejected_events`, latest first, before an id; and whether there are more."""
    query = select(rejected_events).where(*selection.conditions())
    if before is not None:
        query = query.where(_rows.rejected_id < before)
    return await _read_page(connection, query, desc, limit)


async def read_after(
    connection: AsyncConnection, selection: Selection, after: int, limit: int
) -> tuple[Sequence[Any], bool]:
    """Rows of `rejected_events`, oldest first, after an id; and whether there are more."""
    query = select(rejected_events).where(*selection.conditions(), _rows.rejected_id > after)
    return await _read_page(connection, query, asc, limit)


async def read_these(connection: AsyncConnection, rejected_ids: Collection[int]) -> tuple[Sequence[Any], bool]:
    """Rows of `rejected_events` in the order of their ids; and whether there are more than go at once."""
    query = select(rejected_events).where(_rows.rejected_id.in_(rejected_ids))
    return await _read_page(connection, query, asc, len(rejected_ids))


async def _read_page(
    connection: AsyncConnection, query: Select[Any], order: Callable[[Any], Any], limit: int
) -> tuple[Sequence[Any], bool]:
    """Rows up to a number and to MAX_PAGE_BYTES. Sizes are known without reading what is kept out of line."""
    found = query.order_by(order(_rows.rejected_id)).limit(limit + 1).subquery()
    by_id, size = order(found.c.rejected_id), func.octet_length(found.c.event)
    sized = select(
        *found.c,
        (func.sum(size).over(order_by=by_id) - size).label("bytes_before"),
        func.row_number().over(order_by=by_id).label("place"),
        func.count().over().label("found"),
    ).subquery()
    page = select(sized).where(sized.c.place <= limit, sized.c.bytes_before < MAX_PAGE_BYTES)
    rows = (await connection.execute(page.order_by(sized.c.place))).all()
    return rows, bool(rows) and rows[0].found > len(rows)


async def read_contents(
    connection: AsyncConnection, identities: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Any]:
    """(source, id) → customer_id, type, occurred_us, digest and data (text), of the events that have been counted."""
    if not identities:
        return {}
    columns = [events.c[name] for name in ("source", "id", "customer_id", "type", "occurred_us", "digest")]
    wanted = tuple_(events.c.source, events.c.id).in_(identities)
    rows = await connection.execute(select(*columns, cast(events.c.data, Text).label("data")).where(wanted))
    return {(row.source, row.id): row for row in rows}


async def delete_rejected(connection: AsyncConnection, rejected_ids: Collection[int]) -> int:
    """How many there were."""
    return (await connection.execute(delete(rejected_events).where(_rows.rejected_id.in_(rejected_ids)))).rowcount


async def renew_problems(connection: AsyncConnection, problems: Mapping[int, dict[str, Any]]) -> None:
    """Refused event → why it is refused now."""
    if problems:
        statement = update(rejected_events).where(_rows.rejected_id == bindparam("of")).values(problem=bindparam("now"))
        await connection.execute(statement, [{"of": of, "now": now} for of, now in sorted(problems.items())])


async def purge_some(connection: AsyncConnection, before_us: int) -> int:
    """Deletes up to PURGED_AT_ONCE of those that came before a time; how many there were."""
    oldest = (
        select(_rows.rejected_id)
        .where(_rows.received_us < before_us)
        .order_by(_rows.received_us)
        .limit(PURGED_AT_ONCE)
        .scalar_subquery()
    )
    return (await connection.execute(delete(rejected_events).where(_rows.rejected_id.in_(oldest)))).rowcount
