"""Prospects at past cut-offs: who had been seen but never bought, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import ORDER_REFUNDED, SALES
from app.lifecycle.features import FEATURES, Floats, features
from app.lifecycle.measures import NUMERIC
from app.lifecycle.prospects import BOUGHT
from app.lifecycle.value import ValueShares, value_curve
from ml.data.outcomes import outcomes
from ml.data.states import states

_KEYS: Final = ["customer_id", "cutoff_us"]


@dataclass(frozen=True, slots=True)
class ProspectStates:
    """Rows are (customer, cut-off) pairs, of who had some event before the cut-off and never bought.

    `states` is (n, len(NUMERIC)), the others (n,). `has_first_order`: an order came in `[cut-off, cut-off + horizon)`.
    `is_best`: by net spend in that time they are in the value tier `high` of all customers who spent in it: the fewest
    who together hold 60 % of the spend. The time is the same for every cut-off, since a probability is of something
    only where all had as long for it.
    """

    customer_ids: NDArray[np.object_]
    cutoffs_us: NDArray[np.int64]
    states: Floats
    has_first_order: NDArray[np.bool_]
    is_best: NDArray[np.bool_]

    def features(self) -> Floats:
        """(n, len(FEATURES)), each row as of its own cut-off."""
        vectors = np.empty((len(self.states), len(FEATURES)))
        for cutoff_us in np.unique(self.cutoffs_us):
            at = self.cutoffs_us == cutoff_us
            vectors[at] = features(self.states[at], float(cutoff_us))
        return vectors


def prospect_states(
    events: ir.Table, cutoffs_us: Sequence[int], horizon_days: int, shares: ValueShares | None = None
) -> ProspectStates:
    """The prospects at cut-offs, and what they did in the horizon."""
    seen_first = _seen_before_trade(events)
    if not seen_first.count().to_pyarrow().as_py():
        return _NOBODY
    known = states(events.semi_join(seen_first, "customer_id"), cutoffs_us)
    for measure in BOUGHT:
        known = known.filter(known[measure] == 0)
    came = outcomes(events, cutoffs_us, horizon_days)
    joined = known.left_join(came, _KEYS).drop("customer_id_right", "cutoff_us_right")
    columns = (
        joined.select(
            *_KEYS,
            *(joined[measure.name].cast("float64").name(measure.name) for measure in NUMERIC),
            orders_ahead=joined.orders_ahead.fill_null(0).cast("int64"),
            spend_ahead_minor=joined.spend_ahead_minor.fill_null(0).cast("float64"),
        )
        .order_by("cutoff_us", "customer_id")
        .to_pyarrow()
    )
    cutoffs = columns["cutoff_us"].to_numpy()
    best_from = _find_bounds(came, cutoffs_us, shares or ValueShares())
    bounds_minor = np.array([best_from[cutoff_us] for cutoff_us in cutoffs.tolist()], np.float64)
    return ProspectStates(
        columns["customer_id"].to_numpy(zero_copy_only=False),
        cutoffs,
        np.column_stack([columns[measure.name].to_numpy() for measure in NUMERIC]),
        columns["orders_ahead"].to_numpy() > 0,
        columns["spend_ahead_minor"].to_numpy() >= bounds_minor,
    )


def _seen_before_trade(events: ir.Table) -> ir.Table:
    """Customers of whom there is an event before the first order or refund, if there is one: nearly nobody in a history
    of orders alone, whose states need then not be made."""
    trade_us = events.occurred_us.min(where=events.type.isin((*SALES, ORDER_REFUNDED)))
    first = events.group_by("customer_id").aggregate(seen_us=events.occurred_us.min(), trade_us=trade_us)
    return first.filter(first.trade_us.isnull() | (first.seen_us < first.trade_us)).select("customer_id")


_NOBODY: Final = ProspectStates(
    np.empty(0, object), np.empty(0, np.int64), np.empty((0, len(NUMERIC))), np.empty(0, bool), np.empty(0, bool)
)


def _find_bounds(came: ir.Table, cutoffs_us: Sequence[int], shares: ValueShares) -> dict[int, float]:
    """By cut-off, the net spend from which a customer is one of the best; infinite where nobody spent."""
    spent = came.filter(came.spend_ahead_minor > 0).select("cutoff_us", "spend_ahead_minor").to_pyarrow()
    at_us, spend_minor = spent["cutoff_us"].to_numpy(), spent["spend_ahead_minor"].to_numpy().astype(np.float64)
    return {at: value_curve(spend_minor[at_us == at]).bounds(shares).high_minor for at in cutoffs_us}
