"""States of events that have left the log: what a recomputation from the events begins with.

Measures merge, so that a state is the merge of its base and of the events that are still there, whichever have left.
"""

from typing import Any, Final

from sqlalchemy import FromClause, Select, Table, func, select, union_all
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.database.states import aggregated, merge_into, united
from app.database.tables import base_channels, base_name, bases, metadata
from app.lifecycle.states import STATES, StateSpec

BASES: Final = {spec.name: metadata.tables[base_name(spec)] for spec in STATES}
"""By `StateSpec.name`: the tables of bases, with the columns of the states'."""


def base_of(spec: StateSpec) -> Table:
    """The table of its bases."""
    return BASES[spec.name]


def recomputed(spec: StateSpec, events: FromClause, bases: FromClause | None) -> Select[Any]:
    """The states of events and bases together, as `aggregated` has them. `bases` has the columns of `base_of`, and may
    have several rows of the same keys; None: there are none."""
    if bases is None:
        return aggregated(spec, events)
    names = [*spec.keys, *(measure.name for measure in spec.measures)]
    parts = union_all(aggregated(spec, events), select(*(bases.c[name] for name in names)))
    return united(spec, parts.subquery("parts"))


def merge_into_base(spec: StateSpec, deltas: FromClause) -> Insert:
    """Merges states, as `aggregated` makes them, into the bases."""
    return merge_into(spec, deltas, base_of(spec))


def merge_marks(rows: Select[Any]) -> Insert:
    """Merges rows of `bases`, of other events, into that table."""
    upsert = pg_insert(bases).from_select([item.name for item in bases.c], rows)
    last = {name: func.greatest(bases.c[name], upsert.excluded[name]) for name in ("until_us", "received_us")}
    return upsert.on_conflict_do_update(
        index_elements=["customer_id"], set_={**last, "events": bases.c.events + upsert.excluded.events}
    )


def merge_channels(rows: Select[Any]) -> Insert:
    """Merges rows of `base_channels`, of other orders, into that table."""
    upsert = pg_insert(base_channels).from_select([item.name for item in base_channels.c], rows)
    return upsert.on_conflict_do_update(
        index_elements=["customer_id", "channel"], set_={"orders": base_channels.c.orders + upsert.excluded.orders}
    )
