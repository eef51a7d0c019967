"""Learning to rank items: what customers bought next, of what was looked at for them before.

Two rankers: of all items, and of those new to the customer, which in the first have little say beside own ones.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.data.baskets import Split, Targets
from ml.learning.digest import Candidates, Digest, digest, join_candidates, look_at
from ml.learning.pairwise import Pairwise, fit_pairwise

_NEGATIVE_SHARE: Final = 0.25
"""Of the candidates that were not bought, those that are learned from: four times as quick, and as good."""
_FEWEST_BOUGHT: Final = 200
"""Positive examples below which nothing is learned."""


class TooFewBaskets(ValueError):
    """What was bought next is too little to learn from."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Candidates, and whether they were bought next: (pairs,)."""

    candidates: Candidates
    is_bought: NDArray[np.bool_]

    def keep(self, wanted: NDArray[np.bool_]) -> "Examples":
        """Those that are wanted."""
        return Examples(self.candidates.keep(wanted), self.is_bought[wanted])

    def thin(self, seed: int) -> "Examples":
        """All that were bought, and a share of the others."""
        drawn = np.random.default_rng(seed).random(len(self.is_bought)) < _NEGATIVE_SHARE
        return self.keep(self.is_bought | drawn)


@dataclass(frozen=True, slots=True)
class Ranker:
    """Ranks candidates by the log-odds that they are bought next: all of them, and those that are new to customers."""

    of_all: Pairwise
    of_new: Pairwise


def make_examples(known: Digest, targets: Targets) -> Examples:
    """The candidates of the customers of `targets`, by a history that ends before them. Raises TooFewBaskets."""
    if not len(targets.customers):
        raise TooFewBaskets("nobody came back to learn from")
    candidates = join_candidates(look_at(known, targets.customers))
    bought = np.repeat(targets.customers, np.diff(targets.starts)) * known.width + targets.items
    return Examples(candidates, np.isin(candidates.customers * known.width + candidates.items, bought))


def fit_ranker(kept: Examples, seed: int = 0) -> Ranker:
    """Of thinned examples. Raises TooFewBaskets."""
    if kept.is_bought.sum() < _FEWEST_BOUGHT:
        raise TooFewBaskets(f"{kept.is_bought.sum()} items were bought next; {_FEWEST_BOUGHT} are needed")
    of_all = fit_pairwise(kept.candidates.signals, kept.is_bought, seed=seed)
    new = kept.keep(~kept.candidates.is_own)
    is_enough = new.is_bought.sum() >= _FEWEST_BOUGHT
    return Ranker(of_all, fit_pairwise(new.candidates.signals, new.is_bought, seed=seed) if is_enough else of_all)


def fit_on_splits(splits: list[tuple[Split, float]], seed: int = 0) -> Ranker:
    """Learns from histories and what came next; of each also the day on which it ends."""
    made = [make_examples(digest(split.history, until), split.targets).thin(seed) for split, until in splits]
    candidates = join_candidates(each.candidates for each in made)
    return fit_ranker(Examples(candidates, np.concatenate([each.is_bought for each in made])), seed)
