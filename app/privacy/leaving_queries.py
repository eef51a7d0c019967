"""SQL of events that leave the log: which do, and what they come to."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    LargeBinary,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.checkout.recalling import LEAVING
from app.customers.tombstone_queries import ERASING
from app.database.bases import merge_channels, merge_into_base, merge_marks
from app.database.engine import unnested
from app.database.states import aggregated
from app.database.tables import OF_ORDERS, customer_states, events, left_events, left_kinds
from app.lifecycle.events import ORDER_COMPLETED
from app.lifecycle.identifiers import BASKET
from app.lifecycle.retention import ORDER, OTHER, POINTS, TYPES_OF_KIND
from app.lifecycle.states import STATES

LOCK_PATIENCE: Final = text("SET LOCAL lock_timeout = '1s'")
HOLD_PATIENCE: Final = text("SET LOCAL lock_timeout = '50ms'")
"""Whoever comes to count old events waits behind who waits to hold them off."""
HOLD: Final = text(f"SELECT pg_advisory_xact_lock({LEAVING}), pg_advisory_xact_lock_shared({ERASING})")
"""Nobody counts old events, and nobody is erased, until the transaction ends; in the order in which others lock."""


def _listed(types: Sequence[str]) -> str:
    return ", ".join(f"'{type_}'" for type_ in types)


_ORDERS: Final = _listed(TYPES_OF_KIND[ORDER])
_POINTS: Final = _listed(TYPES_OF_KIND[POINTS])
_OF_ORDER: Final = f"(type IN ({_ORDERS}) OR type IN ({_POINTS}) AND reference IS NOT NULL)"
"""An order, and what is said of one."""
_CUTS: Final = f"CASE WHEN {_OF_ORDER} THEN CAST(:order AS bigint) " + "".join(
    f"WHEN type IN ({_listed(types)}) THEN CAST(:{kind} AS bigint) "
    for kind, types in TYPES_OF_KIND.items()
    if kind != ORDER
)
_CUT: Final = f"{_CUTS} ELSE CAST(:{OTHER} AS bigint) END"
_LEAVING: Final = f"""
SELECT customer_id, source, id, type, reference, occurred_us FROM (
  SELECT customer_id, source, id, type, reference, occurred_us, {_CUT} AS cut_us, {_OF_ORDER} AS is_of_order,
         max(CASE WHEN {_OF_ORDER} THEN occurred_us END) OVER (PARTITION BY customer_id, source, reference) AS last_us
  FROM events WHERE customer_id > :after AND customer_id <= :through AND (:only IS NULL OR customer_id = ANY (:only))
) AS aged
WHERE occurred_us < cut_us AND NOT (
  is_of_order AND reference IS NOT NULL AND (
    last_us >= cut_us
    OR EXISTS (SELECT FROM events AS bought WHERE bought.source = aged.source
               AND bought.id = 'order-' || aged.reference AND bought.occurred_us >= aged.cut_us)
    OR EXISTS (SELECT FROM events AS said WHERE said.source = aged.source AND said.reference = aged.reference
               AND said.{OF_ORDERS} AND said.occurred_us >= aged.cut_us)
       AND EXISTS (SELECT FROM events AS bought WHERE bought.source = aged.source
                   AND bought.id = 'order-' || aged.reference)
  )
)
ORDER BY customer_id, source, reference, id
LIMIT :most
"""  # noqa: S608 - constants of our own
"""An order, and what was said of it, leave together: at a source without identity what has the same customer and
number."""


async def find_range_end(connection: AsyncConnection, after: str, most: int) -> str | None:
    """The customer `most` places after one, in the order of the key's index; None: there is none after it."""
    known = select(events.c.customer_id).where(events.c.customer_id > after).distinct()
    some = known.order_by(events.c.customer_id).limit(most).subquery()
    last: str | None = (await connection.execute(select(func.max(some.c.customer_id)))).scalar_one()
    return last


async def find_leaving(
    connection: AsyncConnection,
    within: tuple[str, str],
    cuts_us: Mapping[str, int | None],
    most: int,
    only: Sequence[str] | None = None,
) -> Sequence[Any]:
    """Rows (customer_id, source, id, type, reference, occurred_us) of events of customers (after, through] that leave,
    `only` theirs, up to so many; what belongs together one after the other."""
    given = {"after": within[0], "through": within[1], "most": most, "only": only, **cuts_us}
    return (await connection.execute(_FIND, given)).all()


_FIND: Final = text(_LEAVING).bindparams(bindparam("only", type_=ARRAY(Text)))


async def lock_states(connection: AsyncConnection, customer_ids: Sequence[str]) -> list[str]:
    """Those of these customers whose own rows are ours now; of nobody's purchases there are none to lock."""
    table = customer_states.c.customer_id
    ours = select(table).where(table.in_(customer_ids)).order_by(table).with_for_update(skip_locked=True)
    held = list((await connection.execute(ours)).scalars())
    return [*held, *(each for each in customer_ids if each.startswith(BASKET))]


Key = tuple[str, str, str]
"""(customer_id, source, id)."""
_KEY: Final = ("customer_id", "source", "id")


async def fold_into_bases(connection: AsyncConnection, keys: Sequence[Key]) -> None:
    """Merges events into the bases of all their states."""
    given = _columns(keys)
    for statement in _folding():
        await connection.execute(statement, given)


@cache
def _folding() -> tuple[Insert, ...]:
    """Built once: customers are locked meanwhile."""
    states = (merge_into_base(spec, aggregated(spec, _TOLD).subquery("deltas")) for spec in STATES)
    return (*states, merge_marks(_marks()), merge_channels(_channels()))


async def note_kinds(connection: AsyncConnection, until_us: Mapping[str, int]) -> None:
    """Kind of events → when the latest of those that leave happened."""
    put = pg_insert(left_kinds)
    later = func.greatest(left_kinds.c.until_us, put.excluded.until_us)
    put = put.on_conflict_do_update(index_elements=["kind"], set_={"until_us": later})
    await connection.execute(put, [{"kind": kind, "until_us": us} for kind, us in sorted(until_us.items())])


def _columns(keys: Sequence[Key]) -> dict[str, list[str]]:
    return dict(zip(_KEY, map(list, zip(*keys, strict=True)), strict=True))


def _is_told(rows: FromClause) -> ColumnElement[bool]:
    return and_(*(events.c[name] == rows.c[name] for name in _KEY))


def _told() -> FromClause:
    """The events whose keys are the arrays `customer_id`, `source` and `id`."""
    rows = unnested("leaving", customer_id=Text(), source=Text(), id=Text())
    return select(events).join_from(rows, events, _is_told(rows)).subquery("told")


_TOLD: Final = _told()
_IS_KNOWN: Final = ~_TOLD.c.customer_id.startswith(BASKET, autoescape=True)


def _marks() -> Select[Any]:
    last = [func.max(_TOLD.c[name]) for name in ("occurred_us", "received_us")]
    return select(_TOLD.c.customer_id, *last, func.count()).where(_IS_KNOWN).group_by(_TOLD.c.customer_id)


def _channels() -> Select[Any]:
    own, channel = _TOLD.c.customer_id, func.coalesce(_TOLD.c.channel, literal_column("'unknown'"))
    is_order = _TOLD.c.type == literal_column(f"'{ORDER_COMPLETED}'")
    return select(own, channel, func.count()).where(_IS_KNOWN, is_order).group_by(own, channel)


async def read_linking(connection: AsyncConnection, keys: Sequence[Key]) -> Sequence[Any]:
    """Rows of `LinkingEvent` of those of these events that name identifiers."""
    data = _TOLD.c.data.cast(Text)
    of = (_TOLD.c[name] for name in ("customer_id", "source", "id", "type", "occurred_us"))
    query = select(*of, data).where(data.like('%"identifiers"%'))
    return (await connection.execute(query, _columns(keys))).all()


async def let_leave(connection: AsyncConnection, keys: Sequence[Key], hashes: Sequence[bytes]) -> None:
    """Deletes events, and keeps the hashes of their keys; an id that was used again may have left before."""
    rows = unnested("hashes", key_hash=LargeBinary())
    noted = pg_insert(left_events).from_select(["key_hash"], select(rows.c.key_hash))
    await connection.execute(noted.on_conflict_do_nothing(), {"key_hash": sorted(hashes)})
    rows = unnested("leaving", customer_id=Text(), source=Text(), id=Text())
    await connection.execute(delete(events).where(_is_told(rows)), _columns(keys))
