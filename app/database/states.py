"""States in Postgres: as aggregates over events, and as merges of two rows or of many.

What they are follows from their declaration (`app.lifecycle.states.StateSpec`).
"""

from math import log
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Integer,
    Select,
    Table,
    Text,
    and_,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import Insert, aggregate_order_by, array
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.database.bounds import is_counted
from app.database.item_rows import item_rows
from app.database.tables import measure_type, metadata
from app.lifecycle.events import DAY_US
from app.lifecycle.identifiers import BASKET
from app.lifecycle.measures import (
    LATEST,
    LATEST_SEPARATOR,
    NUMERIC,
    RADIANS_PER_US,
    REFERENCE,
    Lift,
    Measure,
    Merge,
)
from app.lifecycle.states import StateSpec

_DEEPEST_HALVING = -1000.0
"""Postgres raises on underflow: 2^−1000 stands for everything smaller."""
_LONG_AGO: Final = 1_000_000
"""Days before 1970 that no time lies before: division truncates, and so is of what is positive."""
_DAY_US = literal_column(str(DAY_US), BigInteger)
_LONG_AGO_DAYS = literal_column(str(_LONG_AGO), BigInteger)
_LONG_AGO_US = literal_column(str(_LONG_AGO * DAY_US), BigInteger)
_NO_DAYS = literal_column("'{}'::integer[]", ARRAY(Integer))


def _constant(value: float) -> ColumnElement[float]:
    """A float8 in the statement's text, so that it takes no parameter."""
    return literal_column(f"{value!r}::float8", Double)


def _halved(age_us: ColumnElement[Any], half_life_days: int) -> ColumnElement[float]:
    """2^(−age / half-life)."""
    halvings = cast(age_us, Double) * _constant(-1.0 / (half_life_days * DAY_US))
    return func.exp(func.greatest(halvings, _constant(_DEEPEST_HALVING)) * _constant(log(2.0)), type_=Double)


def lifted(measure: Measure, events: FromClause) -> ColumnElement[Any]:
    """What an event that counts contributes."""
    phase = cast(events.c.occurred_us, Double) * _constant(RADIANS_PER_US)
    match measure.lift:
        case Lift.ONE:
            return literal_column("1", BigInteger)
        case Lift.SEASON_COS:
            return func.cos(phase, type_=Double)
        case Lift.SEASON_SIN:
            return func.sin(phase, type_=Double)
        case Lift.DAY:
            return cast((events.c.occurred_us + _LONG_AGO_US) // _DAY_US - _LONG_AGO_DAYS, Integer)
        case column:
            return events.c[column]


def counts(measure: Measure, events: FromClause) -> ColumnElement[bool]:
    """Whether an event counts."""
    types = [_inlined(type_) for type_ in measure.kept_types]
    conditions = [events.c.type.in_(types)] if types else []
    return and_(true(), *conditions, *(events.c[column] == _inlined(wanted) for column, wanted in measure.where))


def _inlined(text: str) -> ColumnElement[str]:
    return literal_column("'" + text.replace("'", "''") + "'", Text)


def _latest_text(events: FromClause) -> ColumnElement[str]:
    separator = literal_column(f"chr({ord(LATEST_SEPARATOR)})", Text)
    micros = func.lpad(cast(events.c.occurred_us, Text), literal_column("17"), _inlined("0"))
    text = func.concat(micros, separator, events.c.source, separator, events.c.id, separator, events.c.value)
    return text.collate("C")


def _annotated(spec: StateSpec, events: FromClause) -> FromClause:
    """The events, each with what an aggregate cannot see of one row alone.

    `reference_us` is the state's last event, `previous_us` the event of the same type before.
    """
    columns, keys = events.c, [events.c[column] for column in spec.keys.values()]
    in_order = [columns.occurred_us, columns.source, columns.id]
    merges = {measure.merge for measure in spec.measures}
    added = []
    if Merge.DECAYED in merges:
        added.append(func.max(columns.occurred_us).over(partition_by=keys).label("reference_us"))
    if Merge.SECOND_LAST in merges:
        of_same_type = [*keys, columns.type]
        previous_us = func.lag(columns.occurred_us).over(partition_by=of_same_type, order_by=in_order)
        added.append(previous_us.label("previous_us"))
    return select(*columns, *added).where(*_making(spec, events)).subquery("annotated")


def _making(spec: StateSpec, events: FromClause) -> list[ColumnElement[bool]]:
    """What an event must be to make such a state at all."""
    of_types = [events.c.type.in_([_inlined(type_) for type_ in spec.types])] if spec.types else []
    others = [events.c[column].is_not(None) for column in spec.keys.values() if column != "customer_id"]
    unforgotten = [is_counted(spec, events)] if spec.is_bounded else []
    return [events.c.customer_id.not_like(_inlined(f"{BASKET}%")), *of_types, *others, *unforgotten]


def _aggregate(measure: Measure, events: FromClause) -> ColumnElement[Any]:
    """The measure over a group of annotated events; a decayed sum is counted to `reference_us`."""
    counting, value = counts(measure, events), lifted(measure, events)
    match measure.merge:
        case Merge.SUM:
            total = func.coalesce(func.sum(value).filter(counting), literal_column("0"))
            return cast(total, measure_type(measure))
        case Merge.FIRST:
            return func.min(value).filter(counting)
        case Merge.LAST:
            return func.max(value).filter(counting)
        case Merge.SECOND_LAST:
            return func.max(events.c.previous_us).filter(counting)
        case Merge.DAYS:
            days = func.array_agg(aggregate_order_by(value.distinct(), value))
            return func.coalesce(days.filter(counting), _NO_DAYS, type_=measure_type(measure))
        case Merge.LATEST:
            return func.max(_latest_text(events)).filter(counting)
        case Merge.DECAYED:
            left = _halved(events.c.reference_us - events.c.occurred_us, measure.half_life_days)
            return func.coalesce(func.sum(cast(value, Double) * left).filter(counting), _constant(0.0))


def aggregated(spec: StateSpec, events: FromClause) -> Select[Any]:
    """The states that a set of events makes: a column a key, then a column a measure.

    `events` has the columns of `app.database.tables.events` that facts live in. Of bounded states it leaves out what
    is forgotten.
    """
    annotated = _annotated(spec, item_rows(events) if spec.of_lines else events)
    keys = [annotated.c[column].label(name) for name, column in spec.keys.items()]
    measures = [_aggregate(measure, annotated).label(measure.name) for measure in spec.measures]
    return select(*keys, *measures).group_by(*(annotated.c[column] for column in spec.keys.values()))


Columns = ReadOnlyColumnCollection[str, Any]


def merged(spec: StateSpec, ours: Columns, theirs: Columns) -> dict[str, ColumnElement[Any]]:
    """Measure name → the value of the union, from two rows of disjoint events."""
    return {measure.name: _merged(measure, ours, theirs) for measure in spec.measures}


def merge_into(spec: StateSpec, deltas: FromClause, table: Table | None = None) -> Insert:
    """Merges the rows of `deltas`, as `aggregated` makes them, into the states, or a table like theirs, in the order of
    keys.

    So concurrent ones lock rows in one order.
    """
    table, keys = metadata.tables[spec.table] if table is None else table, list(spec.keys)
    rows = select(*(deltas.c[item.name] for item in table.c)).order_by(*(deltas.c[key] for key in keys))
    upsert = pg_insert(table).from_select([item.name for item in table.c], rows)
    return upsert.on_conflict_do_update(index_elements=keys, set_=merged(spec, table.c, upsert.excluded))


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
        case Merge.DAYS:
            return _union(a, b)
        case Merge.SECOND_LAST:
            a_last, b_last = ours[measure.behind], theirs[measure.behind]
            beaten = case((and_(a_last.is_not(None), b_last.is_not(None)), func.least(a_last, b_last)))
            return func.greatest(a, b, beaten)
        case Merge.DECAYED:
            reference_us = func.greatest(ours[REFERENCE], theirs[REFERENCE], type_=BigInteger)
            return a * _halved(reference_us - ours[REFERENCE], measure.half_life_days) + b * _halved(
                reference_us - theirs[REFERENCE], measure.half_life_days
            )


def _union(a: ColumnElement[Any], b: ColumnElement[Any]) -> ColumnElement[Any]:
    """Of two sets of days, ascending. Most events add none, or one after all others: these cost no sorting."""
    later = literal_column("1", Integer)
    return case(
        (func.cardinality(b) == literal_column("0"), a),
        (or_(func.cardinality(a) == literal_column("0"), b[later] > a[func.cardinality(a)]), a.op("||")(b)),
        (a.op("@>")(b), a),
        else_=_ascending(a.op("||")(b)),
    )


def _ascending(days: ColumnElement[Any]) -> ColumnElement[Any]:
    """Each day once."""
    day = func.unnest(days).column_valued("day")
    return func.array(select(day).distinct().order_by(day).scalar_subquery(), type_=days.type)


def _ranked(spec: StateSpec, rows: FromClause) -> FromClause:
    """The rows, each with what a merge of many cannot see of one row alone.

    `reference_us` is the last event of all rows of the same keys. Of a measure that stands behind a last time,
    `<name>_place` is the row's place by that time, the latest first.
    """
    columns, keys = rows.c, [rows.c[key] for key in spec.keys]
    merges = {measure.merge for measure in spec.measures}
    last = func.max(columns[REFERENCE]).over(partition_by=keys) if Merge.DECAYED in merges else None
    return select(
        *columns,
        *(() if last is None else (last.label("reference_us"),)),
        *(
            func.row_number()
            .over(partition_by=keys, order_by=columns[measure.behind].desc().nulls_last())
            .label(f"{measure.name}_place")
            for measure in spec.measures
            if measure.merge is Merge.SECOND_LAST
        ),
    ).subquery("ranked")


def _united(measure: Measure, rows: FromClause) -> ColumnElement[Any]:
    """The measure over a group of ranked rows."""
    value: ColumnElement[Any] = rows.c[measure.name]
    match measure.merge:
        case Merge.SUM:
            return cast(func.sum(value), measure_type(measure))
        case Merge.FIRST:
            return func.min(value)
        case Merge.LAST | Merge.LATEST:
            return func.max(value)
        case Merge.SECOND_LAST:
            is_second = rows.c[f"{measure.name}_place"] == literal_column("2")
            return func.greatest(func.max(value), func.max(rows.c[measure.behind]).filter(is_second))
        case Merge.DAYS:  # one after the other, to be put in order; of arrays there is no aggregate, of texts there is
            comma = literal_column("','", Text)
            days = func.nullif(func.array_to_string(value, comma), literal_column("''", Text))
            joined = func.string_to_array(func.string_agg(days, comma), comma)
            return func.coalesce(cast(joined, measure_type(measure)), _NO_DAYS)
        case Merge.DECAYED:
            return func.sum(value * _halved(rows.c.reference_us - rows.c[REFERENCE], measure.half_life_days))


def united(spec: StateSpec, rows: FromClause) -> Select[Any]:
    """The merges of rows of the same keys: a column a key, then a column a measure; `merged`, of any number of rows.

    `rows` has the keys, however often, and the measures; they are of disjoint events.
    """
    ranked = _ranked(spec, rows)
    keys = [ranked.c[key] for key in spec.keys]
    measures = [_united(measure, ranked).label(measure.name) for measure in spec.measures]
    grouped = select(*keys, *measures).group_by(*keys)
    sets = {measure.name for measure in spec.measures if measure.merge is Merge.DAYS}
    if not sets:
        return grouped
    columns = grouped.subquery("grouped").c
    return select(*(_ascending(item).label(item.name) if item.name in sets else item for item in columns))


def number(measure: Measure, states: FromClause) -> ColumnElement[float]:
    """The measure in the state vector; NULL unknown."""
    value = states.c[measure.name]
    return cast(func.cardinality(value) if measure.merge is Merge.DAYS else value, Double)


def numeric_vector(states: FromClause) -> ColumnElement[Any]:
    """The state vector of `app.lifecycle.features`, as one float8[]: cheap to decode, NULL unknown."""
    return array([number(measure, states) for measure in NUMERIC]).label("numbers")


def latest_vector(states: FromClause) -> ColumnElement[Any]:
    """The latest texts in the order of `LATEST`, as one text[]."""
    return array([states.c[measure.name] for measure in LATEST]).label("texts")
