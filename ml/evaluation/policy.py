"""What other policies would have brought on the log of decisions: the rules without chance, and what is learned."""

from typing import Any, Final

import numpy as np

from app.foundation.errors import Refusal
from app.lifecycle.learned_effects import STAGES
from app.lifecycle.off_policy import Estimate, Log, PolicyValue, UnloggedPropensities, evaluate_policy
from ml.data.decisions import DecisionLog, Floats, Ints
from ml.learning.effects import Offers, cross_fit

FEWEST: Final = 100


def evaluate_policies(log: DecisionLog) -> dict[str, Any]:
    """The figures, as `perennial evaluate policy --json` prints them.

    Every row is told of by a model that has not seen it, and so is what the learned policy chooses there. Raises
    Refusal where chance decided less than FEWEST times, or its probabilities were not kept.
    """
    judged = np.flatnonzero(log.is_judged)
    if len(judged) < FEWEST:
        raise Refusal(
            f"Chance decided {len(judged):,} times of which the reward is final; {FEWEST} are needed to judge a policy."
        )
    offers = Offers(log.actions, log.stages, log.features, log.rewards)
    told = cross_fit(offers, log.groups, len(STAGES))[judged, 1:]
    choices = {
        "rules": log.worths[judged].argmax(axis=1),
        "learned": np.where(log.eligible[judged], told, -np.inf).argmax(axis=1),
    }
    try:
        policies = {name: _judge(log, judged, told, chosen) for name, chosen in choices.items()}
    except UnloggedPropensities as error:
        raise Refusal(str(error)) from error
    rewards = log.rewards[judged]
    return {"decisions": len(judged), "as_decided": float(rewards.mean()), "policies": policies}


def _judge(log: DecisionLog, judged: Ints, told: Floats, chosen: Ints) -> dict[str, Any]:
    rows, taken = np.arange(len(judged)), log.actions[judged]
    value = evaluate_policy(
        Log(
            log.rewards[judged],
            log.propensities[judged],
            (chosen == taken).astype(np.float64),
            told[rows, taken],
            told[rows, chosen],
        )
    )
    return _render(value)


def _render(value: PolicyValue) -> dict[str, Any]:
    def told(estimate: Estimate | None) -> dict[str, float] | None:
        return None if estimate is None else estimate._asdict()

    return {
        "inverse_propensity": told(value.inverse_propensity),
        "self_normalised": told(value.self_normalised),
        "doubly_robust": told(value.doubly_robust),
        "effective_sample_size": value.effective_sample_size,
        "clipped": value.clipped,
        "warnings": list(value.warnings),
    }
