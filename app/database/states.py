"""The measures in Postgres: as aggregates over events, and as merges of two rows or of many."""

from math import log
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.database.tables import customer_states
from app.lifecycle.events import DAY_US
from app.lifecycle.identifiers import BASKET
from app.lifecycle.measures import (
    LATEST,
    LATEST_SEPARATOR,
    MEASURES,
    NUMERIC,
    RADIANS_PER_US,
    REFERENCE,
    Lift,
    Measure,
    Merge,
)

_DEEPEST_HALVING = -1000.0
"""Postgres raises on underflow: 2^−1000 stands for everything smaller."""


def _constant(value: float) -> ColumnElement[float]:
    """A float8 in the statement's text, so that it takes no parameter."""
    return literal_column(f"{value!r}::float8", Double)


def _halved(age_us: ColumnElement[Any], half_life_days: int) -> ColumnElement[float]:
    """2^(−age / half-life)."""
    halvings = cast(age_us, Double) * _constant(-1.0 / (half_life_days * DAY_US))
    return func.exp(func.greatest(halvings, _constant(_DEEPEST_HALVING)) * _constant(log(2.0)), type_=Double)


def _lifted(measure: Measure, events: FromClause) -> ColumnElement[Any]:
    phase = cast(events.c.occurred_us, Double) * _constant(RADIANS_PER_US)
    match measure.lift:
        case Lift.ONE:
            return literal_column("1", BigInteger)
        case Lift.SEASON_COS:
            return func.cos(phase, type_=Double)
        case Lift.SEASON_SIN:
            return func.sin(phase, type_=Double)
        case column:
            return events.c[column]


def _counting(measure: Measure, events: FromClause) -> ColumnElement[bool]:
    types = [_inlined(type_) for type_ in measure.types]
    conditions = [events.c.type.in_(types)] if types else []
    return and_(true(), *conditions, *(events.c[column] == _inlined(wanted) for column, wanted in measure.where))


def _inlined(text: str) -> ColumnElement[str]:
    return literal_column("'" + text.replace("'", "''") + "'", Text)


def _latest_text(events: FromClause) -> ColumnElement[str]:
    separator = literal_column(f"chr({ord(LATEST_SEPARATOR)})", Text)
    micros = func.lpad(cast(events.c.occurred_us, Text), literal_column("17"), _inlined("0"))
    text = func.concat(micros, separator, events.c.source, separator, events.c.id, separator, events.c.value)
    return text.collate("C")


def _annotated(events: FromClause) -> FromClause:
    """The events, each with what an aggregate cannot see of one row alone.

    `reference_us` is the customer's last event, `previous_us` the event of the same type before.
    """
    columns = events.c
    of_same_type = [columns.customer_id, columns.type]
    in_order = [columns.occurred_us, columns.source, columns.id]
    return select(
        *columns,
        func.max(columns.occurred_us).over(partition_by=columns.customer_id).label("reference_us"),
        func.lag(columns.occurred_us).over(partition_by=of_same_type, order_by=in_order).label("previous_us"),
    ).subquery("annotated")


def _aggregate(measure: Measure, events: FromClause) -> ColumnElement[Any]:
    """The measure over a group of annotated events; a decayed sum is counted to `reference_us`."""
    counting, value = _counting(measure, events), _lifted(measure, events)
    match measure.merge:
        case Merge.SUM:
            total = func.coalesce(func.sum(value).filter(counting), literal_column("0"))
            return cast(total, customer_states.c[measure.name].type)
        case Merge.FIRST:
            return func.min(value).filter(counting)
        case Merge.LAST:
            return func.max(value).filter(counting)
        case Merge.SECOND_LAST:
            return func.max(events.c.previous_us).filter(counting)
        case Merge.LATEST:
            return func.max(_latest_text(events)).filter(counting)
        case Merge.DECAYED:
            left = _halved(events.c.reference_us - events.c.occurred_us, measure.half_life_days)
            return func.coalesce(func.sum(cast(value, Double) * left).filter(counting), _constant(0.0))


def aggregated(events: FromClause) -> Select[Any]:
    """The states of the customers of a set of events: `customer_id`, then a column a measure.

    `events` has the columns of `app.database.tables.events` that facts live in. Purchases without a customer make none.
    """
    annotated = _annotated(events)
    measures = [_aggregate(measure, annotated).label(measure.name) for measure in MEASURES]
    of_somebody = annotated.c.customer_id.not_like(_inlined(f"{BASKET}%"))
    return select(annotated.c.customer_id, *measures).where(of_somebody).group_by(annotated.c.customer_id)


Columns = ReadOnlyColumnCollection[str, Any]


def merged(ours: Columns, theirs: Columns) -> dict[str, ColumnElement[Any]]:
    """Measure name → the value of the union, from two rows of disjoint events."""
    return {measure.name: _merged(measure, ours, theirs) for measure in MEASURES}


def _merged(measure: Measure, ours: Columns, theirs: Columns) -> ColumnElement[Any]:
    a: ColumnElement[Any] = ours[measure.name]
    b: ColumnElement[Any] = theirs[measure.name]
    match measure.merge:
        case Merge.SUM:
            return a + b
        case Merge.FIRST:
            return func.least(a, b)
        case Merge.LAST | Merge.LATEST:
            return func.greatest(a, b)
        case Merge.SECOND_LAST:
            a_last, b_last = ours[measure.behind], theirs[measure.behind]
            beaten = case((and_(a_last.is_not(None), b_last.is_not(None)), func.least(a_last, b_last)))
            return func.greatest(a, b, beaten)
        case Merge.DECAYED:
            reference_us = func.greatest(ours[REFERENCE], theirs[REFERENCE], type_=BigInteger)
            return a * _halved(reference_us - ours[REFERENCE], measure.half_life_days) + b * _halved(
                reference_us - theirs[REFERENCE], measure.half_life_days
            )


def _ranked(rows: FromClause) -> FromClause:
    """The rows, each with what a merge of many cannot see of one row alone.

    `reference_us` is the last event of all rows of a customer. Of a measure that stands behind a last time,
    `<name>_place` is the row's place by that time, the latest first.
    """
    columns = rows.c
    seconds = [measure for measure in MEASURES if measure.merge is Merge.SECOND_LAST]
    return select(
        *columns,
        func.max(columns[REFERENCE]).over(partition_by=columns.customer_id).label("reference_us"),
        *(
            func.row_number()
            .over(partition_by=columns.customer_id, order_by=columns[measure.behind].desc().nulls_last())
            .label(f"{measure.name}_place")
            for measure in seconds
        ),
    ).subquery("ranked")


def _united(measure: Measure, rows: FromClause) -> ColumnElement[Any]:
    """The measure over a group of ranked rows."""
    value: ColumnElement[Any] = rows.c[measure.name]
    match measure.merge:
        case Merge.SUM:
            return cast(func.sum(value), customer_states.c[measure.name].type)
        case Merge.FIRST:
            return func.min(value)
        case Merge.LAST | Merge.LATEST:
            return func.max(value)
        case Merge.SECOND_LAST:
            is_second = rows.c[f"{measure.name}_place"] == literal_column("2")
            return func.greatest(func.max(value), func.max(rows.c[measure.behind]).filter(is_second))
        case Merge.DECAYED:
            return func.sum(value * _halved(rows.c.reference_us - rows.c[REFERENCE], measure.half_life_days))


def united(rows: FromClause) -> Select[Any]:
    """The merges of rows by customer: `customer_id`, then a column a measure; `merged`, of any number of rows.

    `rows` has a `customer_id`, however often, and the measures; they are of disjoint events.
    """
    ranked = _ranked(rows)
    measures = [_united(measure, ranked).label(measure.name) for measure in MEASURES]
    return select(ranked.c.customer_id, *measures).group_by(ranked.c.customer_id)


def numeric_vector(states: FromClause) -> ColumnElement[Any]:
    """The state vector of `app.lifecycle.features`, as one float8[]: cheap to decode, NULL unknown."""
    return array([cast(states.c[measure.name], Double) for measure in NUMERIC]).label("numbers")


def latest_vector(states: FromClause) -> ColumnElement[Any]:
    """The latest texts in the order of `LATEST`, as one text[]."""
    return array([states.c[measure.name] for measure in LATEST]).label("texts")
