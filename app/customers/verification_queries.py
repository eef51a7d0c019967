"""SQL of checking and repairing states: ranges of customers, as they are kept and as the events say."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    column,
    delete,
    false,
    func,
    literal,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.bases import base_of, recomputed
from app.database.bounds import forget
from app.database.tables import customer_states, events, metadata, state_horizons
from app.lifecycle.states import CUSTOMER, StateSpec

Keys = tuple[str, ...]
"""The values of a state's keys."""


def _within(customer_id: ColumnElement[str], after: str, through: str | None) -> ColumnElement[bool]:
    """`after` < customer_id ≤ `through`; None: to the end. In the order of bytes."""
    plain = customer_id.collate("C")
    return plain > after if through is None else and_(plain > after, plain <= through)


def _in_range(table: Table, after: str, through: str | None) -> FromClause:
    return select(table).where(_within(table.c.customer_id, after, through)).subquery()


async def end_of_range(connection: AsyncConnection, after: str, most: int) -> str | None:
    """The customer `most` places after one, by events or state; None: fewer are left."""

    def first_of(table: Table) -> Select[Any]:
        customer_id = table.c.customer_id.collate("C")
        known = select(customer_id.label("customer_id")).where(customer_id > after).distinct()
        return known.order_by(customer_id).limit(most).subquery().select()

    either = union(first_of(customer_states), first_of(events), first_of(base_of(CUSTOMER))).subquery()
    in_order = select(either.c.customer_id).order_by(either.c.customer_id)
    return (await connection.execute(in_order.offset(most - 1).limit(1))).scalar_one_or_none()


async def read_both(
    connection: AsyncConnection, spec: StateSpec, after: str, through: str | None
) -> tuple[Mapping[Keys, list[Any]], Mapping[Keys, list[Any]]]:
    """Keys → measures in the order of the declaration: as they are kept, and from the events.

    One statement, so that both are seen at the same moment.
    """
    kept = _in_range(metadata.tables[spec.table], after, through)
    remade = _remade_in_range(spec, after, through).subquery("recomputed")
    names = [*spec.keys, *(measure.name for measure in spec.measures)]
    is_same = and_(*(kept.c[key] == remade.c[key] for key in spec.keys))
    sides = [side.c[name] for side in (kept, remade) for name in names]
    ours: dict[Keys, list[Any]] = {}
    theirs: dict[Keys, list[Any]] = {}
    keys, width = len(spec.keys), len(names)
    for row in await connection.execute(select(*sides).join_from(kept, remade, is_same, full=True)):
        for found, side in ((row[:width], ours), (row[width:], theirs)):
            if found[0] is not None:
                side[tuple(found[:keys])] = list(found[keys:])
    return ours, theirs


def _remade_in_range(spec: StateSpec, after: str, through: str | None) -> Select[Any]:
    """The states of a range, by its events and bases."""
    return recomputed(spec, _in_range(events, after, through), _in_range(base_of(spec), after, through))


async def rebuild_range(connection: AsyncConnection, spec: StateSpec, after: str, through: str | None) -> int:
    """Replaces the states of a range of customers by what the events say; the number of states.

    Of those that are found first, the rows are locked, and made where there are none, so that there is something
    to lock; the events are read afterwards, of these alone. So whoever counts an event meanwhile waits, and merges
    it into the new row. A state whose first event comes later is not touched.
    """
    table = metadata.tables[spec.table]
    states = _remade_in_range(spec, after, through).subquery("states")
    made = select(*(states.c[key] for key in spec.keys))
    kept = select(*(table.c[key] for key in spec.keys)).where(_within(table.c.customer_id, after, through))
    found = [tuple(row) for row in await connection.execute(union(kept, made))]
    await connection.execute(_claim_rows(spec, found))
    theirs = _of_keys(spec, found)
    told = select(events).join_from(theirs, events, _matches(spec, theirs, events)).subquery("told")
    remade = recomputed(spec, told, _bases_of(spec, found))
    upsert = pg_insert(table).from_select([item.name for item in table.c], remade)
    values = {measure.name: upsert.excluded[measure.name] for measure in spec.measures}
    written = await connection.execute(upsert.on_conflict_do_update(index_elements=list(spec.keys), set_=values))
    await connection.execute(_delete_without_events(spec, found))
    return written.rowcount


async def rebuild_bounded_range(
    connection: AsyncConnection, spec: StateSpec, after: str, through: str | None, most: int
) -> int:
    """Replaces the bounded states of a range of customers, whose own rows the transaction holds; the number of states.

    Nothing is forgotten any more, then all that is beyond the bound. Whoever counts meanwhile waits for the customers'
    rows. This waits for nobody, since whoever counts may wait for it: a customer who came since and is being counted
    is not touched.
    """
    table = metadata.tables[spec.table]
    known = select(customer_states.c.customer_id).where(_within(customer_states.c.customer_id, after, through))
    held = (await connection.execute(known.with_for_update(skip_locked=True))).scalars()
    customer_ids = literal(list(held), ARRAY(Text))
    none = ~select(customer_states).where(customer_states.c.customer_id == table.c.customer_id).exists()
    is_stray = and_(_within(table.c.customer_id, after, through), none)
    await connection.execute(delete(table).where(or_(table.c.customer_id == func.any(customer_ids), is_stray)))
    is_theirs = and_(state_horizons.c.customer_id == func.any(customer_ids), state_horizons.c.state == spec.name)
    await connection.execute(delete(state_horizons).where(is_theirs))
    told = select(events).where(events.c.customer_id == func.any(customer_ids)).subquery("told")
    theirs = select(base_of(spec)).where(base_of(spec).c.customer_id == func.any(customer_ids)).subquery("theirs")
    remade = recomputed(spec, told, theirs).subquery("remade")
    in_order = select(remade).order_by(*(remade.c[key] for key in spec.keys))
    written = await connection.execute(pg_insert(table).from_select([item.name for item in table.c], in_order))
    await connection.execute(forget(spec), {"customer_ids": customer_ids.value, "most": most})
    return written.rowcount


async def fill_range(
    connection: AsyncConnection, spec: StateSpec, after: str, through: str | None, names: Sequence[str]
) -> int:
    """Writes the measures of these names anew from the events into the states of a range; how many there were.

    The rows are locked first, in the order that counting locks them, and the events read afterwards, as in
    `rebuild_range`. A state that comes later is counted by what makes it, and not touched.
    """
    table = metadata.tables[spec.table]
    keys = [table.c[key] for key in spec.keys]
    locked = select(*keys).where(_within(table.c.customer_id, after, through)).order_by(*keys)
    found = [tuple(row) for row in await connection.execute(locked.with_for_update(key_share=True))]
    remade = recomputed(spec, _told_of(spec, found), _bases_of(spec, found)).subquery("remade")
    is_theirs = and_(*(table.c[key] == remade.c[key] for key in spec.keys))
    filling = update(table).where(is_theirs).values({name: remade.c[name] for name in names})
    return (await connection.execute(filling)).rowcount


def _of_keys(spec: StateSpec, found: Sequence[Keys]) -> FromClause:
    """Rows of these keys."""
    columns = list(zip(*found, strict=True)) or [()] * len(spec.keys)
    arrays = [literal(list(values), ARRAY(Text)) for values in columns]
    rows = func.unnest(*arrays).table_valued(*(column(key, Text) for key in spec.keys), name="theirs")
    return rows.render_derived()


def _bases_of(spec: StateSpec, found: Sequence[Keys]) -> FromClause:
    """The bases of states."""
    theirs, base = _of_keys(spec, found), base_of(spec)
    is_same = and_(*(base.c[key] == theirs.c[key] for key in spec.keys))
    return select(base).join_from(theirs, base, is_same).subquery("bases_of")


def _told_of(spec: StateSpec, found: Sequence[Keys]) -> FromClause:
    """The events of states; of those of lines, of their customers."""
    if spec.of_lines:
        customer_ids = literal(sorted({keys[0] for keys in found}), ARRAY(Text))
        return select(events).where(events.c.customer_id == func.any(customer_ids)).subquery("told")
    theirs = _of_keys(spec, found)
    return select(events).join_from(theirs, events, _matches(spec, theirs, events)).subquery("told")


def _matches(spec: StateSpec, theirs: FromClause, told: FromClause) -> ColumnElement[bool]:
    """Whether an event is of these keys."""
    return and_(*(told.c[column_] == theirs.c[key] for key, column_ in spec.keys.items()))


def _claim_rows(spec: StateSpec, found: Sequence[Keys]) -> Insert:
    """Locks the rows of states, empty ones made where there were none, in the order that counting locks them."""
    claimed = _of_keys(spec, found)
    keys = [claimed.c[key] for key in spec.keys]
    insert = pg_insert(metadata.tables[spec.table]).from_select(list(spec.keys), select(*keys).order_by(*keys))
    unchanged = {"customer_id": insert.excluded.customer_id}
    return insert.on_conflict_do_update(index_elements=list(spec.keys), set_=unchanged, where=false())


def _delete_without_events(spec: StateSpec, found: Sequence[Keys]) -> Any:
    table, theirs = metadata.tables[spec.table], _of_keys(spec, found)
    is_theirs = and_(*(table.c[key] == theirs.c[key] for key in spec.keys))
    of_types = [events.c.type.in_(spec.types)] if spec.types else []
    told = select(events.c.id).where(_matches(spec, theirs, events), *of_types).correlate(theirs).exists()
    base = base_of(spec)
    is_same = and_(*(base.c[key] == theirs.c[key] for key in spec.keys))
    left = select(base.c.customer_id).where(is_same).correlate(theirs).exists()
    return delete(table).where(is_theirs, ~told, ~left)
