"""The statements that count events, and merge them into states.

The customer's state is merged where events are counted, in one statement; others, which few events concern, by a
statement of their own.
"""

from typing import Any, Final

from sqlalchemy import (
    CTE,
    JSON,
    BigInteger,
    ColumnElement,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.customers.case_queries import complaint_standing
from app.customers.consent_queries import consent_words
from app.customers.linking_queries import in_person
from app.customers.queries import offered
from app.database.engine import Statement, compile_statement
from app.database.order_lines import ORDER_LINES
from app.database.states import aggregated, latest_vector, merge_into, numeric_vector
from app.database.tables import OF_ORDERS, customer_states, events
from app.ingest.queries import FACTS, unnested_columns
from app.lifecycle.events import ORDER_COMPLETED, ORDER_REFUNDED, POINTS_TYPES
from app.lifecycle.states import CASE, CONSENT, CUSTOMER, StateSpec
from app.stages.queries import recorded_stage_key

UNMEASURED: Final = ("data", "digest", "lines")
"""Facts that no measure is made of."""
MEASURED: Final = tuple(item for item in FACTS if item.name not in UNMEASURED)


def _count_events() -> Statement:
    """Inserts what is new, merges it into the states, returns every touched state.

    Parameters: an array for each of FACTS, no (source, id) twice, and `received_us`. Rows: customer_id,
    numbers, texts, `offered`, `complaint_standing`, `consent_words`, `recorded_stage_key` of the stage,
    `in_person` (the row is not all of the customer), and of all events `counted`, how many were new, and
    `told_before`, of how many of these, orders and points, something was said before of the order. Events go in the
    order of their identity and states in that of customers, so that concurrent statements cannot deadlock.
    """
    incoming = unnested_columns(FACTS, "incoming")
    written_as: dict[str, Any] = {"data": JSON(), "lines": ORDER_LINES}
    values = [cast(item, written_as[item.name]) if item.name in written_as else item for item in incoming.c]
    received_us = bindparam("received_us", type_=BigInteger)
    in_order = select(*values, received_us).order_by(incoming.c.source, incoming.c.id)
    inserted = (
        pg_insert(events)
        .from_select([item.name for item in (*FACTS, events.c.received_us)], in_order)
        .on_conflict_do_nothing()
        .returning(*(item for item in FACTS if item.name not in UNMEASURED))
        .cte("inserted")
    )
    deltas = aggregated(CUSTOMER, inserted).cte("deltas")
    touched = (
        merge_into(CUSTOMER, deltas)
        .returning(
            customer_states.c.customer_id,
            numeric_vector(customer_states),
            latest_vector(customer_states),
            customer_states.c.complaints,
        )
        .cte("touched")
    )
    counted = select(func.count()).select_from(inserted).scalar_subquery().label("counted")
    own = touched.c.customer_id
    return compile_statement(
        select(
            *(own, touched.c.numbers, touched.c.texts, offered(own), complaint_standing(own, touched.c.complaints)),
            consent_words(own),
            *(recorded_stage_key(own), in_person(own, touched), counted, _told_before(inserted)),
        )
    )


def _told_before(inserted: CTE) -> Any:
    """A look at an index for each new order, or points, that name an order."""
    change = events.alias("change")
    is_of_it = (change.c.source == inserted.c.source, change.c.reference == inserted.c.reference)
    once: ColumnElement[int] = literal_column("1")
    told = select(true()).where(*is_of_it, text(f"change.{OF_ORDERS}")).limit(once).scalar_subquery()
    is_refund = change.c.type == literal_column(f"'{ORDER_REFUNDED}'")
    is_theirs = change.c.customer_id == inserted.c.customer_id
    refunded = select(true()).where(*is_of_it, is_theirs, is_refund).limit(once).scalar_subquery()
    is_order = inserted.c.type == literal_column(f"'{ORDER_COMPLETED}'")
    is_points = inserted.c.type.in_([literal_column(f"'{type_}'") for type_ in POINTS_TYPES])
    has_identity = inserted.c.id == literal_column("'order-'") + inserted.c.reference
    is_told = case((is_order & has_identity, told), (is_order | is_points, refunded))
    return select(func.count()).select_from(inserted).where(is_told).scalar_subquery().label("told_before")


COUNT_EVENTS = _count_events()


def _merge_events(spec: StateSpec) -> Statement:
    """Merges events into states of `spec`. Parameters: an array for each of the facts that measures are made of."""
    incoming = unnested_columns(MEASURED, "incoming")
    return compile_statement(merge_into(spec, aggregated(spec, incoming).cte("deltas")))


MERGE_CASES = _merge_events(CASE)
MERGE_CONSENTS = _merge_events(CONSENT)
