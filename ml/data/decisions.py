"""Decisions and what came of them, as policies are learned from and judged by: first places, in arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from app.decisions.judging import eligible_worths, is_judged
from app.lifecycle.stages import Stage

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STAGES: Final[tuple[str, ...]] = get_args(Stage)
_NONE: Final = -1


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """Decisions whose reward is final, (n,) each; `actions` are places in `action_ids`, −1: none was taken.

    `groups` (actions,) numbers their groups. `features` (n, 2) are churn risk and value at stake, as they were known,
    centred and of unit size. `eligible` and `worths` (n, actions) are what might have been chosen, and what was thought
    of it. `is_judged`: chance decided, so that another choice can be judged.
    """

    action_ids: tuple[str, ...]
    groups: Ints
    actions: Ints
    stages: Ints
    features: Floats
    rewards: Floats
    propensities: Floats
    eligible: Bools
    worths: Floats
    is_judged: Bools


def read_decisions(rows: Sequence[Any], group_of: Mapping[str, str]) -> DecisionLog:
    """Of rows of the learning log (`app.decisions.outcome_queries`); `group_of` is action → group."""
    final = [row for row in rows if row.reward is not None and row.place in (None, 1)]
    ids = tuple(sorted({each for row in final for each in row.receipt["expected_values"]}))
    kinds = sorted({group_of.get(each, "") for each in ids})
    places = {each: place for place, each in enumerate(ids)}
    worths = np.full((len(final), len(ids)), -np.inf)
    for at, row in enumerate(final):
        for each, worth in eligible_worths(row.receipt).items():
            worths[at, places[each]] = worth
    actions = np.array([places.get(row.action_id, _NONE) for row in final], np.int64)
    return DecisionLog(
        ids,
        np.array([kinds.index(group_of.get(each, "")) for each in ids], np.int64),
        actions,
        np.array([STAGES.index(row.stage) for row in final], np.int64),
        _features([row.receipt["customer"] for row in final]),
        np.array([row.reward for row in final], np.float64),
        np.array([np.nan if row.propensity is None else row.propensity for row in final], np.float64),
        np.isfinite(worths),
        worths,
        np.array([is_judged(row) for row in final], np.bool_) & (actions != _NONE),
    )


def _features(customers: Sequence[Mapping[str, Any]]) -> Floats:
    raw = [
        (0.5 if each["churn_risk"] is None else each["churn_risk"], np.log1p(each["value_at_stake"]))
        for each in customers
    ]
    columns = np.array(raw, np.float64).reshape(-1, 2)
    deviations = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(deviations > 0, deviations, 1.0))
