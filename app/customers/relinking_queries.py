"""SQL of working out anew who is who, from the events: for checking, repairing, and what was known at a time."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.customers.linking_queries import is_same_pair, write_links
from app.database.engine import Statement, compile_statement
from app.database.tables import base_links, events, links, persons
from app.lifecycle.events import CUSTOMER_MERGED, CUSTOMER_UNMERGED

ALL_NODES = compile_statement(union(select(links.c.low_id), select(links.c.high_id), select(persons.c.customer_id)))


def _linking_events(*only: ColumnElement[bool]) -> Statement:
    """The events, `only` such, that may link: by their type, or for they name identifiers. `data` as text.

    JSON is stored as it was written by us, so that the name of a member has one spelling.
    """
    data = cast(events.c.data, Text)
    says = or_(
        events.c.type.in_([literal_column(f"'{name}'") for name in (CUSTOMER_MERGED, CUSTOMER_UNMERGED)]),
        data.like(literal_column("""'%"identifiers"%'""")),
    )
    kept = (events.c.customer_id, events.c.source, events.c.id, events.c.type, events.c.occurred_us)
    return compile_statement(select(*kept, data.label("data")).where(says, *only))


LINKING_EVENTS = _linking_events()
LINKING_EVENTS_KNOWN = _linking_events(
    events.c.customer_id == func.any(bindparam("nodes", type_=ARRAY(Text))),
    events.c.received_us <= bindparam("known_us", type_=BigInteger),
)
"""Those of these ids that had been received."""

MAKE_RECOMPUTED = "CREATE TEMPORARY TABLE recomputed_links (LIKE links INCLUDING INDEXES) ON COMMIT DROP"
BASE_LINKS = write_links(base_links)
ALL_BASE_LINKS = compile_statement(select(base_links))


def _read_base_links() -> Statement:
    """Parameter `nodes`. Rows of `base_links` of these ids."""
    nodes = bindparam("nodes", type_=ARRAY(Text))
    is_of_them = or_(base_links.c.low_id == func.any(nodes), base_links.c.high_id == func.any(nodes))
    return compile_statement(select(base_links).where(is_of_them))


READ_BASE_LINKS = _read_base_links()
HOLD_LINKS = "LOCK TABLE links IN SHARE ROW EXCLUSIVE MODE"
"""Until the transaction ends, nobody else writes links."""

_recomputed = links.to_metadata(type(links.metadata)(), name="recomputed_links")
RECOMPUTED = write_links(_recomputed)
_differ = or_(*(item.is_distinct_from(_recomputed.c[item.name]) for item in links.c))


def _compare_links() -> Statement:
    """Where links and recomputed links differ; the columns of each, all NULL where there is none."""
    columns = [item.label(f"{side.name}_{item.name}") for side in (links, _recomputed) for item in side.c]
    both = select(*columns).join_from(links, _recomputed, is_same_pair(links, _recomputed), full=True)
    return compile_statement(both.where(_differ))


COMPARE_LINKS = _compare_links()


def _replace_links() -> tuple[Statement, Statement]:
    agreeing: Select[Any] = select(literal_column("1")).where(is_same_pair(links, _recomputed), ~_differ)
    missing: Select[Any] = select(literal_column("1")).where(is_same_pair(links, _recomputed))
    insert = pg_insert(links).from_select(
        [item.name for item in links.c], select(_recomputed).where(~exists(missing.correlate(_recomputed)))
    )
    return compile_statement(delete(links).where(~exists(agreeing.correlate(links)))), compile_statement(insert)


REMOVE_WRONG_LINKS, ADD_MISSING_LINKS = _replace_links()
"""Run in this order they make `links` what was recomputed."""
