"""The ranker of items: boosted trees with at most pairwise interactions, over what is known of customer and item.

Strictly additive trees lose to a one-line rule here, and pairwise ones equal full trees; so two features a tree, which
compile into one- and two-way tables.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from ml.data.baskets import Floats, Split, Targets
from ml.learning.signals import Candidates, Signals, digest, find_candidates, join_candidates

_NEGATIVE_SHARE: Final = 0.25
"""Of the candidates that were not bought, those that are learned from: four times as quick, and as good."""
_TREES: Final = {
    "interaction_cst": "pairwise",
    "learning_rate": 0.08,
    "max_iter": 150,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 200,
    "l2_regularization": 1.0,
    "early_stopping": False,
}
_FEWEST_BOUGHT: Final = 200
"""Positive examples below which nothing is learned."""


class TooFewBaskets(ValueError):
    """What was bought next is too little to learn from."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Candidates, and whether they were bought next: (pairs,) each."""

    candidates: Candidates
    is_bought: NDArray[np.bool_]

    def keep(self, wanted: NDArray[np.bool_]) -> "Examples":
        """Those that are wanted."""
        return Examples(self.candidates.keep(wanted), self.is_bought[wanted])


@dataclass(frozen=True, slots=True)
class Ranker:
    """Ranks candidates by the log-odds that they are bought next."""

    trees: HistGradientBoostingClassifier

    def score(self, signals: NDArray[np.float32]) -> Floats:
        """(pairs, signals) → (pairs,)."""
        with threadpool_limits(1):
            return np.asarray(self.trees.decision_function(signals))


def make_examples(signals: Signals, targets: Targets) -> Examples:
    """The candidates of the customers of `targets`, by a history that ends before them. Raises TooFewBaskets."""
    if not len(targets.customers):
        raise TooFewBaskets("nobody came back to learn from")
    candidates = join_candidates(find_candidates(signals, targets.customers))
    width = len(signals.item_baskets)
    bought = np.repeat(targets.customers, np.diff(targets.starts)) * width + targets.items
    return Examples(candidates, np.isin(candidates.customers * width + candidates.items, bought))


def fit_ranker(examples: Examples, seed: int = 0) -> Ranker:
    """Raises TooFewBaskets."""
    if examples.is_bought.sum() < _FEWEST_BOUGHT:
        raise TooFewBaskets(f"{examples.is_bought.sum()} items were bought next; {_FEWEST_BOUGHT} are needed")
    drawn = np.random.default_rng(seed).random(len(examples.is_bought)) < _NEGATIVE_SHARE
    kept = examples.keep(examples.is_bought | drawn)
    trees = HistGradientBoostingClassifier(**_TREES, random_state=seed)
    with threadpool_limits(1):
        return Ranker(trees.fit(kept.candidates.signals, kept.is_bought))


def fit_on_splits(splits: list[tuple[Split, float]], seed: int = 0) -> Ranker:
    """Learns from histories and what came next; of each also the day on which it ends."""
    made = [make_examples(digest(split.history, until), split.targets) for split, until in splits]
    candidates = join_candidates(each.candidates for each in made)
    return fit_ranker(Examples(candidates, np.concatenate([each.is_bought for each in made])), seed)
