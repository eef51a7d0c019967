"""How sure a number is: the same metric over customers drawn again and again, with replacement.

A draw is a weight a customer: how often they were drawn. Every metric is written for a matrix of
weights, (draws, n), so that hundreds of draws are a few array operations. The same draws serve all
models, so that a difference between two is as sure as the customers they share make it.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import Floats, Metrics, advantage

DRAWS: Final = 500
FEWEST_DRAWS: Final = 100
LEVEL: Final = 0.95
SEED: Final = 20
_CELLS_AT_ONCE: Final = 2_000_000
_CELLS_IN_ALL: Final = 50_000_000
_BINS: Final = 10
_TOP: Final = 0.1
_CERTAIN: Final = np.finfo(np.float64).eps


class Resampled:
    """Actual and predicted (n,) under `weights` (draws, n); each metric is (draws,)."""

    def __init__(self, actual: Floats, predicted: Floats, weights: Floats) -> None:
        self.actual, self.predicted, self.weights = actual, predicted, weights
        self.customers = weights.sum(axis=1)

    def _mean(self, values: Floats) -> Floats:
        return np.asarray(self.weights @ values / self.customers)

    @cached_property
    def _by_score(self) -> tuple[Floats, Floats, Floats]:
        """Groups of equal prediction, ascending: their scores (groups,), weight and actual (draws, groups)."""
        scores, weight, total = self._grouped(self.predicted)
        return scores, weight, total

    def _grouped(self, score: Floats) -> tuple[Floats, Floats, Floats]:
        order = np.argsort(score, kind="stable")
        ascending, weights = score[order], self.weights[:, order]
        starts = np.flatnonzero(np.append(True, np.diff(ascending) > 0))
        total = np.add.reduceat(weights * self.actual[order], starts, axis=1)
        return ascending[starts], np.add.reduceat(weights, starts, axis=1), total

    def auc(self) -> Floats:
        _, weight, churned = self._by_score
        stayed = weight - churned
        below = np.cumsum(stayed, axis=1) - stayed / 2
        return np.asarray((churned * below).sum(axis=1) / (churned.sum(axis=1) * stayed.sum(axis=1)))

    def brier(self) -> Floats:
        return self._mean((self.actual - self.predicted) ** 2)

    def log_loss(self) -> Floats:
        risk = self.predicted.clip(_CERTAIN, 1 - _CERTAIN)
        return self._mean(-np.where(self.actual > 0, np.log(risk), np.log1p(-risk)))

    def ece(self) -> Floats:
        scores, weight, churned = self._by_score
        gaps = self._up_to(weight, churned - scores * weight, np.linspace(0, 1, _BINS + 1))
        return np.asarray(np.abs(np.diff(gaps, axis=1)).sum(axis=1) / self.customers)

    def lift_at_10(self) -> Floats:
        _, weight, churned = self._by_score
        below, everyone = self._up_to(weight, churned, np.array([1 - _TOP, 1.0])).T
        return np.asarray((everyone - below) / _TOP / everyone)

    def _up_to(self, weight: Floats, values: Floats, shares: Floats) -> Floats:
        """(draws, shares): the sum of `values` over the lowest share of the customers, groups taken in part."""
        ends, sums = (np.pad(np.cumsum(part, axis=1), ((0, 0), (1, 0))) for part in (weight, values))
        draws = zip(ends, sums, self.customers, strict=True)
        return np.array([np.interp(shares * count, end, total) for end, total, count in draws])

    def mae(self) -> Floats:
        return self._mean(np.abs(self.actual - self.predicted))

    def rmse(self) -> Floats:
        return np.sqrt(self.brier())

    def bias(self) -> Floats:
        return np.asarray(self.weights @ self.predicted / (self.weights @ self.actual) - 1)

    def pearson(self) -> Floats:
        actual, predicted = self.actual - self.actual.mean(), self.predicted - self.predicted.mean()
        means = [self._mean(actual), self._mean(predicted)]
        both = self._mean(actual * predicted) - means[0] * means[1]
        spreads = [self._mean(actual**2) - means[0] ** 2, self._mean(predicted**2) - means[1] ** 2]
        return np.asarray(both / np.sqrt(spreads[0] * spreads[1]))

    def spearman(self) -> Floats:
        ranks = [self._ranks(self.actual), self._ranks(self.predicted)]
        centred = [rank - ((self.weights * rank).sum(axis=1) / self.customers)[:, None] for rank in ranks]
        first, second = ((self.weights * rank**2).sum(axis=1) for rank in centred)
        return np.asarray((self.weights * centred[0] * centred[1]).sum(axis=1) / np.sqrt(first * second))

    def _ranks(self, column: Floats) -> Floats:
        """(draws, n): mean ranks within the draw."""
        order = np.argsort(column, kind="stable")
        starts = np.flatnonzero(np.append(True, np.diff(column[order]) > 0))
        weight = np.add.reduceat(self.weights[:, order], starts, axis=1)
        _, group = np.unique(column, return_inverse=True)
        return np.asarray((np.cumsum(weight, axis=1) - weight / 2)[:, group])

    def normalised_gini(self) -> Floats:
        _, weight, spent = self._by_score
        _, own_weight, own = self._grouped(self.actual)
        return np.asarray(self._concentration(weight, spent) / self._concentration(own_weight, own))

    def _concentration(self, weight: Floats, values: Floats) -> Floats:
        middles = np.cumsum(weight, axis=1) - weight / 2 - self.customers[:, None] / 2
        return np.asarray((middles * values).sum(axis=1) / values.sum(axis=1))


_METRICS: Final[Mapping[str, Callable[[Resampled], Floats]]] = {
    "auc": Resampled.auc,
    "brier": Resampled.brier,
    "log_loss": Resampled.log_loss,
    "ece": Resampled.ece,
    "lift_at_10": Resampled.lift_at_10,
    "mae": Resampled.mae,
    "rmse": Resampled.rmse,
    "bias": Resampled.bias,
    "pearson": Resampled.pearson,
    "spearman": Resampled.spearman,
    "normalised_gini": Resampled.normalised_gini,
}


def intervals(
    actual: NDArray[Any], predictions: Mapping[str, Floats], metrics: Mapping[str, Metrics], draws: int = DRAWS
) -> dict[str, Any]:
    """Intervals of `metrics` (model → metric → number) and of the first model's lead over the best other.

    The draws of a number are moved so that their mean is the number: drawing customers twice makes
    errors of calibration look larger than they are. `against_best` names the comparator that is best by
    the number, and how much better the first model is (below 0: worse); of `bias` its size counts.
    Many customers have fewer draws, never fewer than FEWEST_DRAWS: their intervals are narrow.
    """
    draws = max(min(draws, _CELLS_IN_ALL // len(actual)), min(draws, FEWEST_DRAWS))
    drawn = _draw(np.asarray(actual, np.float64), predictions, metrics, draws)
    return {
        "level": LEVEL,
        "draws": draws,
        "models": {
            model: {name: _interval(name, value, drawn.get((model, name))) for name, value in numbers.items()}
            for model, numbers in metrics.items()
        },
        "against_best": _leads(metrics, drawn),
    }


def _draw(
    actual: Floats, predictions: Mapping[str, Floats], metrics: Mapping[str, Metrics], draws: int
) -> dict[tuple[str, str], Floats]:
    """(model, metric) → (draws,), of the numbers that are known."""
    wanted = [
        (model, name) for model, numbers in metrics.items() for name, value in numbers.items() if value is not None
    ]
    parts: dict[tuple[str, str], list[Floats]] = {key: [] for key in wanted}
    for weights in draw_weights(len(actual), draws):
        resampled = {model: Resampled(actual, predicted, weights) for model, predicted in predictions.items()}
        with np.errstate(divide="ignore", invalid="ignore"):  # a draw may hold customers of one kind only
            for model, name in wanted:
                parts[model, name].append(_METRICS[name](resampled[model]))
    return {key: np.concatenate(found) for key, found in parts.items()}


def draw_weights(customers: int, draws: int) -> Iterator[Floats]:
    """(few, customers) at a time: how often each was drawn."""
    generator, at_once = np.random.default_rng(SEED), max(1, _CELLS_AT_ONCE // customers)
    for first in range(0, draws, at_once):
        rows = min(at_once, draws - first)
        chosen = generator.integers(customers, size=(rows, customers)) + customers * np.arange(rows)[:, None]
        counts = np.bincount(chosen.ravel(), minlength=rows * customers)
        yield counts.reshape(rows, customers).astype(np.float64)


def _interval(name: str, value: float | None, drawn: Floats | None) -> list[float] | None:
    found = None if value is None or drawn is None else around(value, drawn)
    return [max(found[0], 0.0), found[1]] if found is not None and name == "ece" else found


def around(value: float, drawn: Floats) -> list[float] | None:
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - known.mean() + value
    return [float(low), float(high)]


def _leads(metrics: Mapping[str, Metrics], drawn: Mapping[tuple[str, str], Floats]) -> dict[str, Any]:
    ours, *others = metrics
    return {
        name: _lead(name, value, {other: metrics[other][name] for other in others}, ours, drawn)
        for name, value in metrics[ours].items()
    }


def _lead(
    name: str,
    value: float | None,
    others: Mapping[str, float | None],
    ours: str,
    drawn: Mapping[tuple[str, str], Floats],
) -> dict[str, Any] | None:
    known = {other: number for other, number in others.items() if number is not None}
    if value is None or not known:
        return None
    best = max(known, key=lambda other: advantage(name, known[other], 0.0))
    difference = advantage(name, value, known[best])
    pairs = zip(drawn[ours, name], drawn[best, name], strict=True)
    leads = np.array([advantage(name, mine, theirs) for mine, theirs in pairs])
    return {"comparator": best, "lead": difference, "interval": around(difference, leads)}
