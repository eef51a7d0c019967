"""Making a model of recommendations: what went with what, what came next, when it is bought again, what sells where,
and the artefact of it.

What is learned from ends where its next baskets begin: cut-offs lie before the end of the data, each history before its
cut-off, and whatever comes later is in no signal.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from app.lifecycle.clocks.clock import ClockTables
from app.lifecycle.clocks.demand import DemandTables
from app.lifecycle.events import DAY_US
from app.lifecycle.ranking.facts import Facts
from app.lifecycle.ranking.ranker import ItemRanker
from app.lifecycle.ranking.tables import PairTables
from ml.data.baskets import Baskets, Ints, Split, last_left_out, next_after
from ml.data.purchases import Purchases
from ml.data.sales import Sales
from ml.evaluation.next_basket import Trial, judge_habits, judge_ranker
from ml.learning.clocks import TooFewPurchases, fit_clock
from ml.learning.digest import digest
from ml.learning.foretelling import learn_demand
from ml.learning.popularity import find_popular
from ml.learning.ranking import (
    MOST_CUTOFFS,
    Lessons,
    TooFewBaskets,
    are_enough,
    fit_all_items,
    fit_ranker,
    join_lessons,
    make_lessons,
)
from ml.training.item_artefact import ItemParts, write_item_artefact

Say = Callable[[str], None]
HORIZON_DAYS: Final = 30
_MOST_LEARNED: Final = 5_000
"""Customers of a cut-off whose next baskets are learned from; all others' are in the facts about items."""
_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Recommending:
    """What a model is made from; `source` names the data, `simulated`: they are the demo shop's; `refusing`: how many
    persons refuse profiling and are left out, None: nobody can tell."""

    sales: Sales
    source: str
    simulated: bool
    horizon_days: int = HORIZON_DAYS
    refusing: int | None = None


class _Taught(NamedTuple):
    """What a cut-off taught, and may judge."""

    day: float
    lessons: Lessons
    trial: Trial
    facts: Facts


class Made(NamedTuple):
    """`trial`: the last cut-off, None without times; `twin`: what the same way learned before it, None
    where that was too little."""

    directory: Path
    trial: Trial | None
    twin: ItemRanker | None


def train_recommender(training: Recommending, models_directory: Path, made_at: datetime, say: Say) -> Path:
    """`make_recommender`; the directory of the artefact. Raises TooFewBaskets."""
    return make_recommender(training, models_directory, made_at, say).directory


def make_recommender(training: Recommending, models_directory: Path, made_at: datetime, say: Say) -> Made:
    """Learns from everything, for use from the end of the data on, measures the same way at the last cut-off, and
    writes the artefact.

    Without times, or of too short a time, there are no clocks. Raises TooFewBaskets.
    """
    baskets, purchases = training.sales
    until = float(np.floor(baskets.days.max())) + 1 if baskets.is_timed else 0.0
    taught = _learn_from(_splits(training, until), say)
    lessons = join_lessons(each.lessons for each in taught)
    last, earlier = taught[0], taught[1:]
    say("Learning to rank …")
    with ThreadPoolExecutor(1) as beside:  # trees grow without Python's lock
        before = beside.submit(_fit_before, earlier)
        ranker = fit_ranker(lessons)
    tables = before.result()
    twin = None if tables is None else ItemRanker(last.facts, tables, tables)
    say("Looking at who buys what with what, to the end …")
    facts = digest(baskets, until).facts
    orders = None if purchases is None else purchases.as_orders()
    parts = ItemParts(
        ItemRanker(facts, ranker.of_all.tables, ranker.of_new.tables),
        baskets.item_ids.tolist(),
        None if purchases is None else _fit_clocks(purchases, orders, until, say),
        {} if purchases is None else _find_popular(purchases, baskets, until),
        {} if purchases is None else _learn_demand(purchases, orders, until, say),
    )
    members = {
        "training": {
            "data_from": _time_of(baskets.days.min(), made_at),
            "data_until": _time_of(until if baskets.is_timed else np.nan, made_at),
            "cutoffs": [_time_of(each.day, made_at) for each in taught if baskets.is_timed],
            "horizon_days": training.horizon_days,
            "candidates": len(lessons.of_all.is_bought),
            "bought": int(lessons.of_all.is_bought.sum()),
            "new_candidates": len(lessons.of_new.is_bought),
            "new_bought": int(lessons.of_new.is_bought.sum()),
            "has_clocks": parts.clocks is not None,
            "stores": max(len(parts.popular) - 1, 0),
            "demand_weights": {str(ahead): list(tables.weights) for ahead, tables in parts.demand.items()},
        },
        "population": {
            "customers": len(np.unique(baskets.customers)),
            "items": len(baskets.item_ids),
            "baskets": int((baskets.last_baskets() + 1).sum()),
        },
        "data": {"source": training.source, "simulated": training.simulated, "refusing": training.refusing},
        "metrics": {} if twin is None else _measure_before(twin, last.trial, training.horizon_days),
    }
    directory = write_item_artefact(models_directory, made_at, parts, members)
    return Made(directory, last.trial if baskets.is_timed else None, twin)


def _fit_before(earlier: Sequence[_Taught]) -> PairTables | None:
    """What the cut-offs before the last one teach; None: too little."""
    try:
        return fit_all_items(join_lessons(each.lessons for each in earlier)).tables if earlier else None
    except TooFewBaskets:
        return None


def _measure_before(twin: ItemRanker, trial: Trial, horizon_days: int) -> dict[str, Any]:
    """Means over customers, beside the rule by which a service without a model recommends."""
    judged = {"perennial": judge_ranker(twin, trial.item_ids, trial), "habits_and_popularity": judge_habits(trial)}
    return {
        "cutoff": datetime.fromtimestamp(trial.day * DAY_US / 1e6, UTC).isoformat(),
        "horizon_days": horizon_days,
        "n": len(trial.targets.customers),
        "next_basket": {
            "models": {
                name: {figure: float(values.mean()) for figure, values in figures.items()}
                for name, figures in judged.items()
            }
        },
    }


def _fit_clocks(purchases: Purchases, orders: Purchases | None, until: float, say: Say) -> ClockTables | None:
    say("Learning when items are bought again …")
    try:
        return fit_clock(purchases, until, orders)
    except TooFewPurchases as error:
        say(f"Without dates on which items are due: {error}.")
        return None


def _learn_demand(purchases: Purchases, orders: Purchases | None, until: float, say: Say) -> dict[int, DemandTables]:
    say("Learning how many units are sold …")
    try:
        return learn_demand(purchases, until, orders)
    except TooFewPurchases as error:
        say(f"Expected units are blended as is usual in other shops: {error}.")
        return {}


def _find_popular(purchases: Purchases, baskets: Baskets, until: float) -> dict[str, Ints]:
    """In places of the baskets' items, of which the purchases' are a part."""
    places = np.searchsorted(baskets.item_ids, purchases.item_ids)
    return {store: places[items] for store, items in find_popular(purchases, until).items()}


def _time_of(day: float, otherwise: datetime) -> str:
    return (otherwise if np.isnan(day) else datetime.fromtimestamp(day * DAY_US / 1e6, UTC)).isoformat()


def _splits(training: Recommending, until: float) -> Iterator[tuple[Split, float]]:
    """(history and what came next, the day between) of each cut-off after which somebody came."""
    baskets, horizon = training.sales.baskets, training.horizon_days
    if not baskets.is_timed:
        yield last_left_out(baskets), 0.0
        return
    for number in range(1, MOST_CUTOFFS + 1):
        day = until - number * horizon
        split = next_after(baskets, day, day + horizon)
        if len(split.targets.customers):
            yield split, day


def _learn_from(splits: Iterable[tuple[Split, float]], say: Say) -> list[_Taught]:
    """Raises TooFewBaskets."""
    taught = []
    for split, day in splits:
        at = f" at {datetime.fromtimestamp(day * DAY_US / 1e6, UTC):%Y-%m-%d}" if split.history.is_timed else ""
        say(f"{len(split.targets.customers):,} next baskets{at} …")
        chosen = np.zeros(len(split.targets.customers), bool)
        chosen[np.random.default_rng(_SEED).permutation(len(chosen))[:_MOST_LEARNED]] = True
        known, targets = digest(split.history, day), split.targets.of_customers(chosen)
        taught.append(_Taught(day, make_lessons(known, targets, _SEED), Trial.of(known, targets, day), known.facts))
        if are_enough([each.lessons for each in taught]):
            break
    if not taught:
        raise TooFewBaskets("there is no earlier horizon to learn from")
    return taught
