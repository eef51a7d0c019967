"""What other policies would have brought on the log of decisions: the rules without chance, what is learned, and the
champion."""

from typing import Any

import numpy as np

from app.decisions.judging import FEWEST
from app.foundation.errors import Refusal
from app.lifecycle.learned_effects import CAUTION, FEWEST_SHOWN, STAGES, LearnedEffects, Response
from app.lifecycle.off_policy import Estimate, Log, PolicyValue, UnloggedPropensities, evaluate_policy, lead_of
from ml.data.decisions import NONE, DecisionLog, Floats, Ints
from ml.learning.effects import CrossFitted, Offers, cross_fit, cross_fit_responses


def evaluate_policies(log: DecisionLog, champion: LearnedEffects | None = None) -> dict[str, Any]:
    """The figures, as `perennial evaluate policy --json` prints them; of a champion too, where there is one.

    Every row is told of by a model that has not seen its person, and so is what the learned policy chooses there, as a
    service would. The champion may have seen them. Raises Refusal where chance decided less than FEWEST times, or for
    fewer persons, or as few can be compared, or its probabilities were not kept.
    """
    judged = np.flatnonzero(log.is_judged)
    if len(judged) < FEWEST:
        raise Refusal(
            f"Chance decided {len(judged):,} times of which the reward is final; {FEWEST} are needed to judge a policy."
        )
    persons = min(len(np.unique(log.persons[rows])) for rows in (log.is_judged, log.is_compared))
    if persons < FEWEST:
        raise Refusal(f"Decisions of {persons:,} persons can be judged and compared; of {FEWEST} are needed.")
    offers = Offers(log.actions, log.stages, log.features, log.rewards, log.persons)
    told = cross_fit(offers, log.groups, len(STAGES), log.is_compared)
    worths = {"rules": log.worths, "learned": learned_worths(log, told) if log.has_control else responded_worths(log)}
    if champion is not None:
        worths["champion"] = champion_worths(log, champion)
    logs = {name: _log_of(log, judged, told.rewards, choose(each)[judged]) for name, each in worths.items()}
    try:
        policies = {name: _render(evaluate_policy(each)) for name, each in logs.items()}
    except UnloggedPropensities as error:
        raise Refusal(str(error)) from error
    return {
        "decisions": len(judged),
        "as_decided": float(log.rewards[judged].mean()),
        "policies": policies,
        "leads": {name: lead_of(logs["learned"], each)._asdict() for name, each in logs.items() if name != "learned"},
    }


def learned_worths(log: DecisionLog, told: CrossFitted) -> Floats:
    """(n, actions): what a service that has learned reckons with, −∞ of what was not eligible; but for weights, levers
    and response rates, which are of a catalogue and not in the log."""
    learned = np.where(log.shown >= FEWEST_SHOWN, told.effects - CAUTION * told.deviations, log.worths)
    return np.where(log.eligible, learned, -np.inf)


def responded_worths(log: DecisionLog) -> Floats:
    """(n, actions): the same where nobody was held out, by who responds: what an action was worth, times how much
    likelier a response is than was thought."""
    offers = Offers(log.actions, log.stages, log.features, log.responses, log.persons)
    probabilities, deviations = cross_fit_responses(offers, log.groups, len(STAGES), log.is_shown)
    likely = np.clip(probabilities - CAUTION * deviations, 0.0, 1.0)
    is_known = (log.responded >= FEWEST_SHOWN) & (log.rates > 0)
    return np.asarray(log.worths * np.where(is_known & log.eligible, likely / np.where(is_known, log.rates, 1.0), 1.0))


def champion_worths(log: DecisionLog, effects: LearnedEffects) -> Floats:
    """(n, actions): the same by a policy in force; what it does not know keeps the worth of the receipt."""
    worths = log.worths.copy()
    places = {action_id: place for place, action_id in enumerate(log.action_ids)}
    raw = log.features * log.scales + log.centres
    for row, (stage, (risk, value)) in enumerate(zip(log.stages, raw, strict=True)):
        for action_id, learned in effects.weigh_known(STAGES[stage], risk, float(np.expm1(value))).items():
            if action_id in places:
                at = row, places[action_id]
                worths[at] = _by_response(log, at, learned) if isinstance(learned, Response) else learned.cautious
    return np.where(log.eligible, worths, -np.inf)


def _by_response(log: DecisionLog, at: tuple[int, int], learned: Response) -> float:
    return float(log.worths[at] * learned.cautious / log.rates[at] if log.rates[at] > 0 else log.worths[at])


def choose(worths: Floats) -> Ints:
    """(n,) places of the best; NONE where none is worth more than nothing."""
    return np.where(worths.max(axis=1) > 0, worths.argmax(axis=1), NONE)


def _log_of(log: DecisionLog, judged: Ints, rewards: Floats, chosen: Ints) -> Log:
    """What a policy that makes these choices is judged by."""
    rows, taken, expected = np.arange(len(judged)), log.actions[judged], rewards[judged]
    return Log(
        log.rewards[judged],
        log.propensities[judged],
        (chosen == taken).astype(np.float64),
        expected[rows, 1 + taken],
        expected[rows, 1 + chosen],
        log.persons[judged],
    )


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
