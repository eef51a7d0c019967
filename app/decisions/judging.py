"""What another policy would have brought on the decisions that were made."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from app.foundation.errors import NotEnough
from app.lifecycle.decisions import FOLLOW_UP_DAYS
from app.lifecycle.events import DAY_US
from app.lifecycle.exploration import selection_probabilities
from app.lifecycle.off_policy import Log, PolicyValue, UnloggedPropensities, evaluate_policy, expect_by_action

FEWEST: Final = 100
"""Decisions that a policy is judged on; and of the control group, and with an action shown, that one is learned of."""


def is_judged(row: Any) -> bool:
    """Whether chance decided and it was shown, so that another choice can be judged; `row` is of the learning log.
    Where a test of two actions says which is given, nothing else was tried.

    What was prepared and never shown has no credit, whatever was bought. Where a complaint is open, or was of late,
    what is for it comes first, whatever it is worth.
    """
    is_given = "gives" in row.receipt.get("test", ())
    is_shown_by_chance = row.arm == "learner" and row.activated_us is not None and not is_given
    return bool(is_shown_by_chance and row.receipt["request"]["learning_enabled"] and not has_complaint(row))


def has_complaint(row: Any) -> bool:
    """Whether a complaint was open when it was decided, or had been resolved of late."""
    customer, settled_us = row.receipt["customer"], row.receipt["customer"].get("complaint_resolved_us")
    is_of_late = settled_us is not None and row.decided_us - settled_us < FOLLOW_UP_DAYS * DAY_US
    return bool(customer["has_open_complaint"] or is_of_late)


def eligible_worths(receipt: Mapping[str, Any]) -> dict[str, float]:
    """What those actions were thought to be worth that nothing held back."""
    held_back = receipt["suppressed"]
    return {each: worth for each, worth in receipt["expected_values"].items() if each not in held_back}


def judge_policy(rows: Sequence[Any], factors: Mapping[str, float], exploration: float) -> tuple[PolicyValue, float]:
    """Of rows of the learning log, and the mean reward of those that are judged: first places whose reward is final.

    Raises NotEnough where they are fewer than FEWEST, all of one person, or the probability of one is not known.
    """
    judged = [row for row in rows if row.place == 1 and row.reward is not None and is_judged(row)]
    if len(judged) < FEWEST:
        raise NotEnough(f"Chance decided {len(judged)} times of which the reward is final; {FEWEST} are needed.")
    if len({row.person_id for row in judged}) < 2:
        raise NotEnough("Chance decided for one person alone, which says nothing of others.")
    log = log_of(judged, [_choose(eligible_worths(row.receipt), factors, exploration) for row in judged])
    try:
        return evaluate_policy(log), float(log.rewards.mean())
    except UnloggedPropensities as error:
        raise NotEnough(f"{error}") from error


def log_of(judged: Sequence[Any], targets: Sequence[Mapping[str, float]]) -> Log:
    """Of rows that are judged, and with which chance a policy would have chosen each action there."""
    persons = np.unique([row.person_id for row in judged], return_inverse=True)[1].astype(np.int64)
    ids = sorted({each for target in targets for each in target} | {row.action_id for row in judged})
    places = {each: place for place, each in enumerate(ids)}
    actions = np.array([places[row.action_id] for row in judged], np.int64)
    rewards = np.array([row.reward for row in judged], np.float64)
    chances = np.zeros((len(judged), len(ids)))
    for at, target in enumerate(targets):
        for each, chance in target.items():
            chances[at, places[each]] = chance
    every, told = np.arange(len(judged)), expect_by_action(actions, rewards, len(ids))
    propensities = np.array([np.nan if row.propensity is None else row.propensity for row in judged], np.float64)
    expected = (chances * told).sum(axis=1)
    return Log(rewards, propensities, chances[every, actions], told[every, actions], expected, persons)


def _choose(worths: Mapping[str, float], factors: Mapping[str, float], exploration: float) -> dict[str, float]:
    """Action → the chance with which the policy chooses it first; none is chosen that is worth nothing."""
    weighed = {each: worth * factors.get(each, 1.0) for each, worth in worths.items()}
    ranked = sorted((each for each, worth in weighed.items() if worth > 0), key=lambda each: -weighed[each])
    if not ranked:
        return {}
    told = selection_probabilities([weighed[each] for each in ranked], exploration)
    return dict(zip(ranked, told, strict=True))
