"""The one statement that counts events."""

from sqlalchemy import JSON, BigInteger, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.customers.linking_queries import in_person
from app.customers.queries import offered
from app.database.engine import Statement, compile_statement
from app.database.states import aggregated, latest_vector, merged, numeric_vector
from app.database.tables import customer_states, events
from app.ingest.queries import FACTS, unnested_columns
from app.stages.queries import recorded_stage_key


def _count_events() -> Statement:
    """Inserts what is new, merges it into the states, returns every touched state.

    Parameters: an array for each of FACTS, no (source, id) twice, and `received_us`. Rows: customer_id,
    numbers, texts, `offered` (a JSON object of action → time of its last offer), `recorded_stage_key` of the stage,
    `in_person` (the row is not all of the customer), and `counted`, how many events were new in all. Events go
    in the order of their identity and states in that of customers, so that concurrent statements
    cannot deadlock.
    """
    incoming = unnested_columns(FACTS, "incoming")
    values = [cast(item, JSON) if item.name == "data" else item for item in incoming.c]
    received_us = bindparam("received_us", type_=BigInteger)
    in_order = select(*values, received_us).order_by(incoming.c.source, incoming.c.id)
    inserted = (
        pg_insert(events)
        .from_select([item.name for item in (*FACTS, events.c.received_us)], in_order)
        .on_conflict_do_nothing()
        .returning(*(item for item in FACTS if item.name not in ("data", "digest")))
        .cte("inserted")
    )
    deltas = aggregated(inserted).order_by("customer_id").cte("deltas")
    upsert = pg_insert(customer_states).from_select([item.name for item in deltas.c], select(*deltas.c))
    touched = (
        upsert.on_conflict_do_update(index_elements=["customer_id"], set_=merged(customer_states.c, upsert.excluded))
        .returning(customer_states.c.customer_id, numeric_vector(customer_states), latest_vector(customer_states))
        .cte("touched")
    )
    counted = select(func.count()).select_from(inserted).scalar_subquery().label("counted")
    own = touched.c.customer_id
    return compile_statement(
        select(*touched.c, offered(own), recorded_stage_key(own), in_person(own, touched), counted)
    )


COUNT_EVENTS = _count_events()
