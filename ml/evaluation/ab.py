"""A/B tests: what a treatment changed, read once at the end (tea-tasting) and at any time (a confidence sequence)."""

from typing import Any

import numpy as np
import pyarrow as pa
import tea_tasting as tt

from app.lifecycle.arms import MISMATCH
from app.lifecycle.sequences import Outcomes, least_sample, read_at_any_time
from ml.data.trials import Floats, Trial, UnusableTrial


def read_test(
    trial: Trial, looked_for: float, covariate: str | None = None, per: str | None = None, share: float = 0.5
) -> dict[str, Any]:
    """Of two arms, the second against the control. `covariate`: a feature known before, by which chance differences are
    taken out (CUPED). `per`: a feature that is the denominator of a ratio of means, as orders of spend; the reading at
    any time is of the outcome itself. `share` of the customers were to be in the control.

    Raises UnusableTrial for more than two arms, or a feature that is not there or has unknown numbers.
    """
    if len(trial.arm_names) != 2:
        raise UnusableTrial("An A/B test has one treated arm: name it.")
    columns = {"variant": trial.arms, "outcome": trial.outcome}
    columns |= {name: _numbers(trial, name) for name in (covariate, per) if name}
    if per:
        metric: Any = tt.RatioOfMeans("outcome", per, covariate, per if covariate else None)
    else:
        metric = tt.Mean("outcome", covariate)
    told = tt.Experiment(outcome=metric, ratio=tt.SampleRatio((1.0 - share) / share)).analyze(pa.table(columns))
    fixed, ratio = told["outcome"], told["ratio"]
    deviation = float(trial.outcome[trial.arms == 0].std(ddof=1))
    return {
        "n": {name: int(count) for name, count in zip(trial.arm_names, np.bincount(trial.arms), strict=True)},
        "least_sample_each": least_sample(deviation, looked_for),
        "fixed": {
            "control": fixed.control,
            "treated": fixed.treatment,
            "difference": fixed.effect_size,
            "low": fixed.effect_size_ci_lower,
            "high": fixed.effect_size_ci_upper,
            "p": fixed.pvalue,
        },
        "any_time": _any_time(trial, looked_for),
        "sample_ratio": {"p": ratio.pvalue, "is_mismatch": bool(ratio.pvalue < MISMATCH)},
    }


def _numbers(trial: Trial, name: str) -> Floats:
    column = trial.features.get(name)
    if column is None or column.dtype.kind != "f" or np.isnan(np.asarray(column, np.float64)).any():
        raise UnusableTrial(f"The test has no column {name!r} with a number in every row.")
    return np.asarray(column, np.float64)


def _any_time(trial: Trial, looked_for: float) -> dict[str, float | bool] | None:
    sides = [trial.outcome[trial.arms == arm] for arm in (1, 0)]
    treated, control = (Outcomes(len(side), float(side.sum()), float((side**2).sum())) for side in sides)
    reading = read_at_any_time(treated, control, looked_for)
    return None if reading is None else {**reading._asdict(), "is_certain": reading.is_certain}
