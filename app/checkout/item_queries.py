"""The statements that count what an order or a look says of items, and that keep states of items within their bound."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, Text, and_, bindparam, cast, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.database.bases import base_of, recomputed
from app.database.bounds import forget
from app.database.engine import Statement, compile_statement, unnested
from app.database.order_lines import ORDER_LINES
from app.database.states import aggregated, merge_into
from app.database.tables import events, metadata, state_horizons
from app.ingest.queries import unnested_columns
from app.lifecycle.measures import Merge
from app.lifecycle.states import INTEREST, ITEM, StateSpec

_READ: Final = ("customer_id", "source", "id", "type", "occurred_us")


def _merge(spec: StateSpec, more: str) -> Statement:
    """Merges new events into states of `spec`. Parameters: an array each of _READ, and of `more`.

    The customers' own rows are locked by then, so that nobody merges into these states, or forgets of them, meanwhile.
    """
    incoming = unnested_columns(tuple(events.c[name] for name in (*_READ, more)), "incoming")
    lines = [cast(item, ORDER_LINES).label(item.name) for item in incoming.c if item.name == "lines"]
    rows = select(*(item for item in incoming.c if item.name != "lines"), *lines).subquery("told")
    return compile_statement(merge_into(spec, aggregated(spec, rows).cte("deltas")))


MERGE: Final[Mapping[str, Statement]] = {
    spec.name: _merge(spec, more) for spec, more in ((ITEM, "lines"), (INTEREST, "reference"))
}
"""By `StateSpec.name`."""


def _merge_summed(spec: StateSpec) -> Statement:
    """Merges states into those that are kept. Parameters: an array a column of the table."""
    return compile_statement(merge_into(spec, unnested_columns(tuple(metadata.tables[spec.table].c), "deltas")))


MERGE_SUMMED: Final[Mapping[str, Statement]] = {spec.name: _merge_summed(spec) for spec in (ITEM, INTEREST)}
"""By `StateSpec.name`. Nothing is looked up of what was forgotten."""


def _find_kept(spec: StateSpec) -> Statement:
    """Of the customers of the array `customer_id` those who have states of `spec`, or had; `has_horizon`: some were
    forgotten."""
    wanted = unnested("wanted", customer_id=Text())
    table, once = metadata.tables[spec.table], literal_column("1", BigInteger)
    is_of_spec = state_horizons.c.state == literal_column(f"'{spec.name}'")
    is_theirs = and_(state_horizons.c.customer_id == wanted.c.customer_id, is_of_spec)
    horizon, kept = (  # with a limit each is a look at an index; without, all of a table is read once
        select(once).where(condition).limit(once).correlate(wanted).scalar_subquery().is_not(None)
        for condition in (is_theirs, table.c.customer_id == wanted.c.customer_id)
    )
    return compile_statement(select(wanted.c.customer_id, horizon.label("has_horizon")).where(or_(kept, horizon)))


FIND_KEPT: Final[Mapping[str, Statement]] = {spec.name: _find_kept(spec) for spec in (ITEM, INTEREST)}
"""By `StateSpec.name`."""


def _restate(spec: StateSpec) -> tuple[Statement, Statement]:
    """(Writes, removes) what is other than these customers' events say, `customer_ids`; their own rows are locked."""
    table = metadata.tables[spec.table]
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    told = select(events).where(events.c.customer_id == func.any(wanted)).subquery("told")
    base = base_of(spec)
    theirs = select(base).where(base.c.customer_id == func.any(wanted)).subquery("theirs")
    remade = recomputed(spec, told, theirs).subquery("remade")
    in_order = select(remade).order_by(*(remade.c[key] for key in spec.keys))
    upsert = pg_insert(table).from_select([item.name for item in table.c], in_order)
    values: dict[str, Any] = {measure.name: upsert.excluded[measure.name] for measure in spec.measures}
    exact = [measure.name for measure in spec.measures if measure.merge is not Merge.DECAYED]
    is_other = or_(*(table.c[name].is_distinct_from(upsert.excluded[name]) for name in exact))
    written = upsert.on_conflict_do_update(index_elements=list(spec.keys), set_=values, where=is_other)
    same = and_(*(remade.c[key] == table.c[key] for key in spec.keys))
    gone = table.delete().where(
        table.c.customer_id == func.any(wanted), ~select(literal_column("1")).where(same).correlate(table).exists()
    )
    return compile_statement(written), compile_statement(gone)


RESTATE_ITEMS, REMOVE_ITEMS = _restate(ITEM)


FORGET: Final[Mapping[str, Statement]] = {spec.name: compile_statement(forget(spec)) for spec in (ITEM, INTEREST)}
"""By `StateSpec.name`."""
