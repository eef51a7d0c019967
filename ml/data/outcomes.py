"""What customers did in the horizon after cut-offs."""

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Final

import ibis
import ibis.expr.types as ir

from app.lifecycle.events import DAY_US, ORDER_COMPLETED, ORDER_REFUNDED, SALES
from app.lifecycle.measures import Lift, Measure
from ml.data.intervals import INTERVAL, before_next

_TRADE: Final = (*SALES, ORDER_REFUNDED)


def outcomes(events: ir.Table, cutoffs_us: Sequence[int], horizon_days: int) -> ir.Table:
    """What is bought in `[cut-off, cut-off + horizon)`: (customer_id, cutoff_us, orders_ahead, spend_ahead_minor).

    Of whoever has an order or a refund in it; the spend is net of the refunds in it. Orders of one moment are
    one: where only the day is known, it is the days with an order that are counted.
    """
    trade = _split_ahead(events.filter(events.type.isin(_TRADE)), cutoffs_us, horizon_days)
    is_order = trade.type == ORDER_COMPLETED
    intervals = trade.group_by(INTERVAL).aggregate(
        orders_ahead=trade.occurred_us.nunique(where=is_order),  # a moment lies in one interval
        spend_ahead_minor=trade.type.isin(SALES).ifelse(trade.amount_minor, -trade.amount_minor).sum(),
    )
    return _add_up_ahead(intervals, cutoffs_us, horizon_days)


def sums_ahead(events: ir.Table, cutoffs_us: Sequence[int], horizon_days: int, measures: Sequence[Measure]) -> ir.Table:
    """What summed measures come to in `[cut-off, cut-off + horizon)`: customer_id, cutoff_us, and
    one column a measure, `summed`."""
    late = _split_ahead(events.mutate(**{Lift.ONE.name: 1}), cutoffs_us, horizon_days)
    columns = {summed(measure): _count_plainly(measure, late).sum().fill_null(0) for measure in measures}
    return _add_up_ahead(late.group_by(INTERVAL).aggregate(**columns), cutoffs_us, horizon_days)


def summed(measure: Measure) -> str:
    """The column of what a measure comes to in a horizon."""
    return f"{measure.name}_summed"


def _count_plainly(measure: Measure, events: ir.Table) -> ir.Value:
    """What each event adds to a summed measure; NULL where it does not count."""
    value = events[measure.lift.name if isinstance(measure.lift, Lift) else measure.lift]
    conditions = [events.type.isin(measure.kept_types)] if measure.types else []
    conditions += [events[column] == wanted for column, wanted in measure.where]
    return reduce(and_, conditions).ifelse(value, None) if conditions else value


def _split_ahead(events: ir.Table, cutoffs_us: Sequence[int], horizon_days: int) -> ir.Table:
    """Those from the first cut-off on, in the intervals between the ends of all horizons."""
    horizon_us = horizon_days * DAY_US
    bounds_us = sorted({bound_us for cutoff_us in cutoffs_us for bound_us in (cutoff_us, cutoff_us + horizon_us)})
    return before_next(events.filter(events.occurred_us >= bounds_us[0]), bounds_us)


def _add_up_ahead(intervals: ir.Table, cutoffs_us: Sequence[int], horizon_days: int) -> ir.Table:
    cutoffs, horizon_us = _cutoff_table(cutoffs_us), horizon_days * DAY_US
    ahead = intervals.join(
        cutoffs,
        (intervals.until_us > cutoffs.cutoff_us) & (intervals.until_us <= cutoffs.cutoff_us + horizon_us),
    )
    sums = {name: ahead[name].sum() for name in intervals.columns if name not in INTERVAL}
    return ahead.group_by(["customer_id", "cutoff_us"]).aggregate(**sums)


def _cutoff_table(cutoffs_us: Sequence[int]) -> ir.Table:
    return ibis.memtable({"cutoff_us": list(cutoffs_us)}, schema={"cutoff_us": "int64"})
