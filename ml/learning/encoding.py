"""Columns of any file as few numbers each, so that a line through them bends: what effects are learned on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.data.trials import Column, Floats, Ints

_STEPS: Final = 64
_MOST_LEVELS: Final = 30
_RARE: Final = 0.005


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A column of numbers: its rank of 0 to 1 among the steps at `edges`, that squared, and whether it is unknown."""

    edges: Floats

    @classmethod
    def of(cls, column: Floats) -> "_Ranked":
        known = column[~np.isnan(column)]
        parts = np.linspace(0, 1, _STEPS + 1)[1:-1]
        return cls(np.unique(np.quantile(known, parts, method="higher")) if len(known) else np.empty(0))

    def __call__(self, column: Column) -> Floats:
        values = np.asarray(column, np.float64)
        unknown = np.isnan(values)
        rank = np.searchsorted(self.edges, values, side="right") / max(len(self.edges), 1)
        rank[unknown] = 0.5
        return np.column_stack([rank, rank**2, unknown])


@dataclass(frozen=True, slots=True)
class _Levelled:
    """A column of few values: which of them it is, or none."""

    levels: Column

    def __call__(self, column: Column) -> Floats:
        return np.asarray(column[:, None] == self.levels[None, :], np.float64)


@dataclass(frozen=True, slots=True)
class Encoding:
    """(n, k) of features: per feature its columns, centred and scaled on the rows that were learned from.

    Each is divided by the square root of its deviation: what few rows have is not to weigh as much as what many have.
    A column that never varied is left out. `owners` (k,) are places in the features.
    """

    parts: Mapping[str, _Ranked | _Levelled]
    kept: Ints
    means: Floats
    scales: Floats
    owners: tuple[int, ...]

    @classmethod
    def of(cls, features: Mapping[str, Column]) -> "Encoding":
        """Learned from columns (n,)."""
        parts = {name: _part(column) for name, column in features.items()}
        blocks = [part(features[name]) for name, part in parts.items()]
        raw = np.column_stack(blocks) if blocks else np.empty((0, 0))
        owners = np.repeat(np.arange(len(blocks)), [block.shape[1] for block in blocks])
        kept = np.flatnonzero(raw.std(axis=0) > 0) if raw.size else np.empty(0, np.int64)
        deviations = raw[:, kept].std(axis=0)
        return cls(parts, kept, raw[:, kept].mean(axis=0), np.sqrt(deviations), tuple(owners[kept].tolist()))

    def __call__(self, features: Mapping[str, Column], rows: int) -> Floats:
        """(rows, k)."""
        if not len(self.kept):
            return np.empty((rows, 0))
        raw = np.column_stack([part(features[name]) for name, part in self.parts.items()])
        return np.asarray((raw[:, self.kept] - self.means) / self.scales)


def _part(column: Column) -> _Ranked | _Levelled:
    if column.dtype.kind != "f":
        words, counts = np.unique(np.asarray(column, np.str_), return_counts=True)
        common = np.argsort(-counts, kind="stable")[:_MOST_LEVELS]
        return _Levelled(words[np.sort(common[counts[common] >= _RARE * len(column)])])
    numbers = np.asarray(column, np.float64)
    values = np.unique(numbers[~np.isnan(numbers)])
    return _Ranked.of(numbers) if len(values) > 2 else _Levelled(values[1:])
