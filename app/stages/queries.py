"""SQL of stages: noting them, sweeping, and what analysts ask."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    case,
    column,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.customers.linking_queries import member_ids
from app.database.engine import Statement, compile_statement, unnested
from app.database.tables import (
    customer_states,
    persons,
    stage_transitions,
    stages,
    sweeps,
)

ONE: Final = literal_column("1", BigInteger)
ZERO: Final = literal_column("0", BigInteger)
_COMPUTED: Final = func.count().filter(stage_transitions.c.is_computed).label("computed")
TRANSITION: Final = tuple(item.name for item in stage_transitions.c if item.name != "is_computed")
"""What is recorded of a transition when it takes place."""


def recorded_stage_key(customer_id: ColumnElement[str]) -> ColumnElement[Any]:
    """What is stored of a customer, to be compared with `app.stages.service.stage_key`; NULL: nothing yet.

    A look-up by primary key, for the statement that counts events.
    """
    warned = case((stages.c.crossed_us.is_(None), literal_column("''", Text)), else_=literal_column("'!'", Text))
    return (
        select(stages.c.stage.op("||", return_type=Text())(warned))
        .where(stages.c.customer_id == customer_id)
        .scalar_subquery()
        .label("recorded_stage_key")
    )


def _read_recorded() -> Statement:
    """Parameter: an array `customer_ids`. Rows: customer_id, recorded_stage_key."""
    wanted = bindparam("customer_ids", type_=ARRAY(Text))
    asked = func.unnest(wanted).table_valued(column("customer_id", Text), name="asked").render_derived()
    return compile_statement(select(asked.c.customer_id, recorded_stage_key(asked.c.customer_id)))


READ_RECORDED = _read_recorded()


def _given() -> Any:
    return unnested(
        "given",
        customer_id=Text(),
        stage=Text(),
        rule=Text(),
        at_us=BigInteger(),
        churn_risk=Double(),
        expected_loss=Double(),
        is_above=Boolean(),
        model_version=Text(),
        cause=Text(),
        events=BigInteger(),
    )


def _upsert(rows: Select[Any]) -> Any:
    """Stages as given, in the order of customers; a record that is older than the one there changes nothing."""
    upsert = pg_insert(stages).from_select(_NOTED, rows)
    new = upsert.excluded
    moves = stages.c.stage != new.stage
    crossed_us = case(
        (new.crossed_us.is_(None), null()),
        (stages.c.crossed_us.is_not(None), stages.c.crossed_us),
        (stages.c.churn_risk.is_(None), new.crossed_us),
        else_=new.checked_us,
    )
    plain = ("stage", "rule", "churn_risk", "expected_loss", "model_version", "checked_us")
    return upsert.on_conflict_do_update(
        index_elements=["customer_id"],
        set_={
            **{name: new[name] for name in plain},
            "from_stage": case((moves, stages.c.stage), else_=stages.c.from_stage),
            "since_us": case((moves, func.greatest(new.since_us, stages.c.since_us + ONE)), else_=stages.c.since_us),
            "recorded_us": case((moves, new.recorded_us), else_=stages.c.recorded_us),
            "cause": case((moves, new.cause), else_=stages.c.cause),
            "crossed_us": crossed_us,
        },
        where=stages.c.checked_us <= new.checked_us,
    )


_NOTED: Final = (
    *("customer_id", "stage", "since_us", "recorded_us", "cause", "rule", "churn_risk"),
    *("expected_loss", "model_version", "checked_us", "crossed_us"),
)


def _record_stages(is_as_read: Any) -> Statement:
    """Upserts stages, and writes a transition where one differs from the stored, or there was none.

    Parameters: an array a column of `_given`, no customer twice, and `now_us`. `at_us` is when a
    transition took place, should there be one. One row: `written`, `transitions`. What a row was before
    cannot be returned before Postgres 18, so the row keeps it: a stage changed here when it was
    recorded now. The same again finds nothing to change.
    """
    given = _given()
    now_us = bindparam("now_us", type_=BigInteger)
    above_from_the_first = case((given.c.is_above, ZERO))
    rows = select(
        *(given.c[name] for name in ("customer_id", "stage", "at_us")),
        now_us,
        *(given.c[name] for name in ("cause", "rule", "churn_risk", "expected_loss", "model_version")),
        now_us,
        above_from_the_first,
    ).order_by(given.c.customer_id)
    recorded = _upsert(rows.where(is_as_read(given))).returning(*stages.c).cte("recorded")
    names = ("customer_id", "since_us", "from_stage", "stage", "rule", "cause", "churn_risk", "model_version")
    moved = select(*(recorded.c[name] for name in names), now_us).where(recorded.c.recorded_us == now_us)
    entered = pg_insert(stage_transitions).from_select(TRANSITION, moved).on_conflict_do_nothing()
    made = entered.returning(stage_transitions.c.customer_id).cte("made")
    return compile_statement(select(_count(recorded).label("written"), _count(made).label("transitions")))


def _count(rows: FromClause) -> ColumnElement[int]:
    return select(func.count()).select_from(rows).scalar_subquery()


def _state_is_as_read(given: FromClause) -> ColumnElement[bool]:
    """Whether no event of the customer was counted since `events` of them were."""
    same = and_(customer_states.c.customer_id == given.c.customer_id, customer_states.c.events == given.c.events)
    return or_(given.c.events.is_(None), select(customer_states.c.customer_id).where(same).exists())


RECORD_STAGES = _record_stages(lambda _: true())
RECORD_STAGES_AS_READ = _record_stages(_state_is_as_read)
"""The same, but for customers of whom events were counted since: parameter `events`, NULL where it is not asked."""


def last_sweep() -> Select[Any]:
    """The last one that was finished; no row: there was none."""
    return select(sweeps).where(sweeps.c.finished_us.is_not(None)).order_by(sweeps.c.sweep_id.desc()).limit(ONE)


async def read_last_sweep(connection: AsyncConnection) -> Any:
    """The row of the last sweep that was finished; None: there was none."""
    return (await connection.execute(last_sweep())).one_or_none()


def _person_of(customer_id: str) -> ColumnElement[str]:
    known = select(persons.c.person_id).where(persons.c.customer_id == customer_id).scalar_subquery()
    return func.coalesce(known, literal(customer_id), type_=Text)


async def is_known(connection: AsyncConnection, customer_id: str) -> bool:
    """Whether anything was ever counted of a customer, under any of their ids."""
    is_theirs = customer_states.c.customer_id == func.any(member_ids(customer_id))
    return (
        await connection.execute(select(customer_states.c.customer_id).where(is_theirs).limit(1))
    ).first() is not None


async def read_transitions(
    connection: AsyncConnection, customer_id: str, before_us: int | None, limit: int
) -> Sequence[Any]:
    """Rows of `stage_transitions` of a customer, by any of their ids, newest first, before a time.

    Where a record begins in the stage that was worked out before, nothing changed.
    """
    moves = stage_transitions.c.from_stage.is_distinct_from(stage_transitions.c.to_stage)
    query = select(stage_transitions).where(stage_transitions.c.customer_id == _person_of(customer_id), moves)
    if before_us is not None:
        query = query.where(stage_transitions.c.at_us < before_us)
    return (await connection.execute(query.order_by(stage_transitions.c.at_us.desc()).limit(limit))).all()


def _first(value: ColumnElement[Any], order: ColumnElement[Any]) -> ColumnElement[Any]:
    """The first value of a group in an order."""
    values: Any = func.array_agg(aggregate_order_by(value, order), type_=ARRAY(Text))
    first: ColumnElement[Any] = values[1]
    return first


async def count_moves(connection: AsyncConnection, from_us: int, to_us: int) -> Sequence[Any]:
    """Rows (part, source, target, customers, computed), seen at one moment; NULL: not known then. `computed` of the
    transitions were worked out afterwards.

    Part `before`: transitions up to `from_us`, `since`: those in (from_us, to_us], `net`: customers
    by where they stood before their first and after their last in (from_us, to_us].
    """
    c = stage_transitions.c
    part = case((c.at_us <= from_us, literal_column("'before'", Text)), else_=literal_column("'since'", Text))
    single = select(part.label("part"), c.from_stage, c.to_stage, func.count().label("customers"), _COMPUTED)
    source, target = _first(c.from_stage, c.at_us), _first(c.to_stage, c.at_us.desc())
    within = (
        select(source.label("source"), target.label("target"))
        .where(c.at_us > from_us, c.at_us <= to_us)
        .group_by(c.customer_id)
        .subquery("within")
    )
    net = select(literal_column("'net'", Text), within.c.source, within.c.target, func.count(), ZERO)
    both = (
        single.where(c.at_us <= to_us)
        .group_by(literal_column("1"), c.from_stage, c.to_stage)
        .union_all(net.group_by(within.c.source, within.c.target))
    )
    return (await connection.execute(both)).all()


async def count_moves_between(connection: AsyncConnection, ends_us: Sequence[int]) -> Sequence[Any]:
    """Rows (place, from_stage, to_stage, customers, computed): transitions by the first of the ends, in order and
    counted from 0, that they are not after. All that are after the last are left out."""
    c = stage_transitions.c
    ends = bindparam("ends_us", list(ends_us), type_=ARRAY(BigInteger))
    place = func.width_bucket(c.at_us - ONE, ends, type_=BigInteger).label("place")
    query = select(place, c.from_stage, c.to_stage, func.count().label("customers"), _COMPUTED)
    within = query.where(c.at_us <= literal(ends_us[-1], BigInteger))
    return (await connection.execute(within.group_by(place, c.from_stage, c.to_stage))).all()


async def read_warnings(
    connection: AsyncConnection, since_us: int, after: Sequence[Any] | None, limit: int
) -> Sequence[Any]:
    """Rows of `stages` whose risk crossed the threshold since and is above, most expected loss first.

    `after`: the loss and the customer that a page ended with.
    """
    place = tuple_(stages.c.expected_loss, stages.c.customer_id)
    began = select(func.min(stage_transitions.c.at_us)).where(
        stage_transitions.c.customer_id == stages.c.customer_id, ~stage_transitions.c.is_computed
    )
    is_before = stages.c.crossed_us <= began.scalar_subquery()
    is_computed = and_(stages.c.crossed_us > ZERO, func.coalesce(is_before, false()))
    query = select(stages, is_computed.label("is_computed")).where(stages.c.crossed_us >= since_us)
    if after is not None:
        query = query.where(place < tuple_(literal(after[0], Double), literal(after[1], Text)))
    most_first = query.order_by(stages.c.expected_loss.desc(), stages.c.customer_id.desc())
    return (await connection.execute(most_first.limit(limit))).all()
