"""SQL of the sweep: its log, what it reads, and what it ends."""

from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.customers.everybody import AFTER, may_be_profiled, page_of_persons, page_of_single_ids, sent_vector
from app.database.engine import Statement, compile_statement
from app.database.tables import (
    customer_states,
    persons,
    stage_transitions,
    stages,
    sweeps,
)
from app.stages.queries import ONE, TRANSITION, last_sweep


def _stored() -> tuple[ColumnElement[Any], ...]:
    return (stages.c.stage, stages.c.churn_risk, stages.c.expected_loss, stages.c.checked_us, stages.c.crossed_us)


def _read_single_ids() -> Statement:
    """The next customers after `after` who are one id: customer_id, numbers, events, and what is stored of them."""
    page = page_of_single_ids()
    known = and_(stages.c.customer_id == page.c.customer_id, stages.c.customer_id > AFTER)
    return compile_statement(
        select(page.c.customer_id, sent_vector(page), page.c.events, *_stored())
        .outerjoin_from(page, stages, known)
        .order_by(page.c.customer_id)
    )


READ_SINGLE_IDS = _read_single_ids()


def _read_persons() -> Statement:
    """The next persons of several ids after `after`: person_id as customer_id, and what is stored of them."""
    page = page_of_persons()
    return compile_statement(
        select(page.c.customer_id, *_stored())
        .outerjoin_from(page, stages, stages.c.customer_id == page.c.customer_id)
        .order_by(page.c.customer_id)
    )


READ_PERSONS = _read_persons()


def _retire(is_retired: ColumnElement[bool], rule: str) -> Statement:
    """Ends the record of some ids. Parameter `now_us`; a row each."""
    now_us = bindparam("now_us", type_=BigInteger)
    ended = delete(stages).where(is_retired).returning(*stages.c).cte("ended")
    rows = select(
        ended.c.customer_id,
        func.greatest(now_us, ended.c.since_us + ONE),
        ended.c.stage,
        literal_column("NULL", Text),
        literal_column(f"'{rule}'", Text),
        literal_column("'event'", Text),
        literal_column("NULL::float8", Double),
        literal_column("NULL", Text),
        now_us,
    )
    entered = pg_insert(stage_transitions).from_select(TRANSITION, rows).on_conflict_do_nothing()
    return compile_statement(entered.returning(stage_transitions.c.customer_id))


def _is_elsewhere() -> ColumnElement[bool]:
    """Whether the id joined another customer."""
    elsewhere = and_(persons.c.customer_id == stages.c.customer_id, persons.c.person_id != stages.c.customer_id)
    return select(persons.c.customer_id).where(elsewhere).exists()


def _is_refusing() -> ColumnElement[bool]:
    """Whether a customer of one id refuses profiling."""
    of_several = select(persons.c.customer_id).where(persons.c.customer_id == stages.c.customer_id).exists()
    own = and_(customer_states.c.customer_id == stages.c.customer_id, ~may_be_profiled(customer_states))
    return and_(select(customer_states.c.customer_id).where(own).exists(), ~of_several)


_REFUSED: Final = "profiling_refused"
RETIRE_JOINED = _retire(_is_elsewhere(), "joined_another_customer")
RETIRE_REFUSING = _retire(_is_refusing(), _REFUSED)
RETIRE_THESE = _retire(stages.c.customer_id == func.any(bindparam("customer_ids", type_=ARRAY(Text))), _REFUSED)
"""Parameter `customer_ids` too."""

LAST_SWEEP = compile_statement(last_sweep())


def _begin_sweep() -> Statement:
    names = ("as_of_us", "model_version", "policy")
    values: dict[str, Any] = {name: bindparam(name, type_=sweeps.c[name].type) for name in names}
    none_yet = dict.fromkeys(("customers", "transitions"), literal_column("0", BigInteger))
    return compile_statement(insert(sweeps).values(**values, **none_yet).returning(sweeps.c.sweep_id))


def _finish_sweep() -> Statement:
    names = ("finished_us", "customers", "transitions")
    wanted = sweeps.c.sweep_id == bindparam("which", type_=BigInteger)
    return compile_statement(
        update(sweeps).where(wanted).values({name: bindparam(name, type_=BigInteger) for name in names})
    )


BEGIN_SWEEP = _begin_sweep()
FINISH_SWEEP = _finish_sweep()
"""Parameters `which` (the sweep_id), finished_us, customers, transitions."""
