"""SQL of keeping a customer under another id, in all that is kept."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    text,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.bases import base_of, merge_channels, merge_into_base, merge_marks
from app.database.privacy_tables import erasures
from app.database.tables import (
    base_channels,
    base_links,
    base_name,
    bases,
    events,
    links,
    metadata,
    persons,
    rejected_events,
)
from app.lifecycle.states import STATES
from app.privacy.held import HELD

MADE_OF_EVENTS: Final = frozenset(("events", "links", "persons", "state_horizons", *(spec.table for spec in STATES)))
"""Tables that are made anew of the events, and these."""
BASES: Final = frozenset(("bases", "base_channels", "base_links", *(base_name(spec) for spec in STATES)))
"""With which they are begun: what has left of both ids is merged."""
MAY_BE_PLAIN: Final = "[@+:\uff20\uff0b\uff1a]"
_AS_KEPT: Final = "(~[^:]+:[0-9a-f]{64}|~basket:.*)"


def _ids(name: str, pattern: str) -> Iterable[Any]:
    table = metadata.tables[name]
    for column in HELD[name]:
        given = table.c[column]
        yield select(given).where(given.op("~")(pattern), given.op("!~")(f"^{_AS_KEPT}$"))


async def find_ids(connection: AsyncConnection, names: Iterable[str], pattern: str) -> list[str]:
    """The ids in these tables that may be plain, in order."""
    found = union(*(query for name in names for query in _ids(name, pattern)))
    return sorted(each for each in (await connection.execute(found)).scalars() if each is not None)


async def read_events(connection: AsyncConnection, customer_id: str) -> Sequence[Any]:
    """Rows source, id, data (JSON text) of a customer's events."""
    c = events.c
    query = select(c.source, c.id, cast(c.data, Text).label("data")).where(c.customer_id == customer_id)
    return (await connection.execute(query)).all()


async def write_events(connection: AsyncConnection, customer_id: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Gives events (source, id, data as JSON text) to a customer."""
    if rows:
        is_it = and_(events.c.source == bindparam("of_source"), events.c.id == bindparam("of_id"))
        written = {"customer_id": customer_id, "data": cast(bindparam("written", type_=Text), JSON)}
        given = [{"of_source": source, "of_id": id_, "written": data} for source, id_, data in rows]
        await connection.execute(update(events).where(is_it).values(written), given)


def _renamed(column: ColumnElement[Any], before: str, after: str) -> ColumnElement[Any]:
    """JSON with an id in it as another."""
    told = func.replace(cast(column, Text), orjson.dumps(before).decode(), orjson.dumps(after).decode())
    return cast(told, column.type)


async def rename_in_data(connection: AsyncConnection, others: Collection[str], before: str, after: str) -> None:
    """In what events of others say of the customer."""
    data = events.c.data
    says = func.strpos(cast(data, Text), orjson.dumps(before).decode()) > 0
    theirs = update(events).where(events.c.customer_id.in_(others), says)
    await connection.execute(theirs.values(data=_renamed(data, before, after)))


async def rename_in_table(
    connection: AsyncConnection, name: str, others: Collection[str], before: str, after: str
) -> None:
    """A table's rows of the customer, but for those that are there under the other id already; and what is said of the
    customer in those of others."""
    table = metadata.tables[name]
    json = {each.name: _renamed(each, before, after) for each in table.c if isinstance(each.type, JSON)}
    if json:
        is_others = or_(*(table.c[column].in_([*others, before, after]) for column in HELD[name]))
        says = or_(*(func.strpos(cast(table.c[each], Text), orjson.dumps(before).decode()) > 0 for each in json))
        await connection.execute(update(table).where(is_others, says).values(json))
    for column in HELD[name]:
        own = table.c[column]
        key = [each for each in table.primary_key.columns if each.name != column]
        is_free: ColumnElement[bool] = literal(value=True)
        if column in table.primary_key.columns:
            other = table.alias("other")
            is_same = and_(other.c[column] == after, *(other.c[each.name] == each for each in key))
            is_free = ~select(other).where(is_same).correlate(table).exists()
        await connection.execute(update(table).where(own == before, is_free).values({column: after}))
        await connection.execute(delete(table).where(own == before))


async def remove_made(connection: AsyncConnection, customer_id: str) -> None:
    """States, links and the person of an id: they are made anew."""
    for name in sorted(MADE_OF_EVENTS - {"events", "links", "persons"}):
        table = metadata.tables[name]
        await connection.execute(delete(table).where(table.c.customer_id == customer_id))
    await _remove_links(connection, links, customer_id)
    await connection.execute(delete(persons).where(persons.c.customer_id == customer_id))


async def merge_bases(connection: AsyncConnection, before: str, after: str) -> None:
    """What has left of an id, but for `base_links`, into that of another."""
    for spec in STATES:
        await connection.execute(merge_into_base(spec, _under(base_of(spec), before, after).subquery("deltas")))
    await connection.execute(merge_marks(_under(bases, before, after)))
    await connection.execute(merge_channels(_under(base_channels, before, after)))
    for name in sorted(BASES - {"base_links"}):
        table = metadata.tables[name]
        await connection.execute(delete(table).where(table.c.customer_id == before))


def _under(table: Table, before: str, after: str) -> Select[Any]:
    """The rows of an id as another's."""
    others = [item for item in table.c if item.name != "customer_id"]
    return select(literal(after, Text).label("customer_id"), *others).where(table.c.customer_id == before)


async def remove_base_links(connection: AsyncConnection, customer_id: str) -> None:
    """What was said of an id by events that have left."""
    await _remove_links(connection, base_links, customer_id)


async def _remove_links(connection: AsyncConnection, table: Table, customer_id: str) -> None:
    await connection.execute(delete(table).where(or_(table.c.low_id == customer_id, table.c.high_id == customer_id)))


async def rename_refused(connection: AsyncConnection, before: str, after: str) -> None:
    """In what was refused, and in erasures that are not settled."""
    event = rejected_events.c.event
    told, instead = orjson.dumps(before).decode(), orjson.dumps(after).decode()
    named = update(rejected_events).where(func.strpos(event, told) > 0)
    await connection.execute(named.values(event=func.replace(event, told, instead)))
    ids = erasures.c.customer_ids
    renamed = func.array_replace(ids, literal(before, Text), literal(after, Text), type_=ARRAY(Text))
    await connection.execute(
        update(erasures).where(literal(before, Text) == func.any(ids)).values(customer_ids=renamed)
    )


LOOK_PATIENCE: Final = text("SET LOCAL statement_timeout = 0")
"""All rows may be looked through."""
