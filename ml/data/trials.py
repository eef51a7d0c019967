"""Files of trials: who was given what by chance, what was known of them before, and what came."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from app.foundation.errors import Refusal
from ml.data.reading import open_source

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Column = Floats | NDArray[np.str_]
"""(n,): numbers, NaN where unknown, or words, "" where unknown."""

_FEWEST: Final = 10
"""Rows of an arm that anything can be learned from."""


class UnusableTrial(Refusal):
    """The file is no trial that can be read; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Rows of a trial, (n,) each. `arms` are places in `arm_names`, whose first is the control."""

    arm_names: tuple[str, ...]
    arms: Ints
    outcome: Floats
    features: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.arms)

    def take(self, rows: NDArray[Any]) -> "Trial":
        """Of the rows those at `rows`, places or a mask."""
        features = {name: column[rows] for name, column in self.features.items()}
        return Trial(self.arm_names, self.arms[rows], self.outcome[rows], features)

    @property
    def shares(self) -> Floats:
        """(arms,): the share of the rows in each."""
        return np.bincount(self.arms, minlength=len(self.arm_names)) / len(self)

    @property
    def is_binary(self) -> bool:
        """Whether the outcome is whether something came, not how much."""
        return bool(np.isin(self.outcome, (0.0, 1.0)).all())


@dataclass(frozen=True, slots=True)
class TrialColumns:
    """What the columns of a file are. Without `treated`, each value that is not `control` is an arm."""

    treatment: str
    control: str
    outcome: str
    treated: Sequence[str] = ()
    ignored: Collection[str] = ()


def load_trial(path: Path, columns: TrialColumns) -> Trial:
    """The rows of the arms that are asked for; every other column is a feature.

    Raises UnusableTrial where a column is not there, an arm has few rows or an outcome is no number.
    """
    table = _read(path)
    for name in (columns.treatment, columns.outcome, *columns.ignored):
        if name not in table:
            raise UnusableTrial(f"{path.name} has no column {name!r}; it has {', '.join(table)}.")
    arm = _words(table[columns.treatment])
    names = _arm_names(path, arm, columns)
    wanted = np.isin(arm, names)
    outcome = _numbers(table[columns.outcome])
    if outcome is None or np.isnan(outcome[wanted]).any():
        raise UnusableTrial(f"{path.name}: the outcome {columns.outcome!r} is not a number in every row.")
    arms = np.array([names.index(each) for each in arm[wanted]], np.int64)
    return Trial(names, arms, outcome[wanted], _features(table, columns, wanted))


def _read(path: Path) -> dict[str, NDArray[Any]]:
    with duckdb.connect() as connection, open_source(path, count_known=lambda _: 0) as source:
        try:
            return dict(connection.execute(f"SELECT * FROM {source.sql}").fetchnumpy())
        except duckdb.Error as error:
            raise UnusableTrial(source.explain(error)) from error


def _arm_names(path: Path, arm: NDArray[np.str_], columns: TrialColumns) -> tuple[str, ...]:
    found = dict(zip(*np.unique(arm, return_counts=True), strict=True))
    treated = columns.treated or sorted({str(name) for name in found} - {columns.control, ""})
    names = (columns.control, *dict.fromkeys(treated))
    if len(names) < 2 or columns.control in treated:
        raise UnusableTrial(f"{path.name}: a trial has a control and at least one other arm.")
    for name in names:
        if found.get(np.str_(name), 0) < _FEWEST:
            told = ", ".join(repr(str(each)) for each in found)
            raise UnusableTrial(
                f"{path.name}: fewer than {_FEWEST} rows have {name!r} in {columns.treatment!r}, not {told[:400]}."
            )
    return names


def _features(table: Mapping[str, NDArray[Any]], columns: TrialColumns, wanted: NDArray[np.bool_]) -> dict[str, Column]:
    other = {columns.treatment, columns.outcome, *columns.ignored}
    found: dict[str, Column] = {}
    for name, column in table.items():
        if name not in other:
            numbers = _numbers(column)
            found[name] = (_words(column) if numbers is None else numbers)[wanted]
    return found


def _words(column: NDArray[Any]) -> NDArray[np.str_]:
    return np.array(["" if each is None else str(each) for each in _filled(column)], np.str_)


def _numbers(column: NDArray[Any]) -> Floats | None:
    """None: the column has something that is neither a number nor missing."""
    try:
        return np.array([np.nan if each is None or each == "" else float(each) for each in _filled(column)], np.float64)
    except (TypeError, ValueError):
        return None


def _filled(column: NDArray[Any]) -> list[Any]:
    return [None if hidden else each for each, hidden in zip(column.tolist(), np.ma.getmaskarray(column), strict=True)]


def alike(trial: Trial, other: Trial) -> Trial:
    """The features as `other` has them: words where those are words, numbers where those are numbers, unknown where
    they cannot be."""
    return replace(trial, features={name: _as(trial.features[name], column) for name, column in other.features.items()})


def _as(column: Column, other: Column) -> Column:
    if column.dtype.kind == other.dtype.kind:
        return column
    if other.dtype.kind == "f":
        return np.full(len(column), np.nan)
    return np.array(["" if np.isnan(each) else f"{each:g}" for each in column.tolist()], np.str_)


def halve(trial: Trial, seed: int = 0) -> tuple[Trial, Trial]:
    """To learn from and to judge by: of each arm, and of each outcome in it where that is binary, a half by chance."""
    draw, first = np.random.default_rng(seed), np.zeros(len(trial), np.bool_)
    strata = trial.arms * 2 + (trial.outcome.astype(np.int64) if trial.is_binary else 0)
    for stratum in np.unique(strata):
        rows = draw.permutation(np.flatnonzero(strata == stratum))
        first[rows[: (len(rows) + 1) // 2]] = True
    return trial.take(first), trial.take(~first)
