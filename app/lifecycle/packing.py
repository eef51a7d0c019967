"""A scorecard as plain arrays: what an artefact keeps of a model, and the server reads."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import Floats
from app.lifecycle.own_money import OwnMoney
from app.lifecycle.scorer import Scorecard
from app.lifecycle.targets import OTHERS, TARGET_NAMES, TARGETS

_OTHER_NAMES: Final = frozenset(target.name for target in OTHERS)
_PER_TARGET: Final = ("{}.intercept", "{}.steps", "level.{}")
_STEEPEST: Final = 600.0
"""The greatest link there may be of tables: e to it, and to what own money adds, is still a number."""


def pack(card: Scorecard) -> dict[str, NDArray[Any]]:
    """The scorecard as plain arrays, for an .npz: the edges once, steps and intercept a target, the level."""
    steps = np.concatenate([*card.steps, np.empty((0, len(TARGETS)))])
    arrays: dict[str, NDArray[Any]] = {
        "edge_counts": np.array([len(edges) for edges in card.edges], np.int64),
        "edges": np.concatenate([*card.edges, np.empty(0)]),
        "level.days": card.level_days,
    }
    for at, target in enumerate(TARGET_NAMES):
        if target in _OTHER_NAMES and isnan(card.intercepts[at]):
            continue
        arrays[f"{target}.intercept"] = np.array([card.intercepts[at]])
        arrays[f"{target}.steps"] = steps[:, at]
        arrays[f"level.{target}"] = card.levels[:, at]
    return arrays | ({} if card.own is None else card.own.pack())


def unpack(arrays: Mapping[str, NDArray[Any]], features: int) -> Scorecard:
    """The scorecard of so many features, from the arrays that `pack` makes.

    Raises ValueError where they do not fit together or hold what is no number, KeyError where one is missing that is
    not of OTHERS.
    """
    counts, edges = arrays["edge_counts"].astype(np.int64), arrays["edges"].astype(np.float64)
    days = arrays["level.days"].astype(np.int64)
    known = [name for name in TARGET_NAMES if name not in _OTHER_NAMES or f"{name}.intercept" in arrays]
    parts = [[arrays[name.format(target)].astype(np.float64) for target in known] for name in _PER_TARGET]
    intercepts, steps, levels = parts
    if (counts < 0).any() or (len(counts), len(edges)) != (features, counts.sum()):
        raise ValueError(f"step tables of {len(edges)} edges do not fit their counts")
    for size, column in ((1, intercepts), ((counts + 2).sum(), steps), (max(len(days), 1), levels)):
        if any(array.shape != (size,) for array in column):
            raise ValueError("step tables do not fit one another")
    columns = tuple(np.split(edges, np.cumsum(counts)[:-1]))
    if (np.diff(days) <= 0).any() or any((np.diff(column) <= 0).any() for column in columns):
        raise ValueError("step tables whose edges or days do not ascend")
    if not np.isfinite(np.concatenate([edges, *intercepts, *steps, *levels])).all():
        raise ValueError("step tables hold what is no number")
    placed = [known.index(name) if name in known else None for name in TARGET_NAMES]
    rows = tuple(np.split(_spread(steps, placed), np.cumsum(counts + 2)[:-1]))
    links = tuple(np.nan if at is None else float(intercepts[at][0]) for at in placed)
    own = OwnMoney.unpack(arrays) if any(name.startswith("own.") for name in arrays) else None
    card = Scorecard(columns, links, rows, days, _spread(levels, placed), own)
    if (_greatest_links(card) > _STEEPEST).any():
        raise ValueError("step tables whose terms add up beyond all numbers")
    return card


def _spread(columns: Sequence[Floats], places: Sequence[int | None]) -> Floats:
    """Columns (k,) at their places, (k, T); zeros where there is none."""
    return np.column_stack([np.zeros_like(columns[0]) if at is None else columns[at] for at in places])


def _greatest_links(card: Scorecard) -> Floats:
    """(T,): bounds of what the links can come to."""
    steps = np.sum([np.abs(each).max(axis=0) for each in card.steps], axis=0)
    return np.asarray(np.abs(card.intercepts) + np.abs(card.levels).max(axis=0) + steps)
