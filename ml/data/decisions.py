"""Decisions and what came of them, as policies are learned from and judged by: first places, in arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.decisions.judging import FEWEST, eligible_worths, has_complaint, is_judged
from app.lifecycle.learned_effects import STAGES, Response, raw_features

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NONE: Final = -1
"""No action."""
_NO_RATES: Final[Mapping[str, float]] = MappingProxyType({})
_LEAST_SPREAD: Final = 1e-9
"""A feature that is spread no wider is constant but for rounding."""


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """Decisions whose reward is final, (n,) each; `actions` are places in `action_ids`, −1: none was taken.

    `persons` number from 0 whom they were made for, `groups` (actions,) the groups of actions. `features` (n, 2) are
    churn risk and value at stake, as they were known, centred and of unit size: they had `centres` and `scales` (2,).
    `eligible` and `worths` (n, actions) are what might have been chosen, and what was thought of it. `is_judged`:
    chance decided, so that another choice can be judged.
    `is_compared`: an action was shown first, or withheld of the control group, and no complaint came before.
    `responses` (n,): whether what was shown was accepted or redeemed, 0 to 1; `rates` (n, actions): how likely that was
    thought to be, NaN where that is not what the worth came from.
    """

    action_ids: tuple[str, ...]
    groups: Ints
    persons: Ints
    actions: Ints
    stages: Ints
    features: Floats
    rewards: Floats
    responses: Floats
    rates: Floats
    propensities: Floats
    eligible: Bools
    worths: Floats
    is_judged: Bools
    is_compared: Bools
    centres: Floats
    scales: Floats

    @property
    def is_shown(self) -> Bools:
        """(n,): an action was, of what can be compared."""
        return np.asarray(self.is_compared & (self.actions != NONE))

    @property
    def has_control(self) -> bool:
        """Whether as much was withheld of a control group as can be compared with."""
        return int((self.actions[self.is_compared] == NONE).sum()) >= FEWEST

    @property
    def responded(self) -> Ints:
        """(actions,): how often each was shown, of those that anybody responded to; else 0, since it is not known
        whether nobody did, or nobody told."""
        sums = np.bincount(self.actions[self.is_shown], self.responses[self.is_shown], len(self.action_ids))
        return np.where(sums > 0, self.shown, 0)

    @property
    def shown(self) -> Ints:
        """(actions,): how often each was shown, of what can be compared."""
        return np.bincount(self.actions[self.is_shown], minlength=len(self.action_ids)).astype(np.int64)


def read_decisions(
    rows: Sequence[Any], group_of: Mapping[str, str], rate_of: Mapping[str, float] = _NO_RATES
) -> DecisionLog:
    """Of rows of the learning log (`app.decisions.outcome_queries`); `group_of` is action → group, `rate_of` → the
    catalogue's response rate."""
    final = [row for row in rows if row.reward is not None and row.place in (None, 1)]
    ids = tuple(sorted({each for row in final for each in row.receipt["expected_values"]}))
    kinds = sorted({group_of.get(each, "") for each in ids})
    places = {each: place for place, each in enumerate(ids)}
    worths, rates = np.full((len(final), len(ids)), -np.inf), np.full((len(final), len(ids)), np.nan)
    for at, row in enumerate(final):
        for each, worth in eligible_worths(row.receipt).items():
            worths[at, places[each]] = worth
            rates[at, places[each]] = _rate(row.receipt, each, rate_of)
    actions = np.array([places.get(row.action_id, NONE) for row in final], np.int64)
    features, centres, scales = _features([row.receipt["customer"] for row in final])
    return DecisionLog(
        ids,
        np.array([kinds.index(group_of.get(each, "")) for each in ids], np.int64),
        np.unique([row.person_id for row in final], return_inverse=True)[1].astype(np.int64),
        actions,
        np.array([STAGES.index(row.stage) for row in final], np.int64),
        features,
        np.array([_reward(row) for row in final], np.float64),
        np.array([row.response for row in final], np.float64),
        rates,
        np.array([np.nan if row.propensity is None else row.propensity for row in final], np.float64),
        np.isfinite(worths),
        worths,
        np.array([is_judged(row) for row in final], np.bool_) & (actions != NONE),
        np.array([_is_compared(row) for row in final], np.bool_),
        centres,
        scales,
    )


def _rate(receipt: Mapping[str, Any], action_id: str, rate_of: Mapping[str, float]) -> float:
    if action_id in receipt.get("learned", ()):
        return np.nan
    told = receipt.get("responses", {}).get(action_id)
    return rate_of.get(action_id, np.nan) if told is None else Response(*told).cautious


def _reward(row: Any) -> float:
    """Of a place: what came of several that were withheld together is shared, as it is where they are shown."""
    withheld = len(row.receipt.get("withheld", ())) if row.action_id is None else 0
    return float(row.reward) / max(withheld, 1)


def _is_compared(row: Any) -> bool:
    if has_complaint(row):
        return False
    return row.activated_us is not None if row.action_id is not None else bool(row.receipt.get("withheld"))


def _features(customers: Sequence[Mapping[str, Any]]) -> tuple[Floats, Floats, Floats]:
    """Centred and of unit size; centres and sizes as they were."""
    columns = np.array(
        [raw_features(each["churn_risk"], each["value_at_stake"]) for each in customers], np.float64
    ).reshape(-1, 2)
    if not len(columns):
        return columns, np.zeros(2), np.ones(2)
    centres, deviations = columns.mean(axis=0), columns.std(axis=0)
    scales = np.where(deviations > _LEAST_SPREAD, deviations, 1.0)
    return (columns - centres) / scales, centres, scales
