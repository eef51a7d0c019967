"""Boosted trees with at most pairwise interactions, and the one- and two-way tables that they are equal to.

Strictly additive trees lose to a one-line rule in ranking items, and pairwise ones equal full trees. Trees are grown
twice: of all pairs of signals the first say which matter, the second grow on those alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from app.lifecycle.features import Floats
from app.lifecycle.ranking.tables import Codes, Numbers, PairTables, count_cut

BINS: Final = 40
PAIRS: Final = 24
_TREES: Final = {
    "learning_rate": 0.08,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 200,
    "l2_regularization": 1.0,
    "early_stopping": False,
}
_ROUNDS: Final = 150
_SCOUTS: Final = 40
"""Rounds that find the pairs."""
_SCOUTED: Final = 500_000
"""Rows that they are found by, at most."""
_PROBED: Final = 150
"""Rows by which pairs are weighed."""
_PURIFIED: Final = 30
_SEEN: Final = 0.01
"""Rows that a pair of bins counts for beside those seen in it: tables are centred where nothing was seen too."""

Score = Callable[[Codes], Floats]
"""(n, signals) bins → (n,)."""


@dataclass(frozen=True, slots=True)
class Pairwise:
    """The trees, and their tables."""

    trees: HistGradientBoostingClassifier
    tables: PairTables

    def estimate(self, signals: Numbers) -> Floats:
        """What the trees say, without the tables: (signals, n) → (n,)."""
        return _score_of(self.trees)(self.tables.codes(signals).T)


def fit_pairwise(signals: Numbers, outcome: NDArray[np.bool_], pairs: int = PAIRS, seed: int = 0) -> Pairwise:
    """`signals` is (signals, n), NaN = unknown; `outcome` (n,)."""
    edges = tuple(_edges(row) for row in signals)
    count = len(signals)
    width = max(map(len, edges)) + 2
    bare = PairTables(0.0, edges, np.zeros((count, width)), np.empty((0, 2), np.int64), np.empty((0, width, width)))
    codes = bare.codes(signals).T
    found = _find_pairs(codes, outcome, pairs, seed)
    alone = [{each} for each in range(count)]
    trees = _grow(codes, outcome, [*alone, *map(set, found.tolist())], _ROUNDS, seed)
    return Pairwise(trees, _read_tables(_score_of(trees), codes, edges, found))


def _edges(values: Numbers) -> Floats:
    """Between values of equal mass; a common one has a bin of its own apart: most pairs were never bought."""
    distinct, counts = count_cut(values)
    if len(distinct) <= BINS:
        return np.asarray(distinct[1:])
    is_common = counts * BINS > counts.sum()
    common, others, up_to = distinct[is_common], distinct[~is_common], np.cumsum(counts[~is_common])
    parts = np.linspace(0, 1, max(BINS - 2 * len(common), 2))[:-1]
    even = others[up_to.searchsorted(np.ceil(parts * (up_to[-1] - 1)), side="right")] if len(others) else others
    after = np.minimum(np.searchsorted(distinct, common) + 1, len(distinct) - 1)
    edges = np.unique(np.concatenate([even, common, distinct[after]]))
    return np.asarray(edges[edges > distinct[0]])


def _grow(codes: Codes, outcome: NDArray[np.bool_], allowed: Any, rounds: int, seed: int) -> Any:
    trees = HistGradientBoostingClassifier(**_TREES, interaction_cst=allowed, max_iter=rounds, random_state=seed)
    with threadpool_limits(1):
        return trees.fit(codes, outcome)


def _score_of(trees: HistGradientBoostingClassifier) -> Score:
    def score(codes: Codes) -> Floats:
        with threadpool_limits(1):
            return np.asarray(trees.decision_function(codes))

    return score


def _find_pairs(codes: Codes, outcome: NDArray[np.bool_], most: int, seed: int) -> NDArray[np.int64]:
    """(pairs, 2): those by which trees of any two signals say most beyond the two alone."""
    every = np.array(list(combinations(range(codes.shape[1]), 2)), np.int64).reshape(-1, 2)
    if len(every) <= most:
        return every
    draw = np.random.default_rng(seed)
    some = slice(None) if len(codes) <= _SCOUTED else np.sort(draw.choice(len(codes), _SCOUTED, replace=False))
    score = _score_of(_grow(codes[some], outcome[some], "pairwise", _SCOUTS, seed))
    half = _PROBED // 2
    drawn = np.concatenate([draw.choice(np.flatnonzero(part), half) for part in (outcome, ~outcome)])
    rows, middle = codes[drawn], np.median(codes, axis=0).astype(np.uint8)
    chosen = [[each] for each in range(codes.shape[1])] + every.tolist()
    scores = score(np.concatenate([_with(middle, columns, rows) for columns in chosen])).reshape(len(chosen), -1)
    alone, together = np.split(scores, [codes.shape[1]])
    size = (together - alone[every[:, 0]] - alone[every[:, 1]]).std(axis=1)
    return every[np.sort(np.argsort(-size, kind="stable")[:most])]


def _with(base: Codes, columns: list[int], rows: Codes) -> Codes:
    """So many rows of `base`, with these columns of `rows`."""
    probes = np.tile(base, (len(rows), 1))
    probes[:, columns] = rows[:, columns]
    return probes


def _read_tables(score: Score, codes: Codes, edges: tuple[Floats, ...], pairs: NDArray[np.int64]) -> PairTables:
    """Varies one signal over its bins, and two over theirs, with the others fixed: exact, since no three interact."""
    count, sizes = codes.shape[1], [len(each) + 2 for each in edges]
    width = max(sizes)
    base = np.zeros(count, np.uint8)
    intercept = float(score(base[None])[0])
    one, two = np.zeros((count, width)), np.zeros((len(pairs), width, width))
    for signal, size in enumerate(sizes):
        probes = np.tile(base, (size, 1))
        probes[:, signal] = np.arange(size)
        one[signal, :size] = score(probes) - intercept
    for place, (a, b) in enumerate(pairs):
        probes = np.tile(base, (sizes[a] * sizes[b], 1))
        probes[:, a], probes[:, b] = (part.ravel() for part in np.indices((sizes[a], sizes[b])))
        joint = score(probes).reshape(sizes[a], sizes[b])
        alone = one[a, : sizes[a], None] + one[b, None, : sizes[b]]
        two[place, : sizes[a], : sizes[b]] = joint - intercept - alone
    return _centre(PairTables(intercept, edges, one, pairs, two), codes)


def _centre(tables: PairTables, codes: Codes) -> PairTables:
    """The same scores: pairs say nothing that their signals say alone, and signals nothing of the average pair."""
    one, two, width = tables.one.copy(), tables.two.copy(), tables.one.shape[1]
    for table, (a, b) in zip(two, tables.pairs, strict=True):
        sizes = np.array([len(tables.edges[a]), len(tables.edges[b])]) + 2
        used = np.ix_(*map(np.arange, sizes))
        seen = (
            np.bincount(codes[:, a] * np.intp(width) + codes[:, b], minlength=width**2).reshape(width, width)[used]
            + _SEEN
        )
        part = table[used]
        for _ in range(_PURIFIED):
            rows = (part * seen).sum(axis=1) / seen.sum(axis=1)
            part -= rows[:, None]
            columns = (part * seen).sum(axis=0) / seen.sum(axis=0)
            part -= columns
            one[a, : sizes[0]] += rows
            one[b, : sizes[1]] += columns
        table[used] = part
    means = [one[j, codes[:, j]].mean() for j in range(len(one))]
    for row, mean, edges in zip(one, means, tables.edges, strict=True):
        row[: len(edges) + 2] -= mean
    return PairTables(tables.intercept + float(sum(means)), tables.edges, one, tables.pairs, two)
