"""What another policy would have brought, judged on decisions that were made by chance with known probabilities.

With w = π(a|x) / p, the chance of the logged action under the policy over the chance with which it was chosen:

    IPS    mean of w · r                                  (Horvitz and Thompson 1952)
    SNIPS  Σ w · r / Σ w                                  (Swaminathan and Joachims 2015, Self-normalized)
    DR     mean of q(x, π) + w · (r − q(x, a))            (Dudík, Langford and Li 2011, Doubly robust)

with q an estimate of the reward that was learned without the row it is asked of. Intervals are of the normal law, that
of SNIPS by the delta method; decisions of a person are not independent, so that what is off is summed by person.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.effects import Z95

Floats = NDArray[np.float64]
Warned = Literal["few_effective", "lacking_support", "clipped"]

MOST_WEIGHT: Final = 100.0
"""Greater weights are cut to it, and told: one decision is not to speak for more than a hundred."""
FEWEST_EFFECTIVE: Final = 100.0
_SHRUNK: Final = 10.0
_FAR: Final = 4.0
"""Standard errors from which on the mean weight is no longer 1 by chance."""


class UnloggedPropensities(ValueError):
    """The probabilities with which actions were chosen are not known: nothing can be said of another policy."""


class Estimate(NamedTuple):
    """A mean reward of a decision and its interval of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Log:
    """Decisions, (n,) each: the reward, the probability with which the action was chosen, and that with which the
    policy that is judged would choose it. `predicted` is what was to be expected of the logged action, `expected` of
    the policy's choices. `persons` number from 0 whom they were made for; None: everybody another."""

    rewards: Floats
    propensities: Floats
    target_probabilities: Floats
    predicted: Floats | None = None
    expected: Floats | None = None
    persons: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """`doubly_robust` is None without predictions. `clipped` counts weights that were cut. `warnings` say why the log
    cannot answer, or not well: few effective decisions, actions of the policy that were never chosen, weights cut."""

    inverse_propensity: Estimate
    self_normalised: Estimate | None
    doubly_robust: Estimate | None
    decisions: int
    effective_sample_size: float
    clipped: int
    mean_weight: float
    warnings: tuple[Warned, ...]


def evaluate_policy(log: Log) -> PolicyValue:
    """Raises UnloggedPropensities where a probability of choice is unknown, not above 0 or above 1; ValueError without
    decisions of two persons."""
    if len(log.rewards) < 2 or (log.persons is not None and log.persons.min() == log.persons.max()):
        raise ValueError("A policy is judged on decisions of two persons at least.")
    if not np.all((log.propensities > 0) & (log.propensities <= 1)):  # NaN is neither
        raise UnloggedPropensities("Decisions without the probability with which they were made judge no policy.")
    raw = log.target_probabilities / log.propensities
    weights = np.minimum(raw, MOST_WEIGHT)
    clipped, total = int(np.count_nonzero(raw > MOST_WEIGHT)), float(weights.sum())
    effective = total**2 / float((weights**2).sum()) if total else 0.0
    return PolicyValue(
        _mean(weights * log.rewards, log.persons),
        _ratio(weights, log) if total else None,
        _doubly_robust(weights, log),
        len(weights),
        effective,
        clipped,
        float(raw.mean()),
        _warnings(raw, effective, clipped),
    )


def lead_of(one: Log, other: Log) -> Estimate:
    """How much more a decision of one policy brings than of another on the same decisions, doubly robust: what both
    have in common is in neither side of the interval. Both have predictions, and are as `evaluate_policy` takes them.
    """
    parts = [
        _robust_parts(np.minimum(each.target_probabilities / each.propensities, MOST_WEIGHT), each)
        for each in (one, other)
    ]
    return _mean(parts[0] - parts[1], one.persons)


def _doubly_robust(weights: Floats, log: Log) -> Estimate | None:
    if log.predicted is None or log.expected is None:
        return None
    return _mean(_robust_parts(weights, log), log.persons)


def _robust_parts(weights: Floats, log: Log) -> Floats:
    """(n,), whose mean is the estimate."""
    assert log.predicted is not None
    assert log.expected is not None
    return np.asarray(log.expected + weights * (log.rewards - log.predicted))


def _mean(parts: Floats, persons: NDArray[np.int64] | None) -> Estimate:
    value = float(parts.mean())
    return _around(value, parts - value, persons)


def _ratio(weights: Floats, log: Log) -> Estimate:
    value = float((weights * log.rewards).sum() / weights.sum())
    return _around(value, weights * (log.rewards - value) / weights.mean(), log.persons)


def _around(value: float, apart: Floats, persons: NDArray[np.int64] | None) -> Estimate:
    """`apart` (n,) sums to 0."""
    sums = apart if persons is None else np.bincount(persons, apart)[np.unique(persons)]
    error = float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1))) / len(apart)
    return Estimate(value, value - Z95 * error, value + Z95 * error)


def _warnings(raw: Floats, effective: float, clipped: int) -> tuple[Warned, ...]:
    """Weights are 1 on average where each action that the policy chooses was chosen now and then."""
    error = float(raw.std(ddof=1)) / np.sqrt(len(raw))
    found: list[Warned] = ["few_effective"] if effective < FEWEST_EFFECTIVE else []
    if raw.mean() + max(_FAR * error, 1e-9) < 1.0:
        found.append("lacking_support")
    return (*found, "clipped") if clipped else tuple(found)


def expect_by_action(actions: NDArray[np.int64], rewards: Floats, count: int) -> Floats:
    """(n, count): the mean reward of each action in all other rows, drawn towards that of all of them as if ten more
    decisions had brought it. What is told of a row has not seen it; there are two rows at least."""
    rows = np.arange(len(rewards))
    mean = (rewards.sum() - rewards) / (len(rewards) - 1)
    sums, seen = np.bincount(actions, rewards, minlength=count), np.bincount(actions, minlength=count)
    told = np.asarray((sums + _SHRUNK * mean[:, None]) / (seen + _SHRUNK))
    told[rows, actions] = (sums[actions] - rewards + _SHRUNK * mean) / (seen[actions] - 1 + _SHRUNK)
    return told
