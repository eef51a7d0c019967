"""Whether what is called due comes: probabilities of buying an item again within some days, against what came.

Everything is learned before a cut-off. An item is called due if its due date is no later than the last of those days.
The comparators become probabilities too, each by the shares that came of its values at earlier cut-offs: of `silence`,
the days since the item was bought; `gap_ratio`, these over the customer's own mean gap; `popularity`, the item's share
of purchases of late.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from ml.data.baskets import Ints
from ml.data.columns import UnusableTransactions
from ml.data.file_reading import AS_IT_IS, FileReading
from ml.data.purchases import Purchases, read_purchases
from ml.evaluation.bootstrap import DRAWS, LEVEL, around, draw_weights
from ml.learning.clocks import CUTOFFS, Pairs, TooFewPurchases, find_bought, find_pairs, fit_clock

OURS: Final = "perennial"
DECILES: Final = 10
_SPACED_DAYS: Final = 28
_OF_LATE_DAYS: Final = 28.0
_GROUPS: Final = 50
Say = Callable[[str], None]
Scorer = Callable[[Pairs], Floats]


@dataclass(frozen=True, slots=True)
class Called:
    """What was said of items, (n,) each, and what came: `said` by model."""

    customers: Ints
    said: Mapping[str, Floats]
    came: Floats

    def only(self, which: NDArray[np.bool_]) -> "Called":
        """Of some."""
        return Called(self.customers[which], {name: each[which] for name, each in self.said.items()}, self.came[which])


def evaluate_replenishment(
    data: Path,
    cutoff: date | None = None,
    *,
    horizon_days: int = 7,
    cutoffs: int = 1,
    reading: FileReading = AS_IT_IS,
    currency: str = "CNY",
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """The figures, as `perennial evaluate replenishment --json` prints them; of `cutoffs` days, 28 days apart, that end
    with `cutoff`. Raises UnusableTransactions for a file that says too little.
    """
    purchases = read_purchases(data, say, reading, currency)
    last = float(np.floor(purchases.days.max())) + 1 - horizon_days
    if cutoff is not None:
        last = datetime.combine(cutoff, time(), UTC).timestamp() * 1e6 / DAY_US
    days = [last - _SPACED_DAYS * number for number in range(cutoffs)][::-1]
    try:
        return judge_replenishment(purchases, days, horizon_days, say)
    except TooFewPurchases as error:
        raise UnusableTransactions(f"{data.name}: {error}") from error


def judge_replenishment(
    purchases: Purchases, days: list[float], horizon_days: int, say: Say = lambda _: None
) -> dict[str, Any]:
    """The figures of each cut-off, and of all of them together. Raises TooFewPurchases."""
    found = []
    for day in days:
        called, due = foretell(purchases, day, float(horizon_days))
        say(f"{_date(day)}: {due.sum():,} of {len(due):,} items are called due.")
        if not due.any():
            raise TooFewPurchases(f"nothing is due within {horizon_days} days of {_date(day)}")
        found.append((called, called.only(due)))
    everything, due_ones = (_join([each[part] for each in found]) for part in (0, 1))
    return {
        "n": len(due_ones.came),
        "method": f"items bought again within {horizon_days} days, learned before each cut-off",
        "horizon_days": horizon_days,
        "level": LEVEL,
        "due": _figures(due_ones),
        "all": _figures(everything),
        "cutoffs": [
            {"cutoff": _date(day), "due": _figures(due), "all": {"n": len(called.came), "models": _means(called)}}
            for day, (called, due) in zip(days, found, strict=True)
        ],
    }


def _date(day: float) -> str:
    return datetime.fromtimestamp(day * DAY_US / 1e6, UTC).date().isoformat()


def _join(parts: list[Called]) -> Called:
    said = {name: np.concatenate([part.said[name] for part in parts]) for name in parts[0].said}
    return Called(
        np.concatenate([part.customers for part in parts]), said, np.concatenate([part.came for part in parts])
    )


def foretell(purchases: Purchases, day: float, days: float) -> tuple[Called, NDArray[np.bool_]]:
    """Of whatever was bought before `day`: what is said and what came, and whether it is called due."""
    tables, orders = fit_clock(purchases, day), purchases.as_orders()
    pairs = find_pairs(purchases, orders, day)
    read = tables.read(pairs.bought, pairs.items, pairs.orders, pairs.as_of_us, days)
    said = {OURS: read.probability}
    for name, scorer in _scorers(purchases).items():
        said[name] = _learn_shares(purchases, orders, scorer, day, days)(scorer(pairs))
    came = find_bought(purchases, pairs, day, days).astype(np.float64)
    return Called(pairs.customers, said, came), read.due_us <= pairs.as_of_us + days * DAY_US


def _scorers(purchases: Purchases) -> Mapping[str, Scorer]:
    def silence(pairs: Pairs) -> Floats:
        return np.asarray((pairs.as_of_us - pairs.bought.last_us) / DAY_US)

    def gap_ratio(pairs: Pairs) -> Floats:
        """NaN: bought once."""
        own_days = (pairs.bought.last_us - pairs.bought.first_us) / DAY_US / np.maximum(pairs.bought.orders - 1, 1)
        ratio = silence(pairs) / np.maximum(own_days, 1.0)
        return np.where(pairs.bought.orders > 1, ratio, np.nan)

    def popularity(pairs: Pairs) -> Floats:
        day = pairs.as_of_us / DAY_US
        is_late = (purchases.days < day) & (purchases.days >= day - _OF_LATE_DAYS)
        counts = np.bincount(purchases.items[is_late], minlength=len(purchases.item_ids))
        return np.asarray(counts[pairs.items] / max(is_late.sum(), 1))

    return {"silence": silence, "gap_ratio": gap_ratio, "popularity": popularity}


def _learn_shares(
    purchases: Purchases, orders: Purchases, scorer: Scorer, day: float, days: float
) -> Callable[[Floats], Floats]:
    """What a value stands for: the share bought within `days` at earlier cut-offs, in groups of like values."""
    scores, came = [], []
    for number in range(CUTOFFS):
        pairs = find_pairs(purchases, orders, day - days * (number + 1))
        scores.append(scorer(pairs))
        came.append(find_bought(purchases, pairs, day - days * (number + 1), days))
    values, hits = np.concatenate(scores), np.concatenate(came)
    edges = np.unique(np.nanquantile(values, np.linspace(0, 1, _GROUPS + 1)[1:-1]))

    def group(of: Floats) -> Ints:
        return np.where(np.isnan(of), len(edges) + 1, np.searchsorted(edges, of, side="right"))

    count = np.bincount(group(values), minlength=len(edges) + 2)
    shares = (np.bincount(group(values), weights=hits, minlength=len(count)) + 0.5) / (count + 1.0)
    return lambda of: shares[group(of)]


def _figures(called: Called) -> dict[str, Any]:
    """Deciles of what we said, and the figures of every model, with intervals over customers."""
    weights = _CustomerDraws(called.customers)
    ours = called.said[OURS]
    deciles = [_decile(called, rows, weights) for rows in np.array_split(np.argsort(ours, kind="stable"), DECILES)]
    losses = {name: _losses(each, called.came) for name, each in called.said.items()}
    means = {name: {metric: float(each.mean()) for metric, each in parts.items()} for name, parts in losses.items()}
    drawn = {name: {metric: weights.mean(each) for metric, each in parts.items()} for name, parts in losses.items()}
    best = {metric: min((means[name][metric], name) for name in means if name != OURS)[1] for metric in _LOSSES}
    return {
        "n": len(called.came),
        "customers": weights.count,
        "said": float(ours.mean()),
        "came": float(called.came.mean()),
        "deciles": deciles,
        "worst_difference": max((each["difference"] for each in deciles if each["n"]), key=abs),
        "models": _means(called),
        "intervals": {
            name: {metric: around(means[name][metric], each) for metric, each in parts.items()}
            for name, parts in drawn.items()
        },
        "against_best": {
            metric: {
                "comparator": best[metric],
                "lead": means[best[metric]][metric] - means[OURS][metric],
                "interval": around(
                    means[best[metric]][metric] - means[OURS][metric], drawn[best[metric]][metric] - drawn[OURS][metric]
                ),
            }
            for metric in _LOSSES
        },
    }


_LOSSES: Final = ("brier", "log_loss")


def _losses(said: Floats, came: Floats) -> dict[str, Floats]:
    sure = np.clip(said, 1e-9, 1 - 1e-9)
    return {"brier": (said - came) ** 2, "log_loss": -np.where(came > 0, np.log(sure), np.log1p(-sure))}


def _means(called: Called) -> dict[str, dict[str, float | None]]:
    return {
        name: {"auc": _auc(said, called.came)}
        | {metric: float(each.mean()) for metric, each in _losses(said, called.came).items()}
        for name, said in called.said.items()
    }


def _auc(said: Floats, came: Floats) -> float | None:
    """None where everything came, or nothing."""
    _, place, size = np.unique(said, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[place]
    hits, misses = came.sum(), len(came) - came.sum()
    if not hits or not misses:
        return None
    return float((rank[came > 0].sum() - hits * (hits + 1) / 2) / (hits * misses))


def _decile(called: Called, rows: Ints, weights: "_CustomerDraws") -> dict[str, Any]:
    if not len(rows):
        return {"n": 0, "said": None, "came": None, "difference": None, "interval": None}
    said, came = called.said[OURS][rows], called.came[rows]
    difference = float((came - said).mean())
    interval = around(difference, weights.mean(came - said, rows))
    return {
        "n": len(rows),
        "said": float(said.mean()),
        "came": float(came.mean()),
        "difference": difference,
        "interval": interval,
    }


class _CustomerDraws:
    """The same draws of customers for everything that is compared: an item comes and goes with its customer."""

    def __init__(self, customers: Ints) -> None:
        ids, self._of_row = np.unique(customers, return_inverse=True)
        self.count = len(ids)
        self._weights = np.concatenate(list(draw_weights(self.count, DRAWS)))

    def mean(self, values: Floats, rows: Ints | slice = slice(None)) -> Floats:
        """(draws,): of values, one a row."""
        owner = self._of_row[rows]
        sums, sizes = (
            np.bincount(owner, weights=each, minlength=self.count) for each in (values, np.ones(len(values)))
        )
        return np.asarray(self._weights @ sums / np.maximum(self._weights @ sizes, 1.0))
