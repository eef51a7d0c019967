"""Learning to rank items: what customers bought next, of what was looked at for them before.

Two rankers: of all items, and of those new to the customer, which in the first have little say beside own ones.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.data.baskets import Ints, Split, Targets
from ml.learning.digest import Candidates, Digest, digest, join_candidates, look_at
from ml.learning.pairwise import Pairwise, fit_pairwise

_NEGATIVE_SHARE: Final = 0.25
"""Of the candidates that were not bought, those that are learned from: four times as quick, and as good."""
_FEWEST_BOUGHT: Final = 200
"""Positive examples below which nothing is learned."""


MOST_CUTOFFS: Final = 6
_FEWEST_CUTOFFS: Final = 3
_ENOUGH_BASKETS: Final = 6_000
"""Next baskets from which on no cut-off further back is learned from, after the first few."""


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
class Lessons:
    """What the two rankers learn from: candidates of all items, and those of items new to the customer."""

    of_all: Examples
    of_new: Examples

    def of_customers(self, customers: Ints) -> "Lessons":
        """Those of some customers."""
        return Lessons(*(part.keep(np.isin(part.candidates.customers, customers)) for part in self._parts))

    def thin(self, seed: int) -> "Lessons":
        """Both thinned."""
        return Lessons(*(part.thin(seed) for part in self._parts))

    @property
    def _parts(self) -> tuple[Examples, Examples]:
        return self.of_all, self.of_new


@dataclass(frozen=True, slots=True)
class Ranker:
    """Ranks candidates by the log-odds that they are bought next: all of them, and those that are new to customers."""

    of_all: Pairwise
    of_new: Pairwise


def make_lessons(known: Digest, targets: Targets, thin_by: int | None = None) -> Lessons:
    """The candidates of the customers of `targets`, by a history that ends before them; with a seed, those that `thin`
    might leave, without the others ever being made. Raises TooFewBaskets."""
    if not len(targets.customers):
        raise TooFewBaskets("nobody came back to learn from")
    return Lessons(*(_make_examples(known, targets, thin_by, only_new) for only_new in (False, True)))


def _make_examples(known: Digest, targets: Targets, thin_by: int | None, only_new: bool) -> Examples:
    bought = np.repeat(targets.customers, np.diff(targets.starts)) * known.width + targets.items
    draw = np.random.default_rng(thin_by)

    def is_bought(customers: Ints, items: Ints) -> NDArray[np.bool_]:
        return np.isin(customers * known.width + items, bought)

    def choose(customers: Ints, items: Ints) -> NDArray[np.bool_]:
        return is_bought(customers, items) | (draw.random(len(items)) < _NEGATIVE_SHARE)

    chosen = None if thin_by is None else choose
    candidates = join_candidates(look_at(known, targets.customers, chosen, only_new=only_new))
    return Examples(candidates, is_bought(candidates.customers, candidates.items))


def join_lessons(lessons: Iterable[Lessons]) -> Lessons:
    """All of them as one."""
    return Lessons(*(_join(parts) for parts in zip(*(each._parts for each in lessons), strict=True)))


def _join(parts: Sequence[Examples]) -> Examples:
    candidates = join_candidates(each.candidates for each in parts)
    return Examples(candidates, np.concatenate([each.is_bought for each in parts]))


def fit_all_items(kept: Lessons, seed: int = 0) -> Pairwise:
    """The one of all items alone, of thinned lessons. Raises TooFewBaskets."""
    _refuse_few(kept)
    return fit_pairwise(kept.of_all.candidates.signals, kept.of_all.is_bought, seed=seed)


def _refuse_few(kept: Lessons) -> None:
    bought = int(kept.of_all.is_bought.sum())
    if bought < _FEWEST_BOUGHT:
        raise TooFewBaskets(f"{bought} items were bought next; {_FEWEST_BOUGHT} are needed")


def fit_ranker(kept: Lessons, seed: int = 0) -> Ranker:
    """Of thinned lessons. Raises TooFewBaskets."""
    _refuse_few(kept)
    of_all, of_new = kept.of_all, kept.of_new
    parts = [of_all, of_new] if of_new.is_bought.sum() >= _FEWEST_BOUGHT else [of_all]
    with ThreadPoolExecutor(len(parts)) as threads:  # trees grow without Python's lock, each on a core of its own
        fitted = list(threads.map(lambda part: fit_pairwise(part.candidates.signals, part.is_bought, seed=seed), parts))
    return Ranker(fitted[0], fitted[-1])


def are_enough(lessons: Sequence[Lessons]) -> bool:
    """Whether cut-offs have taught so much, the latest first, that none further back is looked at."""
    baskets = sum(len(np.unique(each.of_all.candidates.customers)) for each in lessons)
    return len(lessons) >= _FEWEST_CUTOFFS and baskets >= _ENOUGH_BASKETS


def fit_on_splits(splits: Iterable[tuple[Split, float]], seed: int = 0) -> Ranker:
    """Learns from histories and what came next, of as many as are needed, the others are never made; of each also the
    day on which it ends. Raises TooFewBaskets."""
    made: list[Lessons] = []
    for split, until in splits:
        made.append(make_lessons(digest(split.history, until), split.targets, seed))
        if are_enough(made):
            break
    if not made:
        raise TooFewBaskets("there is no earlier horizon to learn from")
    return fit_ranker(join_lessons(made), seed)
