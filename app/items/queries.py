"""All SQL of the catalogue."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Text, bindparam, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import unnested
from app.database.item_tables import items

ITEMS_LOCK: Final = 0x6974656D  # "item": changes go one after the other, so that versions are seen in their order
AT_ONCE: Final = 1000
"""Rows of a statement that writes."""
READ_AT_ONCE: Final = 500
"""Rows that a worker takes over between two turns of other requests."""

CONTENT: Final = tuple(
    each.name for each in items.c if each.name not in ("item_id", "version", "updated_us", "is_deleted")
)
"""Columns of what a shop says of an item."""
_EMPTY: Final[dict[str, Any]] = {
    **dict.fromkeys(CONTENT),
    "category": [],
    "tags": [],
    "in_stock_by_store": {},
    "in_stock": False,
    "hidden": True,
}
"""What is left of an item that was deleted."""


def _write() -> Any:
    """Rows: item_id of those that were not so before. Parameters: an array a column, `at_version`, `now_us`."""
    types = {name: items.c[name].type for name in ("item_id", *CONTENT)}
    plain = {name: Text() if isinstance(type_, JSONB) else type_ for name, type_ in types.items()}
    given = unnested("given", **plain)
    content = [
        cast(given.c[name], JSONB) if isinstance(type_, JSONB) else given.c[name] for name, type_ in types.items()
    ]
    made = (
        bindparam("at_version", type_=BigInteger),
        bindparam("now_us", type_=BigInteger),
        bindparam("is_deleted", False, type_=Boolean),
    )
    names = ["item_id", *CONTENT, "version", "updated_us", "is_deleted"]
    insert = pg_insert(items).from_select(names, select(*content, *made).order_by(given.c.item_id))
    said = insert.excluded
    differs = or_(*(items.c[name].is_distinct_from(said[name]) for name in (*CONTENT, "is_deleted")))
    written = insert.on_conflict_do_update(
        index_elements=["item_id"], set_={name: said[name] for name in names[1:]}, where=differs
    )
    return written.returning(items.c.item_id)


_WRITE: Final = _write()


async def lock_items(connection: AsyncConnection) -> int:
    """Until the transaction ends nobody else changes an item. The latest version; 0: there was never an item."""
    await connection.execute(select(func.pg_advisory_xact_lock(ITEMS_LOCK)))
    return await read_version(connection)


async def read_version(connection: AsyncConnection) -> int:
    """The version of the latest change; 0: there was never an item."""
    version: int | None = (await connection.execute(select(func.max(items.c.version)))).scalar_one()
    return version or 0


async def find_known(connection: AsyncConnection, item_ids: Sequence[str]) -> set[str]:
    """Those of the ids that are in the catalogue."""
    given = unnested("given", item_id=Text())
    query = select(items.c.item_id).join(given, given.c.item_id == items.c.item_id).where(~items.c.is_deleted)
    return set((await connection.execute(query, {"item_id": list(item_ids)})).scalars())


async def write_items(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], version: int, now_us: int
) -> set[str]:
    """Writes rows of the columns of CONTENT, no id twice; ids of those that were not so before."""
    columns = {name: [row[name] for row in rows] for name in ("item_id", *CONTENT)}
    written = await connection.execute(_WRITE, {**columns, "at_version": version, "now_us": now_us})
    return set(written.scalars())


async def delete_item(connection: AsyncConnection, item_id: str, version: int, now_us: int) -> bool:
    """False: there is no such item. The row stays, without its content, for other processes to see."""
    deleted = await connection.execute(
        update(items)
        .where(items.c.item_id == item_id, ~items.c.is_deleted)
        .values({**_EMPTY, "version": version, "updated_us": now_us, "is_deleted": True})
    )
    return deleted.rowcount > 0


async def read_item(connection: AsyncConnection, item_id: str) -> Any:
    """The row of an item; None: there is no such item."""
    query = select(items).where(items.c.item_id == item_id, ~items.c.is_deleted)
    return (await connection.execute(query)).one_or_none()


async def read_page(
    connection: AsyncConnection, category: Sequence[str], after: str, limit: int
) -> tuple[Sequence[Any], bool]:
    """Rows in the order of ids, after an id, of a category and those below it; and whether there are more."""
    within = (items.c.category[level].astext == name for level, name in enumerate(category))
    query = select(items).where(~items.c.is_deleted, items.c.item_id > after, *within).order_by(items.c.item_id)
    rows = (await connection.execute(query.limit(limit + 1))).all()
    return rows[:limit], len(rows) > limit


async def read_changes(connection: AsyncConnection, since: int, until: int, after: str) -> Sequence[Any]:
    """Rows changed in the versions (since, until], deleted ones too: the next READ_AT_ONCE after an id."""
    changed = (items.c.version > since, items.c.version <= until, items.c.item_id > after)
    query = select(items).where(*changed).order_by(items.c.item_id).limit(READ_AT_ONCE)
    return (await connection.execute(query)).all()
