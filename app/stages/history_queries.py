"""SQL of stages at past times: whose record lacks them, the events they are worked out from, and writing them."""

from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    case,
    column,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from app.customers.linking_queries import members
from app.database.engine import Statement, compile_statement, unnested
from app.database.tables import bases, customer_states, events, persons, stage_transitions, stages
from app.stages.queries import TRANSITION

_MADE: Final = stage_transitions.c
_NONE: Final = literal_column("0", BigInteger)
_IDS: Final = bindparam("customer_ids", type_=ARRAY(Text))


def _first_event_us() -> ColumnElement[int]:
    """Of the customer of a row of `stages`, under any of their ids."""
    own = select(customer_states.c.first_event_us).where(customer_states.c.customer_id == stages.c.customer_id)
    theirs = (
        select(func.min(customer_states.c.first_event_us))
        .join_from(persons, customer_states, customer_states.c.customer_id == persons.c.customer_id)
        .where(persons.c.person_id == stages.c.customer_id)
    )
    return func.least(*(found.correlate(stages).scalar_subquery() for found in (own, theirs)))


def _record_begins_us(*which: ColumnElement[bool]) -> ColumnElement[int]:
    """When the record of the customer of a row of `stages` begins, as far as transitions are `which`."""
    own = _MADE.customer_id == stages.c.customer_id
    return select(func.min(_MADE.at_us)).where(own, *which).correlate(stages).scalar_subquery()


def _have_left() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whether any event of the customer of a row of `stages` has left the log, under that id, and under another of
    theirs: two questions, which an OR would have asked of each pair of rows."""
    own = select(bases.c.customer_id).where(bases.c.customer_id == stages.c.customer_id)
    theirs = (
        select(bases.c.customer_id)
        .join_from(persons, bases, bases.c.customer_id == persons.c.customer_id)
        .where(persons.c.person_id == stages.c.customer_id)
    )
    return own.correlate(stages).exists(), theirs.correlate(stages).exists()


def _read_lacking() -> Statement:
    """The next `most` customers after `after` who were known at one of `times_us`, before their record begins, and all
    of whose events are there: a past of half of them would be another.

    With `again` those too of whom that was worked out.
    """
    times = func.unnest(bindparam("times_us", type_=ARRAY(BigInteger))).table_valued(column("us", BigInteger))
    time_us = times.render_derived(name="times").c.us
    begins_us = case(
        (bindparam("again", type_=Boolean), _record_begins_us(~_MADE.is_computed)),
        else_=_record_begins_us(),
    )
    bounds = select(_first_event_us().label("first_us"), begins_us.label("begins_us")).offset(_NONE)
    known = bounds.lateral("known")  # looked up once a customer, not once a time
    is_lacking = and_(time_us > known.c.first_us, time_us < known.c.begins_us)
    return compile_statement(
        select(stages.c.customer_id)
        .join_from(stages, known, true())
        .where(stages.c.customer_id > bindparam("after", type_=Text))
        .where(select(time_us).where(is_lacking).correlate(known).exists(), *(~left for left in _have_left()))
        .order_by(stages.c.customer_id)
        .limit(bindparam("most", type_=BigInteger))
    )


READ_LACKING: Final = _read_lacking()


def events_of(columns: tuple[str, ...]) -> Statement:
    """Columns of the events of `customer_ids`, under the id that was asked for, before `until_us`.

    Whoever was joined since is one person, as in `app.customers.as_of`.
    """
    asked = func.unnest(_IDS).table_valued(column("customer_id", Text), name="asked").render_derived()
    those = members(asked).cte("those")
    wanted = [those.c.customer_id if name == "customer_id" else events.c[name] for name in columns]
    return compile_statement(
        select(*wanted)
        .join_from(those, events, events.c.customer_id == those.c.member_id)
        .where(events.c.occurred_us < bindparam("until_us", type_=BigInteger))
    )


def _lock() -> Statement:
    """Rows customer_id, begins_us of `customer_ids`, whose rows of `stages` are locked in the order in which recording
    locks them. Who has none is left out: they were erased meanwhile, or refuse profiling."""
    locked = (
        select(stages.c.customer_id)
        .where(stages.c.customer_id == func.any(_IDS))
        .order_by(stages.c.customer_id)
        .with_for_update()
        .cte("locked")
    )
    began = and_(_MADE.customer_id == locked.c.customer_id, ~_MADE.is_computed)
    begins_us = select(func.min(_MADE.at_us)).where(began).scalar_subquery().label("begins_us")
    return compile_statement(select(locked.c.customer_id, begins_us))


LOCK: Final = _lock()
FORGET: Final = compile_statement(
    delete(stage_transitions).where(_MADE.customer_id == func.any(_IDS), _MADE.is_computed)
)
"""Deletes what was worked out of `customer_ids` before."""


def _write() -> Statement:
    """Parameters: an array a column of TRANSITION but `recorded_us`, and `now_us`."""
    given = unnested("given", **{name: _MADE[name].type for name in TRANSITION if name != "recorded_us"})
    now_us = bindparam("now_us", type_=BigInteger)
    rows = select(
        *(now_us if name == "recorded_us" else given.c[name] for name in TRANSITION), literal_column("true", Boolean)
    )
    return compile_statement(insert(stage_transitions).from_select([*TRANSITION, "is_computed"], rows))


WRITE: Final = _write()


def _join_on() -> Statement:
    """Parameters: arrays `customer_id`, `at_us`, `from_stage`: where the record began, and what came before that."""
    given = unnested("given", customer_id=Text(), at_us=BigInteger(), from_stage=Text())
    began = and_(_MADE.customer_id == given.c.customer_id, _MADE.at_us == given.c.at_us)
    return compile_statement(update(stage_transitions).where(began).values(from_stage=given.c.from_stage))


JOIN_ON: Final = _join_on()


def _last_moves() -> Select[Any]:
    """The last transition of each of `customer_ids` that led from one stage to another."""
    made = aliased(stage_transitions)
    return (
        select(made)
        .where(made.c.customer_id == func.any(_IDS))
        .where(made.c.from_stage.is_distinct_from(made.c.to_stage))
        .order_by(made.c.customer_id, made.c.at_us.desc())
        .ext(distinct_on(made.c.customer_id))
    )


def _date_stages() -> Statement:
    """Dates the stages of `customer_ids` by their last transitions."""
    last = _last_moves().subquery("last")
    is_theirs = and_(stages.c.customer_id == last.c.customer_id, stages.c.stage == last.c.to_stage)
    values = {name: last.c[name] for name in ("from_stage", "recorded_us", "cause")}
    is_other = or_(stages.c.since_us != last.c.at_us, stages.c.from_stage.is_distinct_from(last.c.from_stage))
    dating = update(stages).where(is_theirs, is_other)
    return compile_statement(dating.values(since_us=last.c.at_us, **values))


DATE_STAGES: Final = _date_stages()


def _date_warnings() -> Statement:
    """Parameters: arrays `customer_id`, `crossed_us`, `begins_us`. Of risks that were there when the record began."""
    given = unnested("given", customer_id=Text(), crossed_us=BigInteger(), begins_us=BigInteger())
    is_theirs = and_(stages.c.customer_id == given.c.customer_id, stages.c.crossed_us <= given.c.begins_us)
    return compile_statement(update(stages).where(is_theirs).values(crossed_us=given.c.crossed_us))


DATE_WARNINGS: Final = _date_warnings()


async def read_last_event_us(connection: AsyncConnection) -> int | None:
    """When the last event of any customer took place; None: there is none."""
    last: int | None = (await connection.execute(select(func.max(customer_states.c.last_event_us)))).scalar_one()
    return last


async def has_computed_history(connection: AsyncConnection) -> bool:
    """Whether anybody's past was ever worked out."""
    return (await connection.execute(select(_MADE.at_us).where(_MADE.is_computed).limit(1))).first() is not None
