"""Artefacts of policies by hand."""

from datetime import timedelta

import numpy as np

from app.lifecycle.learned_effects import STAGES, LearnedEffects
from ml.training.policy_artefact import write_policy_artefact


def judged(value=1.0, *, warnings=()):
    """Figures of a policy whose decisions bring so much more than the rules'."""
    robust = {"value": 2.0 + value, "low": 1.0 + value, "high": 3.0 + value}
    lead = {"value": value, "low": value - 0.5, "high": value + 0.5}
    return {
        "decisions": 500,
        "policies": {"learned": {"doubly_robust": robust, "warnings": list(warnings)}},
        "leads": {"rules": lead},
    }


def write_policy(directory, made_at, effects, *, simulated=False, horizon_days=30, metrics=None, by_value=0.0):
    """`effects` are action → effect at any stage, `_` for `-`; none: a coupon for the first order brings 1.
    `by_value` is put on each for a value at stake of e times as much, from about 54 on."""
    effects = {name.replace("_", "-"): effect for name, effect in effects.items()} or {"first-order-coupon": 1.0}
    count = len(effects)
    terms, covariances = np.zeros((count, len(STAGES), 6)), np.zeros((count, len(STAGES), 3, 3))
    terms[:, :, 3] = np.array(list(effects.values()))[:, None]
    terms[:, :, 4], terms[:, :, 5] = 0.1, by_value
    covariances[:, :, 0, 0] = 0.01
    sizes = np.array([0.5, 4.0]), np.array([0.2, 1.0])
    learned = LearnedEffects(tuple(effects), terms, covariances, np.full(count, 500), *sizes)
    training = {"data_from": (made_at - timedelta(days=180)).isoformat(), "data_until": made_at.isoformat()}
    members = {
        "horizon_days": horizon_days,
        "training": training,
        "data": {"source": "tests", "simulated": simulated},
        "metrics": judged() if metrics is None else metrics,
    }
    return write_policy_artefact(directory, made_at, learned, members)
