"""Rankers of items at one cut-off, on the same customers: what each would have listed, against what was bought next."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from app.lifecycle.ranking.owned import Buyers, Owned
from app.lifecycle.ranking.ranker import ItemRanker
from ml.data.baskets import Floats, Ints, Targets
from ml.evaluation.bootstrap import DRAWS, around, draw_weights
from ml.evaluation.ranked import DEPTH, Lists, judge_lists
from ml.learning.digest import Digest

FIGURES: Final = ("recall_at_10", "ndcg_at_10", "phr_at_10")
"""Those of `ml.evaluation.ranked`."""
Figures = Mapping[str, Floats]
"""By name (customers,)."""


class Trial(NamedTuple):
    """What is known of customers at a cut-off, and what they bought next. Items are places in `item_ids`; `orders`
    (items,) until then, of everybody; `owned`, `buyers` and `targets` are of the same customers."""

    day: float
    item_ids: Sequence[str]
    orders: Floats
    owned: Owned
    buyers: Buyers
    targets: Targets

    @classmethod
    def of(cls, known: Digest, targets: Targets, day: float) -> "Trial":
        """Of the customers of `targets`; nothing else is held."""
        return cls(
            day,
            known.baskets.item_ids.tolist(),
            np.bincount(known.baskets.items, minlength=known.width).astype(np.float64),
            known.owned.of_customers(targets.customers),
            known.buyers.of_customers(targets.customers),
            targets,
        )


def judge_ranker(ranker: ItemRanker, item_ids: Sequence[str], trial: Trial) -> Figures:
    """`item_ids` are those of the ranker. What it does not know is not in its lists, and what the trial does not know
    is a miss."""
    at = {item_id: place for place, item_id in enumerate(item_ids)}
    places = np.array([at.get(item_id, -1) for item_id in trial.item_ids], np.int64)
    back = np.full(len(item_ids), -1)
    back[places[places >= 0]] = np.flatnonzero(places >= 0)
    lists = np.full((len(trial.targets.customers), DEPTH), -1)
    for row in range(len(lists)):
        only = np.array([row])
        owned = _in_places(trial.owned.of_customers(only), places)
        found = ranker.rank(owned, trial.buyers.of_customers(only), DEPTH).items
        lists[row, : len(found)] = back[found]
    return _judge(lists, trial)


def judge_habits(trial: Trial) -> Figures:
    """Of the rule by which a service without a model recommends: what was bought most often, then what sells."""
    popularity = trial.orders / max(float(trial.orders.max(initial=0.0)), 1.0)
    selling = np.argsort(-popularity, kind="stable")
    lists = np.full((len(trial.targets.customers), DEPTH), -1)
    for row in range(len(lists)):
        span = slice(*trial.owned.starts[row : row + 2].tolist())
        own, count = trial.owned.items[span], trial.owned.orders[span]
        own = own[np.argsort(-(count + popularity[own] / 2), kind="stable")][:DEPTH]
        others = selling[: DEPTH + len(own)]
        found = np.concatenate([own, others[~np.isin(others, own)]])[:DEPTH]
        lists[row, : len(found)] = found
    return _judge(lists, trial)


def _in_places(owned: Owned, places: Ints) -> Owned:
    """Of one customer, what a ranker knows, as it numbers items."""
    items = places[owned.items]
    known = np.flatnonzero(items >= 0)
    order = known[np.argsort(items[known], kind="stable")]
    return Owned(np.array([0, len(order)]), items[order], *(column[order] for column in owned[2:]))


def _judge(lists: Ints, trial: Trial) -> Figures:
    is_known = np.zeros(len(trial.targets.items), np.bool_)  # repeat and explore are not asked for
    figures = judge_lists(Lists(lists, lists), trial.targets, is_known)
    return {name: figures[name] for name in FIGURES}


class Lead(NamedTuple):
    """By how much one mean is above another on the same customers; `low` to `high` in 95 % of draws of these."""

    difference: float
    low: float
    high: float


def lead_of(ours: Floats, theirs: Floats) -> Lead:
    """(customers,) each."""
    difference = ours - theirs
    means = [weights @ difference / weights.sum(axis=1) for weights in draw_weights(len(difference), DRAWS)]
    mean = float(difference.mean())
    return Lead(mean, *(around(mean, np.concatenate(means)) or (mean, mean)))
