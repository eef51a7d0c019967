"""SQL of the sweep: its log, what it reads, and what it ends."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    LargeBinary,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.db import Statement, compile_statement
from app.lifecycle.measures import NUMERIC
from app.stages.queries import ONE, TRANSITION, last_sweep
from app.tables import customer_states, persons, stage_transitions, stages, sweeps

BATCH_CUSTOMERS: Final = 2_000
"""How many a sweep reads at once. In the text of the statements, so that they are planned for it."""

_NAN: Final = literal_column("'NaN'::float8", Double)


def _stored() -> tuple[ColumnElement[Any], ...]:
    return (stages.c.stage, stages.c.churn_risk, stages.c.expected_loss, stages.c.checked_us, stages.c.crossed_us)


def _read_single_ids() -> Statement:
    """The next customers after `after` who are one id: customer_id, numbers, events, and what is stored of them.

    `numbers` is the state vector, NaN for NULL, as Postgres sends it (`array_send`): that spares
    making a Python object of every number.
    """
    after = bindparam("after", type_=Text)
    joined = select(persons.c.customer_id).where(persons.c.customer_id == customer_states.c.customer_id).exists()
    page = (
        select(customer_states)
        .where(customer_states.c.customer_id > after, ~joined)
        .order_by(customer_states.c.customer_id)
        .limit(literal_column(str(BATCH_CUSTOMERS)))
        .subquery("page")
    )
    known = and_(stages.c.customer_id == page.c.customer_id, stages.c.customer_id > after)
    vector = array([func.coalesce(cast(page.c[measure.name], Double), _NAN) for measure in NUMERIC])
    numbers = func.array_send(vector, type_=LargeBinary).label("numbers")
    return compile_statement(
        select(page.c.customer_id, numbers, page.c.events, *_stored())
        .outerjoin_from(page, stages, known)
        .order_by(page.c.customer_id)
    )


READ_SINGLE_IDS = _read_single_ids()


def _read_persons() -> Statement:
    """The next persons of several ids after `after`: person_id as customer_id, and what is stored of them."""
    after = bindparam("after", type_=Text)
    page = (
        select(persons.c.person_id.label("customer_id"))
        .where(persons.c.person_id > after)
        .distinct()
        .order_by(persons.c.person_id)
        .limit(literal_column(str(BATCH_CUSTOMERS)))
        .subquery("page")
    )
    return compile_statement(
        select(page.c.customer_id, *_stored())
        .outerjoin_from(page, stages, stages.c.customer_id == page.c.customer_id)
        .order_by(page.c.customer_id)
    )


READ_PERSONS = _read_persons()


def _retire_joined() -> Statement:
    """Ends the record of ids that joined another customer. Parameter `now_us`; a row each."""
    now_us = bindparam("now_us", type_=BigInteger)
    elsewhere = and_(persons.c.customer_id == stages.c.customer_id, persons.c.person_id != stages.c.customer_id)
    gone = delete(stages).where(select(persons.c.customer_id).where(elsewhere).exists()).returning(*stages.c)
    ended = gone.cte("ended")
    rows = select(
        ended.c.customer_id,
        func.greatest(now_us, ended.c.since_us + ONE),
        ended.c.stage,
        literal_column("NULL", Text),
        literal_column("'joined_another_customer'", Text),
        literal_column("'event'", Text),
        literal_column("NULL::float8", Double),
        literal_column("NULL", Text),
        now_us,
    )
    entered = pg_insert(stage_transitions).from_select(TRANSITION, rows).on_conflict_do_nothing()
    return compile_statement(entered.returning(stage_transitions.c.customer_id))


RETIRE_JOINED = _retire_joined()

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
