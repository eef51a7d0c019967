"""What another policy would have brought, judged on decisions that were made by chance with known probabilities.

With w = π(a|x) / p, the chance of the logged action under the policy over the chance with which it was chosen:

    IPS    mean of w · r                                  (Horvitz and Thompson 1952)
    SNIPS  Σ w · r / Σ w                                  (Swaminathan and Joachims 2015, Self-normalized)
    DR     mean of q(x, π) + w · (r − q(x, a))            (Dudík, Langford and Li 2011, Doubly robust)

with q an estimate of the reward that was learned without the row it is asked of. Intervals are of the normal law, that
of SNIPS by the delta method.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Warned = Literal["few_effective", "lacking_support", "clipped"]

MOST_WEIGHT: Final = 100.0
"""Greater weights are cut to it, and told: one decision is not to speak for more than a hundred."""
FEWEST_EFFECTIVE: Final = 100.0
_SHRUNK: Final = 10.0
_Z: Final = 1.959963984540054
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
    the policy's choices."""

    rewards: Floats
    propensities: Floats
    target_probabilities: Floats
    predicted: Floats | None = None
    expected: Floats | None = None


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
    two decisions."""
    if len(log.rewards) < 2:
        raise ValueError("A policy is judged on two decisions at least.")
    if not np.all((log.propensities > 0) & (log.propensities <= 1)):  # NaN is neither
        raise UnloggedPropensities("Decisions without the probability with which they were made judge no policy.")
    raw = log.target_probabilities / log.propensities
    weights = np.minimum(raw, MOST_WEIGHT)
    clipped, total = int(np.count_nonzero(raw > MOST_WEIGHT)), float(weights.sum())
    effective = total**2 / float((weights**2).sum()) if total else 0.0
    return PolicyValue(
        _mean(weights * log.rewards),
        _ratio(weights, log.rewards) if total else None,
        _doubly_robust(weights, log),
        len(weights),
        effective,
        clipped,
        float(raw.mean()),
        _warnings(raw, effective, clipped),
    )


def _doubly_robust(weights: Floats, log: Log) -> Estimate | None:
    if log.predicted is None or log.expected is None:
        return None
    return _mean(log.expected + weights * (log.rewards - log.predicted))


def _mean(parts: Floats) -> Estimate:
    return _around(float(parts.mean()), float(parts.std(ddof=1)) / np.sqrt(len(parts)))


def _ratio(weights: Floats, rewards: Floats) -> Estimate:
    value = float((weights * rewards).sum() / weights.sum())
    apart = weights * (rewards - value) / weights.mean()
    return _around(value, float(apart.std(ddof=1)) / np.sqrt(len(weights)))


def _around(value: float, error: float) -> Estimate:
    return Estimate(value, value - _Z * error, value + _Z * error)


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
