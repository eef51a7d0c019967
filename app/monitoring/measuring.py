"""How right a model was once the horizon has passed, and how much its features weigh. Numpy alone."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.drift import Reference, check_reference
from app.lifecycle.features import FEATURE_NAMES, Floats
from app.lifecycle.own_money import GROSS_ORDER, REFUND_SHARE, OwnMoney
from app.lifecycle.scorer import Scorecard
from app.lifecycle.targets import SPEND, TARGETS

Integers = NDArray[np.int64]

BINS: Final = 10


Pair = tuple[Floats, Floats]
"""What was expected, and what came of it, (n,) each."""


class Outcomes(NamedTuple):
    """What was said of customers at one time, and what came in the horizon after it; each (n,), n ≥ 1.

    `others` is by the names of targets beyond the three, of the customers whom they were told of.
    """

    churn_risk: Floats
    expected_orders: Floats
    expected_spend_minor: Floats
    orders_ahead: Integers
    spend_ahead_minor: Integers
    others: Mapping[str, Pair] = MappingProxyType({})


def measure_outcomes(outcomes: Outcomes) -> dict[str, Any]:
    """The numbers of a report. None: the customers leave it undefined (all of one outcome, nothing sold).

    A bias is what was expected over what came, less 1: above 0 the model promised too much. `bias` is by the name of
    a target, of all but churn.
    """
    risk, has_left = outcomes.churn_risk, outcomes.orders_ahead == 0
    orders_bias = _bias(outcomes.expected_orders, outcomes.orders_ahead)
    spend_bias = _bias(outcomes.expected_spend_minor, outcomes.spend_ahead_minor)
    return {
        "customers": len(risk),
        "brier": float(np.mean((risk - has_left) ** 2)),
        "ece": calibration_error(has_left, risk),
        "ece_by_chance": chance_error(risk),
        "auc": rank_area(has_left, risk),
        "mean_risk": float(risk.mean()),
        "left_share": float(has_left.mean()),
        "orders_bias": orders_bias,
        "spend_bias": spend_bias,
        "bias": {"orders": orders_bias, "spend": spend_bias}
        | {name: _bias(expected, came) for name, (expected, came) in outcomes.others.items()},
    }


def calibration_error(has_left: NDArray[np.bool_], risk: Floats) -> float:
    """|mean risk − share that left| over BINS bins of equal mass, averaged by mass.

    Of customers with equal risk each counts as their mean, so that their order does not matter.
    """
    _, group = np.unique(risk, return_inverse=True)
    share = (np.bincount(group, has_left) / np.bincount(group))[group]
    return float(sum(abs(gap.sum()) for gap in _bins(risk, share - risk)) / len(risk))


def chance_error(risk: Floats) -> float:
    """What `calibration_error` is expected to be of risks that are right.

    The number that leave of a bin is then nearly normal with variance Σ r(1 − r), its mean deviation √(2/π) of
    the standard one. It falls with the number of customers: a few dozen miss by .1 and prove nothing.
    """
    return float(sum(np.sqrt(2 / np.pi * part.sum()) for part in _bins(risk, risk * (1 - risk))) / len(risk))


def _bins(risk: Floats, values: Floats) -> list[Floats]:
    return np.array_split(values[np.argsort(risk, kind="stable")], BINS)


def rank_area(has_left: NDArray[np.bool_], risk: Floats) -> float | None:
    """The area under the ROC curve: how often one who left had the higher risk than one who stayed, ties half.

    By the sum of ranks, ties at their mean (H. B. Mann and D. R. Whitney, 1947). None: nobody left, or everybody.
    """
    left, stayed = int(has_left.sum()), int((~has_left).sum())
    if not left or not stayed:
        return None
    _, group, sizes = np.unique(risk, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    return float((ranks[has_left].sum() - left * (left + 1) / 2) / (left * stayed))


def _bias(expected: Floats, came: NDArray[Any]) -> float | None:
    total = float(came.sum())
    return float(expected.sum()) / total - 1 if total > 0 else None


def weigh_features(card: Scorecard, reference: Reference) -> dict[str, float]:
    """Feature → its part of what a model's scores can range over, averaged over the targets that it knows.

    Of the tables, and of own money between the outer tenths of the `reference` of drift, at the most orders. A feature
    that has come to stand still among the customers keeps its weight.
    """
    ranges: NDArray[Any] = np.array([steps.max(axis=0) - steps.min(axis=0) for steps in card.steps])
    if card.own is not None and reference:
        ranges[[GROSS_ORDER, REFUND_SHARE], TARGETS.index(SPEND)] += _range_of_own(card.own, reference)
    totals = ranges.sum(axis=0)
    shares = np.divide(ranges, totals, out=np.zeros_like(ranges), where=totals > 0)
    known = ~np.isnan(card.intercepts)
    return dict(zip(FEATURE_NAMES, shares[:, known].mean(axis=1).tolist(), strict=True))


def _range_of_own(own: OwnMoney, reference: Reference) -> tuple[float, float]:
    """What its terms of GROSS_ORDER and REFUND_SHARE can range over."""
    edges = check_reference(reference)[0]
    rows = np.full((2, len(FEATURE_NAMES)), np.nan)
    rows[:, FEATURE_NAMES.index("orders")] = len(own.weights)
    rows[:, GROSS_ORDER], rows[:, REFUND_SHARE] = edges[GROSS_ORDER, [0, -1]], edges[REFUND_SHARE, [0, -1]]
    money, kept = own.of_each(rows)
    return float(np.ptp(money)), float(np.ptp(kept))
