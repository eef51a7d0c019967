"""Events → states at cut-offs: the measures as Ibis aggregates, one expression for every engine.

The events are a table with the columns of `app.lifecycle.events.Event` (without `digest` and
`data`); times are integer microseconds since 1970 UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import reduce
from math import log
from operator import and_
from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from app.errors import Refusal
from app.lifecycle.events import DAY_US, ORDER_COMPLETED
from app.lifecycle.features import FEATURES, Floats, features
from app.lifecycle.measures import (
    LATEST_SEPARATOR,
    MEASURES,
    NUMERIC,
    RADIANS_PER_US,
    Lift,
    Measure,
    Merge,
)

_DEEPEST_HALVING = -1000.0
_SUMMATION = 1e-6


def _lifted(measure: Measure, events: ir.Table) -> ir.Value:
    match measure.lift:
        case Lift.ONE:
            return events.one
        case Lift.SEASON_COS:
            return (events.occurred_us * RADIANS_PER_US).cos()
        case Lift.SEASON_SIN:
            return (events.occurred_us * RADIANS_PER_US).sin()
        case column:
            return events[column]


def _counting(measure: Measure, events: ir.Table) -> ir.BooleanValue | None:
    conditions = [events.type.isin(measure.types)] if measure.types else []
    conditions += [events[column] == wanted for column, wanted in measure.where]
    return reduce(and_, conditions) if conditions else None


def _halved(age_us: ir.NumericValue, half_life_days: int) -> ir.FloatingValue:
    """2^(−age / half-life)."""
    halvings = age_us.cast("float64") / float(-half_life_days * DAY_US)
    return (ibis.greatest(halvings, _DEEPEST_HALVING) * log(2.0)).exp()


def _aggregate(measure: Measure, events: ir.Table) -> ir.Scalar:
    """The measure over a group of events; a decayed sum is counted to `cutoff_us`."""
    where, value = _counting(measure, events), _lifted(measure, events)
    match measure.merge:
        case Merge.SUM:
            return value.sum(where=where).fill_null(0)
        case Merge.FIRST:
            return value.min(where=where)
        case Merge.LAST:
            return value.max(where=where)
        case Merge.SECOND_LAST:
            return events.previous_order_us.max(where=where)
        case Merge.LATEST:
            return events.latest_text.max(where=where)
        case Merge.DECAYED:
            left = _halved(events.cutoff_us - events.occurred_us, measure.half_life_days)
            return (value * left).sum(where=where).fill_null(0.0)


def _annotate(events: ir.Table) -> ir.Table:
    """Adds what aggregates cannot see of one row alone: the order before, and the latest text."""
    order_us = ibis.cases((events.type == ORDER_COMPLETED, events.occurred_us))
    earlier = ibis.window(
        group_by=[events.customer_id, events.type],
        order_by=[events.occurred_us, events.source, events.id],
    )
    seventeen_digits = events.occurred_us.cast("string").lpad(17, "0")
    return events.mutate(
        one=ibis.literal(1, "int64"),
        previous_order_us=order_us.lag().over(earlier),
        latest_text=ibis.literal(LATEST_SEPARATOR).join(
            [seventeen_digits, events.source, events.id, events.value.fill_null("")]
        ),
    )


def states(events: ir.Table, cutoffs_us: Sequence[int]) -> ir.Table:
    """The state of every customer at every cut-off, from the events before it: `[…, cut-off)`.

    One row a (customer_id, cutoff_us) with at least one event; one column a measure.
    """
    cutoffs = _cutoff_table(cutoffs_us)
    annotated = _annotate(events)
    known = annotated.join(cutoffs, annotated.occurred_us < cutoffs.cutoff_us)
    grouped = known.group_by(["customer_id", "cutoff_us"]).aggregate(
        **{measure.name: _aggregate(measure, known) for measure in MEASURES}
    )
    return grouped.mutate(
        **{
            measure.name: grouped[measure.name]
            / _halved(grouped.cutoff_us - grouped.last_event_us, measure.half_life_days)
            for measure in MEASURES
            if measure.merge is Merge.DECAYED
        }
    )


def outcomes(events: ir.Table, cutoffs_us: Sequence[int], horizon_days: int) -> ir.Table:
    """Orders in `[cut-off, cut-off + horizon)`: (customer_id, cutoff_us, orders_ahead), who has any."""
    cutoffs = _cutoff_table(cutoffs_us)
    orders = events.filter(events.type == ORDER_COMPLETED)
    ahead = orders.join(
        cutoffs,
        (orders.occurred_us >= cutoffs.cutoff_us) & (orders.occurred_us < cutoffs.cutoff_us + horizon_days * DAY_US),
    )
    return ahead.group_by(["customer_id", "cutoff_us"]).aggregate(orders_ahead=ahead.count())


def purchase_days(events: ir.Table, cutoffs_us: Sequence[int]) -> ir.Table:
    """Distinct days (UTC) with an order before the cut-off: (customer_id, cutoff_us, purchase_days).

    Not a measure (days are no monoid without keeping them all); what buy-till-you-die models count.
    """
    cutoffs = _cutoff_table(cutoffs_us)
    orders = events.filter(events.type == ORDER_COMPLETED)
    known = orders.join(cutoffs, orders.occurred_us < cutoffs.cutoff_us)
    days = (known.occurred_us.cast("float64") / float(DAY_US)).floor()
    return known.group_by(["customer_id", "cutoff_us"]).aggregate(purchase_days=days.nunique())


def _cutoff_table(cutoffs_us: Sequence[int]) -> ir.Table:
    return ibis.memtable({"cutoff_us": list(cutoffs_us)}, schema={"cutoff_us": "int64"})


class Leak(Refusal):
    """A measure sees what comes after the cut-off: nothing learnt from it is honest. Names it."""


def leaking_measures(events: ir.Table, cutoff_us: int) -> list[str]:
    """Measures whose values at a cut-off change when all later events are taken away."""
    known = states(events.filter(events.occurred_us < cutoff_us), [cutoff_us])
    both = states(events, [cutoff_us]).join(known, "customer_id", how="outer")
    changed = {measure.name: _differs(measure, both).sum() for measure in MEASURES}
    counts = both.aggregate(**changed).to_pyarrow().to_pylist()[0]
    return [name for name, count in counts.items() if count]


def _differs(measure: Measure, both: ir.Table) -> ir.BooleanValue:
    """Between the two sides of a join; sums of floats may differ by the order of summation."""
    ours, theirs = both[measure.name], both[f"{measure.name}_right"]
    if not ours.type().is_floating():
        return ~ours.identical_to(theirs)
    apart = (ours - theirs).abs() > _SUMMATION * ibis.greatest(ours.abs(), theirs.abs(), 1.0)
    return apart.fill_null(True)


def refuse_leaks(events: ir.Table, cutoff_us: int) -> None:
    """Raises Leak where a measure at the cut-off sees what comes after it."""
    if leaking := leaking_measures(events, cutoff_us):
        raise Leak(f"Measures that see beyond their cut-off: {', '.join(leaking)}.")


@dataclass(frozen=True, slots=True)
class LabelledStates:
    """Known buyers at cut-offs, and what they did next. Rows are (customer, cut-off) pairs.

    `states` is (n, len(NUMERIC)), `cutoffs_us` (n,), `purchase_days` (n,) distinct days with an order
    before the cut-off, `orders_ahead` (n,) orders in the horizon.
    """

    customer_ids: NDArray[np.object_]
    cutoffs_us: NDArray[np.int64]
    states: Floats
    purchase_days: NDArray[np.int64]
    orders_ahead: NDArray[np.int64]

    @property
    def churned(self) -> NDArray[np.bool_]:
        """No purchase in the horizon."""
        return np.equal(self.orders_ahead, 0)

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


_COLUMN: Final = {measure.name: index for index, measure in enumerate(NUMERIC)}


def labelled_states(events: ir.Table, cutoffs_us: Sequence[int], horizon_days: int) -> LabelledStates:
    """States and outcomes of everyone who has bought before the cut-off, in one query."""
    keys = ["customer_id", "cutoff_us"]
    known = states(events, cutoffs_us)
    known = known.filter(known.orders > 0)
    joined = known.left_join(outcomes(events, cutoffs_us, horizon_days), keys)
    joined = joined.drop("customer_id_right", "cutoff_us_right")
    joined = joined.join(purchase_days(events, cutoffs_us), keys)
    frame = joined.select(
        *keys,
        *(joined[measure.name].cast("float64").name(measure.name) for measure in NUMERIC),
        purchase_days=joined.purchase_days,
        orders_ahead=joined.orders_ahead.fill_null(0),
    ).order_by("cutoff_us", "customer_id")
    columns = frame.to_pyarrow()
    return LabelledStates(
        columns["customer_id"].to_numpy(zero_copy_only=False),
        columns["cutoff_us"].to_numpy(),
        np.column_stack([columns[measure.name].to_numpy() for measure in NUMERIC]),
        columns["purchase_days"].to_numpy(),
        columns["orders_ahead"].to_numpy(),
    )
