"""Whom a treatment moves, and which arm is best for whom: learned on one half of a trial, judged on the other."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.lifecycle.effects import Z95
from ml.data.trials import Floats, Ints, Trial, TrialColumns, UnusableTrial, alike, halve, load_trial
from ml.evaluation.uplift_metrics import judge_chance, judge_uplift
from ml.learning.arm_policy import choose_arms
from ml.learning.uplift import fit_response, fit_uplift


def load_halves(data: Path, test: Path | None, columns: TrialColumns) -> tuple[Trial, Trial]:
    """To learn from and to judge by: `data` and `test`, or the halves of `data`.

    Raises UnusableTrial for a file that is none, or a test whose columns or arms are others.
    """
    learned = load_trial(data, columns)
    if test is None:
        return halve(learned)
    judged = load_trial(test, replace(columns, treated=learned.arm_names[1:]))
    if lacking := [name for name in learned.features if name not in judged.features]:
        raise UnusableTrial(f"{test.name} has no column {', '.join(map(repr, lacking))}, which {data.name} has.")
    return learned, alike(judged, learned)


def evaluate_uplift(learned: Trial, judged: Trial) -> dict[str, Any]:
    """The figures, as `perennial evaluate uplift --json` prints them. Both halves have the same arms and features."""
    model, response = fit_uplift(learned), fit_response(learned)
    treated = (judged.arms > 0).astype(np.int64)
    choices = choose_arms(model, learned, judged)
    constants = [np.full(len(judged), arm) for arm in range(len(judged.arm_names))]
    return {
        "models": {
            "perennial": judge_uplift(model.uplifts(judged), treated, judged.outcome),
            "response": judge_uplift(response.outcomes(judged)[:, 0], treated, judged.outcome),
            "random": judge_chance(treated, judged.outcome),
        },
        "policy": {
            "perennial": value_of(choices, judged),
            "best_constant": max((value_of(each, judged) for each in constants), key=lambda value: value["value"]),
        },
    }


def value_of(choices: Ints, judged: Trial) -> dict[str, float]:
    """What everybody's outcome would be on average if each was given the arm of `choices` (n,), by inverse propensity.

    Propensities are the shares of the arms in the rows that are judged.
    """
    weights = (choices == judged.arms) / judged.shares[judged.arms]
    parts: Floats = weights * judged.outcome
    value = float(parts.mean())
    margin = Z95 * float(parts.std(ddof=1)) / np.sqrt(len(parts))
    return {"value": value, "low": value - margin, "high": value + margin}
