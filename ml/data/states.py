"""Events → states at cut-offs: the measures as Ibis aggregates, one expression for every engine.

The events are a table with the columns of `app.lifecycle.events.Event` (without `digest` and
`data`); times are integer microseconds since 1970 UTC.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import reduce
from math import log
from operator import and_
from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US, ORDER_COMPLETED
from app.lifecycle.features import FEATURES, Floats, features
from app.lifecycle.measures import (
    HALF_LIVES_DAYS,
    LATEST_SEPARATOR,
    NUMERIC,
    RADIANS_PER_US,
    REFERENCE,
    Lift,
    Measure,
    Merge,
)
from app.lifecycle.states import CUSTOMER, StateSpec
from app.lifecycle.strays import set_strays_apart
from app.lifecycle.targets import SUMMED, Target
from ml.data.intervals import before_next, first_after
from ml.data.item_rows import item_rows
from ml.data.outcomes import outcomes, summed, sums_ahead

_MOST_HALVINGS: Final = 900
"""2^±900 times any sum of money is a finite float64."""


def states(events: ir.Table, cutoffs_us: Sequence[int], spec: StateSpec = CUSTOMER) -> ir.Table:
    """Every state of `spec` at every cut-off, from the events before it: `[…, cut-off)`.

    One row for keys and cutoff_us with at least one event; one column a measure, of a set of days how
    many they are. Every event is aggregated once, into the interval between cut-offs that it falls into;
    what a cut-off sees is the merge of the intervals before it. Decayed sums are counted to one origin on the way, and
    brought to the last event at the end.
    """
    cutoffs = sorted(set(cutoffs_us))
    origin_us = cutoffs[-1] - _MOST_HALVINGS * min(HALF_LIVES_DAYS) * DAY_US
    annotated = _annotate(spec, before_next(_making(spec, events), cutoffs), origin_us)
    keys = (*spec.keys, "until_us")
    lifted = annotated.select(*keys, **{measure.name: _lift(spec, measure, annotated) for measure in _plain(spec)})
    intervals = lifted.group_by(keys).aggregate(
        **{measure.name: _aggregate(measure, lifted[measure.name]) for measure in _plain(spec)}
    )
    merged = _merge_upwards(spec, intervals)
    decayed = _of_merge(spec, Merge.DECAYED)
    merged = merged.mutate(**{m.name: _to_reference(m, merged, origin_us) for m in decayed})
    return _count_days(spec, _spread(merged, cutoffs, spec.keys), events, cutoffs)


def _count_days(spec: StateSpec, states: ir.Table, events: ir.Table, cutoffs_us: Sequence[int]) -> ir.Table:
    """Adds how many days each set of days has: what is made here is merged with nothing any more."""
    for measure in _of_merge(spec, Merge.DAYS):
        making = _making(spec, events)
        counted = [making[column] == wanted for column, wanted in measure.where]
        counted += [making.type.isin(measure.kept_types)] if measure.types else []
        days = _distinct(making.filter(*counted) if counted else making, spec.keys, cutoffs_us, DAY_US)
        on = [*spec.keys, "cutoff_us"]
        joined = states.left_join(days, on).drop(*(f"{key}_right" for key in on))
        states = joined.mutate(**{measure.name: joined.number.fill_null(0)}).drop("number")
    return states.select(*spec.keys, "cutoff_us", *(measure.name for measure in spec.measures))


def _plain(spec: StateSpec) -> list[Measure]:
    """The measures that are merged interval by interval: all but the sets of days."""
    return [measure for measure in spec.measures if measure.merge is not Merge.DAYS]


def _of_merge(spec: StateSpec, merge: Merge) -> list[Measure]:
    return [measure for measure in spec.measures if measure.merge is merge]


def _type_columns(spec: StateSpec) -> dict[tuple[str, ...], str]:
    """Each set of types that a measure counts → the name of its column."""
    sets = dict.fromkeys(measure.kept_types for measure in spec.measures if measure.types)
    return {types: f"counts_{number}" for number, types in enumerate(sets)}


def _making(spec: StateSpec, events: ir.Table) -> ir.Table:
    """The events that make such a state, with its keys; of one of lines the `ItemRow`s of these."""
    rows = item_rows(events.filter(events.type.isin(spec.types))) if spec.of_lines else events
    known = rows.mutate(**{key: rows[column] for key, column in spec.keys.items()})
    conditions = [known[key].notnull() for key in spec.keys if key != "customer_id"]
    conditions += [known.type.isin(spec.types)] if spec.types else []
    return known.filter(*conditions) if conditions else known


def _annotate(spec: StateSpec, events: ir.Table, origin_us: int) -> ir.Table:
    """Adds what several measures take, so that it is computed once an event.

    One and the calendar phase; whether it is of the types that count; what the origin leaves of one at each
    half-life; the latest text, where any measure keeps it.
    """
    phase = events.occurred_us * RADIANS_PER_US
    left = {_left(days): _halved(origin_us - events.occurred_us, days) for days in HALF_LIVES_DAYS}
    return events.mutate(
        **{Lift.ONE.name: 1, Lift.SEASON_COS.name: phase.cos(), Lift.SEASON_SIN.name: phase.sin()},
        **{name: events.type.isin(types) for types, name in _type_columns(spec).items()},
        **left,
        **({"latest_text": _latest_text(spec, events)} if _of_merge(spec, Merge.LATEST) else {}),
    )


def _latest_text(spec: StateSpec, events: ir.Table) -> ir.StringValue:
    seventeen_digits = events.occurred_us.cast("string").lpad(17, "0")
    parts = [seventeen_digits, events.source, events.id, events.value.fill_null("")]
    types = {type_ for measure in _of_merge(spec, Merge.LATEST) for type_ in measure.types}
    return events.type.isin(sorted(types)).ifelse(ibis.literal(LATEST_SEPARATOR).join(parts), None)


def _left(half_life_days: int) -> str:
    return f"left_{half_life_days}d"


def _lift(spec: StateSpec, measure: Measure, events: ir.Table) -> ir.Value:
    """What an annotated event contributes; NULL where it does not count."""
    value = events[measure.lift.name if isinstance(measure.lift, Lift) else measure.lift]
    if measure.merge is Merge.LATEST:
        value = events.latest_text
    elif measure.merge is Merge.DECAYED:
        value = value * events[_left(measure.half_life_days)]
    conditions = [events[_type_columns(spec)[measure.kept_types]]] if measure.types else []
    conditions += [events[column] == wanted for column, wanted in measure.where]
    return reduce(and_, conditions).ifelse(value, None) if conditions else value


def _halved(age_us: ir.IntegerValue, half_life_days: int) -> ir.FloatingValue:
    """2^(−age / half-life), for ages of either sign."""
    halvings = age_us.cast("float64") / float(-half_life_days * DAY_US)
    bounded = ibis.least(ibis.greatest(halvings, float(-_MOST_HALVINGS)), float(_MOST_HALVINGS))
    return (bounded * log(2.0)).exp()


def _aggregate(measure: Measure, lifted: ir.Column) -> ir.Scalar:
    """The measure over a group of lifted events."""
    match measure.merge:
        case Merge.SUM if measure.lift is Lift.ONE:
            return lifted.count()
        case Merge.SUM | Merge.DECAYED:
            return lifted.sum().fill_null(0)
        case Merge.FIRST:
            return lifted.min()
        case Merge.LAST | Merge.LATEST:
            return lifted.max()
        case Merge.SECOND_LAST:
            return _second_highest(lifted)
        case Merge.DAYS:
            raise NotImplementedError("sets of days are counted by themselves")


@ibis.udf.agg.builtin(name="max")  # type: ignore[untyped-decorator]
def _highest(values: int, most: int) -> list[int]:  # type: ignore[empty-body]
    """DuckDB's own: the highest values of a group, descending."""


def _second_highest(values: ir.Column) -> ir.Scalar:
    """NULL where there are not two. Where the engine has nothing for it, all values of a group are gathered."""
    if values.get_backend().name == "duckdb":
        return _highest(values, 2)[1]
    gathered = values.collect()
    return (gathered.length() > 1).ifelse(gathered.sort()[gathered.length() - 2], None)


def _merge_upwards(spec: StateSpec, intervals: ir.Table) -> ir.Table:
    """Each interval merged with all of the same keys before it; `next_us` is where the next one ends."""
    keys = [intervals[key] for key in spec.keys]
    in_order = {"group_by": keys, "order_by": intervals.until_us}
    before = ibis.window(**in_order, preceding=(None, 1))
    neighbours = intervals.mutate(
        next_us=intervals.until_us.lead().over(ibis.window(**in_order)),
        **{
            _before(measure): intervals[measure.behind].max().over(before)
            for measure in _of_merge(spec, Merge.SECOND_LAST)
        },
    )
    grouped = [neighbours[key] for key in spec.keys]
    so_far = ibis.window(group_by=grouped, order_by=neighbours.until_us, preceding=None, following=0)
    merged = {measure.name: _merge(measure, neighbours).over(so_far) for measure in _plain(spec)}
    return neighbours.select(*spec.keys, "until_us", "next_us", **merged)


def _before(measure: Measure) -> str:
    return f"{measure.behind}_before"


def _merge(measure: Measure, intervals: ir.Table) -> ir.Scalar:
    """The measure over intervals of one customer, of which each ends before the next begins."""
    value = intervals[measure.name]
    match measure.merge:
        case Merge.SUM | Merge.DECAYED:
            return value.sum()
        case Merge.FIRST:
            return value.min()
        case Merge.LAST | Merge.LATEST:
            return value.max()
        case Merge.SECOND_LAST:
            beaten = intervals[measure.behind].notnull().ifelse(intervals[_before(measure)], None)
            return ibis.coalesce(value, beaten).max()


def _to_reference(measure: Measure, merged: ir.Table, origin_us: int) -> ir.FloatingValue:
    return merged[measure.name] * _halved(merged[REFERENCE] - origin_us, measure.half_life_days)


def _spread(merged: ir.Table, cutoffs_us: Sequence[int], keys: Iterable[str] = CUSTOMER.keys) -> ir.Table:
    """Rows that hold from `until_us` to before `next_us` → one row a cut-off; `next_us` NULL: to the end.

    By an array of a row's cut-offs, since joins by inequality are dear on some engines.
    """
    ends_us = merged.next_us.fill_null(max(cutoffs_us) + 1)
    held = ibis.array([ibis.literal(cutoff_us, "int64") for cutoff_us in sorted(set(cutoffs_us))]).filter(
        lambda cutoff_us: (cutoff_us >= merged.until_us) & (cutoff_us < ends_us)
    )
    others = merged.drop(*keys, "until_us", "next_us").columns
    return merged.select(*keys, held.unnest().name("cutoff_us"), *others)


def purchases(events: ir.Table, cutoffs_us: Sequence[int]) -> ir.Table:
    """Distinct moments with an order before the cut-off: (customer_id, cutoff_us, purchases)."""
    orders = events.filter(events.type == ORDER_COMPLETED)
    return _distinct(orders, CUSTOMER.keys, cutoffs_us, 1).rename(purchases="number")


def _distinct(events: ir.Table, keys: Iterable[str], cutoffs_us: Sequence[int], unit_us: int) -> ir.Table:
    """Distinct units of time with an event before the cut-off: (…, cutoff_us, number).

    A unit counts from the first cut-off after its first event on.
    """
    cutoffs = sorted(set(cutoffs_us))
    before = events.filter(events.occurred_us < cutoffs[-1])
    units = before.group_by(*keys, unit=before.occurred_us // unit_us)
    units = units.aggregate(first_us=before.occurred_us.min())
    units = units.mutate(until_us=first_after(units.first_us, cutoffs))
    intervals = units.group_by(*keys, "until_us").aggregate(number=units.count())
    in_order = {"group_by": [intervals[key] for key in keys], "order_by": intervals.until_us}
    merged = intervals.select(
        *keys,
        "until_us",
        next_us=intervals.until_us.lead().over(ibis.window(**in_order)),
        number=intervals.number.sum().over(ibis.window(**in_order, preceding=None, following=0)),
    )
    return _spread(merged, cutoffs, keys)


_SUMMED_NAMES: Final = tuple(measure.name for measure in SUMMED)


@dataclass(frozen=True, slots=True)
class LabelledStates:
    """Known buyers at cut-offs, and what they did next. Rows are (customer, cut-off) pairs.

    `states` is (n, len(NUMERIC)), stray times set apart, `cutoffs_us` (n,). `purchases` (n,) are distinct moments and
    `purchase_days` (n,) distinct days (UTC) with an order before the cut-off: buy-till-you-die models count days.
    `orders_ahead` (n,) are distinct moments with an order in `[cut-off, cut-off + horizon)`, and
    `spend_ahead_minor` (n,) their amounts less the refunds in it: it may be negative. `sums_ahead`, (n, len(SUMMED)),
    is what each measure of SUMMED came to in it.
    """

    customer_ids: NDArray[np.object_]
    cutoffs_us: NDArray[np.int64]
    states: Floats
    purchases: NDArray[np.int64]
    purchase_days: NDArray[np.int64]
    orders_ahead: NDArray[np.int64]
    spend_ahead_minor: Floats
    sums_ahead: Floats

    @property
    def churned(self) -> NDArray[np.bool_]:
        """No purchase in the horizon."""
        return np.equal(self.orders_ahead, 0)

    def outcome(self, target: Target) -> Floats:
        """(n,): what a target is measured against."""
        if target.outcome in _SUMMED_NAMES:
            came = self.sums_ahead[:, _SUMMED_NAMES.index(target.outcome)]
            return np.asarray(came > 0, np.float64) if target.is_probability else came
        return np.asarray(getattr(self, target.outcome), np.float64)

    def measure(self, name: str) -> Floats:
        """(n,) values of a measure."""
        return self.states[:, _COLUMN[name]]

    def features(self) -> Floats:
        """(n, len(FEATURES)), each row as of its own cut-off."""
        vectors = np.empty((len(self.states), len(FEATURES)))
        for cutoff_us in np.unique(self.cutoffs_us):
            at = self.cutoffs_us == cutoff_us
            vectors[at] = features(self.states[at], float(cutoff_us))
        return vectors

    def at(self, rows: NDArray[np.bool_]) -> "LabelledStates":
        """The rows that a mask keeps."""
        return LabelledStates(*(getattr(self, field.name)[rows] for field in fields(self)))


def _without_strays(states: Floats) -> Floats:
    set_strays_apart(states)
    return states


_COLUMN: Final = {measure.name: index for index, measure in enumerate(NUMERIC)}


def labelled_states(events: ir.Table, cutoffs_us: Sequence[int], horizon_days: int) -> LabelledStates:
    """States and outcomes of everyone who has bought before the cut-off, in one query."""
    keys = ["customer_id", "cutoff_us"]
    known = states(events, cutoffs_us)
    known = known.filter(known.orders > 0)
    joined = known.left_join(outcomes(events, cutoffs_us, horizon_days), keys)
    joined = joined.drop("customer_id_right", "cutoff_us_right")
    if SUMMED:
        joined = joined.left_join(sums_ahead(events, cutoffs_us, horizon_days, SUMMED), keys)
        joined = joined.drop("customer_id_right", "cutoff_us_right")
    joined = joined.join(purchases(events, cutoffs_us), keys)
    frame = joined.select(
        *keys,
        *(joined[measure.name].cast("float64").name(measure.name) for measure in NUMERIC),
        purchases=joined.purchases,
        purchase_days=joined.order_days.cast("int64"),
        orders_ahead=joined.orders_ahead.fill_null(0).cast("int64"),
        spend_ahead_minor=joined.spend_ahead_minor.fill_null(0).cast("float64"),
        **{name: joined[name].fill_null(0).cast("float64") for name in map(summed, SUMMED)},
    ).order_by("cutoff_us", "customer_id")
    columns = frame.to_pyarrow()
    return LabelledStates(
        columns["customer_id"].to_numpy(zero_copy_only=False),
        columns["cutoff_us"].to_numpy(),
        _without_strays(np.column_stack([columns[measure.name].to_numpy() for measure in NUMERIC])),
        columns["purchases"].to_numpy(),
        columns["purchase_days"].to_numpy(),
        columns["orders_ahead"].to_numpy(),
        columns["spend_ahead_minor"].to_numpy(),
        np.column_stack([np.empty((len(columns), 0)), *(columns[summed(measure)].to_numpy() for measure in SUMMED)]),
    )
