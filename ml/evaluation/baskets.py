"""How well the next basket is foretold on a retailer's own past, beside rules and published methods.

Customers whose next basket is foretold are never learned from: with times the past ends at the cut-off for everybody;
without times other customers' next baskets are what is learned, five folds in turn.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US
from ml.data.baskets import Baskets, Floats, Ints, Targets, last_left_out, next_after, read_baskets
from ml.data.columns import UnusableTransactions
from ml.data.file_reading import AS_IT_IS, FileReading
from ml.evaluation.bootstrap import DRAWS, LEVEL, around, draw_weights
from ml.evaluation.ranked import DEPTH, METRICS, Lists, judge_lists
from ml.learning.basket_rules import rules
from ml.learning.digest import Digest, digest, join_candidates, look_at
from ml.learning.ranking import MOST_CUTOFFS, Ranker, TooFewBaskets, fit_on_splits, fit_ranker, make_lessons

OURS: Final = "perennial"
FOLDS: Final = 5
_CUSTOMERS_AT_ONCE: Final = 500
_SEED: Final = 7
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Case:
    """What is foretold: by which history, and by whom it is ranked."""

    known: Digest
    targets: Targets
    rank: Callable[[Targets], Iterator[tuple[Targets, Ranker]]]
    """Parts of the targets, each with a ranker that has learned from other customers or from before."""


def evaluate_baskets(
    data: Path,
    targets: Path | None = None,
    *,
    cutoff: date | None = None,
    horizon_days: int = 30,
    reading: FileReading = AS_IT_IS,
    currency: str = "CNY",
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """The figures of ours and of the comparators, as `perennial evaluate baskets --json` prints them.

    Raises UnusableTransactions for a file that says too little.
    """
    baskets, told, wanted = read_baskets(data, targets, say, reading, currency)
    try:
        if baskets.is_timed:
            case, method = _by_time(baskets, cutoff, horizon_days, say)
        else:
            case, method = _by_customers(baskets, told, wanted, say)
    except TooFewBaskets as error:
        raise UnusableTransactions(f"{data.name}: {error}") from error
    figures = _judge(case, say)
    return {"n": len(case.targets.customers), "method": method, **_summarise(figures)}


def _by_time(baskets: Baskets, cutoff: date | None, horizon_days: int, say: Say) -> tuple[_Case, str]:
    """A cut-off for everybody. Learned from earlier cut-offs whose horizon ends before it."""
    last = float(np.floor(baskets.days.max())) + 1
    day = last - horizon_days if cutoff is None else datetime.combine(cutoff, time(), UTC).timestamp() * 1e6 / DAY_US
    split = next_after(baskets, day, day + horizon_days)
    if not len(split.targets.customers):
        raise UnusableTransactions("Nobody who bought before the cut-off bought in the horizon after it.")
    earlier = [day - (number + 1) * horizon_days for number in range(MOST_CUTOFFS)]
    splits = ((next_after(split.history, each, each + horizon_days), each) for each in earlier)
    say("Learning from earlier cut-offs.")
    ranker = fit_on_splits((part, each) for part, each in splits if len(part.targets.customers))
    at = datetime.fromtimestamp(day * DAY_US / 1e6, UTC).date().isoformat()
    method = f"the next basket in {horizon_days} days from {at}, learned before"
    return _Case(digest(split.history, day), split.targets, lambda targets: iter([(targets, ranker)])), method


def _by_customers(baskets: Baskets, told: Targets, wanted: Targets, say: Say) -> tuple[_Case, str]:
    """Without times: those of the file of targets; else whoever has a target, in folds; else last baskets."""
    if not len(told.customers) and not len(wanted.customers):
        split = last_left_out(baskets)
        known, before = digest(split.history, 0.0), last_left_out(split.history)
        say("Learning from the last basket but one of everybody.")
        ranker = fit_on_splits([(before, 0.0)])
        return _Case(
            known, split.targets, lambda targets: iter([(targets, ranker)])
        ), "the last basket of each customer"
    known = digest(baskets, 0.0)
    if len(wanted.customers):
        return _of_file(baskets, known, told, wanted, say), "the customers of the file of targets, learned from others"
    return _Case(known, told, lambda targets: _in_folds(known, targets, say)), f"{FOLDS} folds of customers"


def _of_file(baskets: Baskets, known: Digest, told: Targets, wanted: Targets, say: Say) -> _Case:
    """Learned from the targets of other customers; where there are none, from last baskets."""
    has_history = np.isin(wanted.customers, baskets.customers)
    if not has_history.any():
        raise UnusableTransactions("No customer of the file of targets has a history.")
    if not has_history.all():
        say(f"{(~has_history).sum():,} customers of the file of targets have no history, and are not judged.")
    others = told.of_customers(~np.isin(told.customers, wanted.customers))
    if len(others.customers):
        say(f"Learning from {len(others.customers):,} other customers.")
        ranker = fit_ranker(make_lessons(known, others, 0))
    else:
        say("Learning from last baskets.")
        ranker = fit_on_splits([(last_left_out(baskets), 0.0)])
    return _Case(known, wanted.of_customers(has_history), lambda targets: iter([(targets, ranker)]))


def _in_folds(known: Digest, targets: Targets, say: Say) -> Iterator[tuple[Targets, Ranker]]:
    fold = np.random.default_rng(_SEED).integers(FOLDS, size=len(targets.customers))
    lessons = make_lessons(known, targets)
    for number in range(FOLDS):
        say(f"Learning for fold {number + 1} of {FOLDS}.")
        others = lessons.of_customers(targets.customers[fold != number])
        yield targets.of_customers(fold == number), fit_ranker(others.thin(number))


def _judge(case: _Case, say: Say) -> dict[str, dict[str, Floats]]:
    """Model → metric → (customers,), in the order in which the parts come."""
    figures: dict[str, dict[str, list[Floats]]] = {}
    scorers = rules(case.known)
    for targets, ranker in case.rank(case.targets):
        is_known = _is_known(case.known, targets)
        lists = {OURS: _rank_ours(case.known, ranker, targets.customers)}
        lists |= {name: _rank_by(case.known, scorer, targets.customers) for name, scorer in scorers.items()}
        for name, ranked in lists.items():
            for metric, values in judge_lists(ranked, targets, is_known).items():
                figures.setdefault(name, {}).setdefault(metric, []).append(values)
        say(f"{len(targets.customers):,} customers judged.")
    return {
        name: {metric: np.concatenate(parts) for metric, parts in metrics.items()} for name, metrics in figures.items()
    }


def _is_known(known: Digest, targets: Targets) -> NDArray[np.bool_]:
    rows = np.repeat(targets.customers, np.diff(targets.starts))
    return known.is_own(rows, targets.items)


def _rank_ours(known: Digest, ranker: Ranker, customers: Ints) -> Lists:
    lists = []
    for only_new, model in ((False, ranker.of_all), (True, ranker.of_new)):
        part = join_candidates(look_at(known, customers, only_new=only_new))
        rows = np.searchsorted(customers, part.customers)
        lists.append(_best(rows, part.items, model.tables.score(part.signals), len(customers)))
    return Lists(*lists)


def _best(rows: Ints, items: Ints, scores: Floats, count: int) -> Ints:
    order = np.lexsort((items, -scores, rows))
    rows, items = rows[order], items[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    lists = np.full((count, DEPTH), -1)
    kept = place < DEPTH
    lists[rows[kept], place[kept]] = items[kept]
    return lists


def _rank_by(known: Digest, scorer: Callable[[Ints], Floats], customers: Ints) -> Lists:
    whole, discover = [], []
    for first in range(0, len(customers), _CUSTOMERS_AT_ONCE):
        some = customers[first : first + _CUSTOMERS_AT_ONCE]
        scores = scorer(some)
        whole.append(_first_of(scores))
        owners = np.repeat(np.arange(len(some)), known.owned.sizes[some])
        scores = np.where(np.isfinite(scores), scores, -np.inf)
        scores[owners, np.concatenate([known.owned.items_of(customer) for customer in some])] = -np.inf
        discover.append(_first_of(scores))
    return Lists(np.concatenate(whole), np.concatenate(discover))


def _first_of(scores: Floats) -> Ints:
    """(customers, DEPTH): the items with the highest scores; of equal ones the first."""
    depth = min(DEPTH, scores.shape[1])
    edge = -np.partition(-scores, depth - 1, axis=1)[:, depth - 1 : depth]
    rows, items = np.nonzero((scores >= edge) & np.isfinite(scores))
    return _best(rows, items, scores[rows, items], len(scores))


def _summarise(figures: Mapping[str, Mapping[str, Floats]]) -> dict[str, Any]:
    """Means over customers, with intervals, and our lead over the best comparator on the same draws."""
    drawn = {
        (model, metric): _draw_means(values) for model, metrics in figures.items() for metric, values in metrics.items()
    }
    means = {model: {metric: _mean(metrics[metric]) for metric in METRICS} for model, metrics in figures.items()}
    return {
        "models": means,
        "intervals": {
            "level": LEVEL,
            "draws": DRAWS,
            "models": {
                model: {
                    metric: around(value, drawn[model, metric])
                    for metric, value in metrics.items()
                    if value is not None
                }
                for model, metrics in means.items()
            },
            "against_best": {metric: _lead(metric, means, drawn) for metric in METRICS},
        },
    }


def _mean(values: Floats) -> float | None:
    return float(np.nanmean(values)) if np.isfinite(values).any() else None


def _draw_means(values: Floats) -> Floats:
    known, filled = np.isfinite(values), np.nan_to_num(values)
    means = [(weights @ filled) / np.maximum(weights @ known, 1.0) for weights in draw_weights(len(values), DRAWS)]
    return np.concatenate(means)


def _lead(
    metric: str, means: Mapping[str, Mapping[str, float | None]], drawn: Mapping[tuple[str, str], Floats]
) -> dict[str, Any] | None:
    ours = means[OURS][metric]
    known = {model: value for model, found in means.items() if model != OURS and (value := found[metric]) is not None}
    if ours is None or not known:
        return None
    best = max(known, key=lambda model: known[model])
    lead = ours - known[best]
    return {"comparator": best, "lead": lead, "interval": around(lead, drawn[OURS, metric] - drawn[best, metric])}
