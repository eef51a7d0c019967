"""SQL of the catalogue: the actions in force, and every version that there was of them.

A change has a number, greater than that of every change before it. So one number says which version of each action was
in force: the greatest of its own that is not above.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, cast, delete, func, insert, literal, null, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import action_versions, actions
from app.http.auth import find_key_name
from app.lifecycle.actions import Action, ActionCatalogue
from app.lifecycle.default_actions import GROUPS

ANYBODY: Final = "anonymous"
"""Where keys are not asked for."""
SEED: Final = "perennial"
"""Who filled the catalogue of a new installation."""
_LOCK: Final = 0x616374696F6E73
"""Changes take turns, so that a number that can be read is greater than none that comes later."""
_latest = select(func.coalesce(func.max(action_versions.c.version), 0)).scalar_subquery()


Mark = tuple[int, int, int]
"""How many actions there are, when the latest was put, and the number of the latest change."""


async def read_mark(connection: AsyncConnection) -> Mark:
    """Other with every change, also of a process of before there were versions."""
    told = select(func.count(), func.coalesce(func.max(actions.c.updated_us), 0), _latest)
    count, updated_us, version = (await connection.execute(told)).one()
    return count, updated_us, version


async def read_catalogue(connection: AsyncConnection) -> ActionCatalogue:
    """The actions in the order of ids."""
    rows = (await connection.execute(select(actions.c.definition, _latest).order_by(actions.c.action_id))).all()
    return ActionCatalogue([read_action(row[0]) for row in rows], rows[0][1] if rows else 0)


def read_action(definition: Mapping[str, Any]) -> Action:
    """A stored definition; one of before groups has that of the seed."""
    group = GROUPS.get(definition["action_id"])
    return Action.model_validate(definition if group is None else {"group": group, **definition})


async def name_sender(connection: AsyncConnection, authorization: bytes | None) -> str:
    """Whoever changes the catalogue, by the name of the key in the header."""
    return (await find_key_name(connection, authorization) if authorization else None) or ANYBODY


async def put_action(connection: AsyncConnection, action: Action, now_us: int, changed_by: str) -> None:
    """Adds or replaces an action. One that is there already as it is makes no version."""
    row = {"action_id": action.action_id, "definition": action.model_dump(mode="json"), "updated_us": now_us}
    put = pg_insert(actions).values(row)
    changed = put.on_conflict_do_update(
        index_elements=["action_id"], set_=row, where=actions.c.definition != put.excluded.definition
    )
    await _lock(connection)
    if (await connection.execute(changed)).rowcount:
        await _note(connection, action.action_id, row["definition"], now_us, changed_by)


async def delete_action(connection: AsyncConnection, action_id: str, now_us: int, changed_by: str) -> bool:
    """False: there is no such action. Its versions stay."""
    await _lock(connection)
    deleted = await connection.execute(delete(actions).where(actions.c.action_id == action_id))
    if deleted.rowcount:
        await _note(connection, action_id, None, now_us, changed_by)
    return deleted.rowcount > 0


async def _lock(connection: AsyncConnection) -> None:
    await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


async def _note(connection: AsyncConnection, action_id: str, definition: Any, now_us: int, changed_by: str) -> None:
    told = null() if definition is None else cast(literal(definition, JSONB), JSONB)
    row = select(_latest + 1, literal(action_id), told, literal(now_us, BigInteger), literal(changed_by))
    await connection.execute(insert(action_versions).from_select([item.name for item in action_versions.c], row))


async def fill_action_catalogue(connection: AsyncConnection, defaults: Sequence[Action], now_us: int) -> None:
    """Puts the default actions into an empty catalogue."""
    count = (await connection.execute(select(func.count()).select_from(actions))).scalar_one()
    for action in () if count else defaults:
        await put_action(connection, action, now_us, SEED)


async def list_versions(connection: AsyncConnection, action_id: str, before: int | None, limit: int) -> Sequence[Any]:
    """Rows of an action, the latest first; `before`: of smaller numbers alone."""
    query = select(action_versions).where(action_versions.c.action_id == action_id)
    if before is not None:
        query = query.where(action_versions.c.version < before)
    rows = await connection.execute(query.order_by(action_versions.c.version.desc()).limit(limit))
    return rows.all()


async def read_numbers(connection: AsyncConnection, action_ids: Collection[str]) -> dict[str, list[int]]:
    """Action → the numbers of its versions, ascending."""
    c = action_versions.c
    rows = await connection.execute(
        select(c.action_id, func.array_agg(c.version)).where(c.action_id.in_(action_ids)).group_by(c.action_id)
    )
    return {action_id: sorted(numbers) for action_id, numbers in rows}


async def read_definitions(connection: AsyncConnection, numbers: Collection[int]) -> dict[int, Any]:
    """Number → definition; None: the action was removed."""
    c = action_versions.c
    rows = await connection.execute(select(c.version, c.definition).where(c.version.in_(numbers)))
    return {row.version: row.definition for row in rows}
