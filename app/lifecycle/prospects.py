"""Prospects, who have never bought: how likely their first order is, and to be one of the best customers.

Both are foretold by additive tables over the same features as everything else, of which those of visits, sign-up and
cases are all that a prospect has; or, where too few first orders are known to learn from, by one rule of recency and
activity.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import FEATURE_NAMES, Floats
from app.lifecycle.measures import NUMERIC
from app.lifecycle.scorer import StepTables
from app.lifecycle.targets import logistic, sigmoid

BOUGHT: Final = ("orders", "spend_minor", "refunds")
"""Measures that are more than nothing of whoever has ever bought, given back or not."""
PRIOR_RATE: Final = 0.1
"""First orders in 90 days a touch of late, before any was seen: an assumption."""
PRIOR_BEST: Final = 0.2
"""The share of the best among who buys a first time, before any was seen: an assumption, as few as in Pareto's rule."""
RULE_DAYS: Final = 90.0
ACTIVITY_RULE: Final = "activity_rule"
ADDITIVE: Final = "additive_trees"

_BOUGHT_AT: Final = tuple([measure.name for measure in NUMERIC].index(name) for name in BOUGHT)
_VISITS, _KNOWN = FEATURE_NAMES.index("visits_decayed_60d"), FEATURE_NAMES.index("known_days")
_HALF_LIFE_DAYS: Final = 60.0
_STEEPEST: Final = 600.0


def has_bought(numbers: Sequence[float | None]) -> bool:
    """Of a state vector: whether anything was ever bought, kept or not."""
    return any((numbers[at] or 0) > 0 for at in _BOUGHT_AT)


def have_bought(states: Floats) -> NDArray[np.bool_]:
    """`has_bought` of many, (n, len(NUMERIC)) → (n,)."""
    return np.asarray((np.nan_to_num(states[:, _BOUGHT_AT]) > 0).any(axis=1))


class ProspectForecast(NamedTuple):
    """Of one prospect: the probabilities, and of those by tables the terms of the log-odds, one a feature."""

    first_order: float
    likeness: float
    first_order_terms: Sequence[float]
    likeness_terms: Sequence[float]


@dataclass(frozen=True, slots=True)
class ProspectCard:
    """What is foretold of prospects within `horizon_days`. Where a table is None the rule speaks.

    By rule first orders come at `rate` in 90 days for each touch of late (visits of half-life 60 days, and being first
    seen as one more), 1 − e^(−rate · touches · horizon/90), and of those who make one `best_share` is of the best.
    """

    horizon_days: int
    first_order: StepTables | None = None
    likeness: StepTables | None = None
    rate: float = PRIOR_RATE
    best_share: float = PRIOR_BEST
    is_learned: bool = False
    """Whether first orders were seen from which rate and share were learned."""

    @property
    def methods(self) -> tuple[str, str]:
        """Of the first order, of the likeness."""
        first, second = (ACTIVITY_RULE if one is None else ADDITIVE for one in (self.first_order, self.likeness))
        return first, second

    @property
    def data_sufficiency(self) -> str:
        """Of what it was learned from: `none`, `little`, `enough`."""
        return "enough" if self.first_order is not None else "little" if self.is_learned else "none"

    @staticmethod
    def touches(rows: Floats) -> Floats:
        """(n, len(FEATURES)) → (n,): what the rule goes by."""
        return np.nan_to_num(rows[:, _VISITS]) + np.exp2(-np.nan_to_num(rows[:, _KNOWN]) / _HALF_LIFE_DAYS)

    def expect(self, rows: Floats) -> tuple[Floats, Floats]:
        """(n, len(FEATURES)) → the probabilities of a first order and of being one of the best, (n,) each."""
        by_rule = -np.expm1(-self.rate * self.touches(rows) * self.horizon_days / RULE_DAYS)
        first = by_rule if self.first_order is None else _probabilities(self.first_order, rows)
        return first, first * self.best_share if self.likeness is None else _probabilities(self.likeness, rows)

    def forecast_one(self, row: Sequence[float]) -> ProspectForecast:
        """`expect` of one feature row, and why."""
        first_terms, likeness_terms = _terms_of_one(self.first_order, row), _terms_of_one(self.likeness, row)
        first = self._presume_one(row) if self.first_order is None else _probability(self.first_order, first_terms)
        likeness = first * self.best_share if self.likeness is None else _probability(self.likeness, likeness_terms)
        return ProspectForecast(first, likeness, first_terms, likeness_terms)

    def _presume_one(self, row: Sequence[float]) -> float:
        visits, known_days = (0.0 if value != value else value for value in (row[_VISITS], row[_KNOWN]))
        touches = visits + 2.0 ** (-known_days / _HALF_LIFE_DAYS)
        return 1.0 - exp(-self.rate * touches * self.horizon_days / RULE_DAYS)


def _probabilities(tables: StepTables, rows: Floats) -> Floats:
    heard = [j for j, edges in enumerate(tables.edges) if len(edges)]
    of_heard = StepTables(tables.intercept, *(tuple(part[j] for j in heard) for part in (tables.edges, tables.steps)))
    return sigmoid(tables.intercept + of_heard.terms(rows[:, heard]).sum(axis=1))


def _probability(tables: StepTables, terms: Sequence[float]) -> float:
    return logistic(tables.intercept + sum(terms))


def _terms_of_one(tables: StepTables | None, row: Sequence[float]) -> list[float]:
    """Zero of the features without a say; none by rule."""
    if tables is None:
        return []
    return [
        float(steps[1 + bisect_right(edges, value)] if value == value else steps[0]) if len(edges) else 0.0
        for value, edges, steps in zip(row, tables.edges, tables.steps, strict=True)
    ]


_TABLES: Final = ("first_order", "likeness")
_NUMBERS: Final = "prospects.numbers"


def pack_prospects(card: ProspectCard) -> dict[str, NDArray[Any]]:
    """The card as plain arrays, for an .npz; who does not know these members does without."""
    numbers = (card.horizon_days, card.rate, card.best_share, card.is_learned)
    arrays: dict[str, NDArray[Any]] = {_NUMBERS: np.array(numbers, np.float64)}
    for name in _TABLES:
        tables: StepTables | None = getattr(card, name)
        if tables is not None:
            arrays[f"prospects.{name}.intercept"] = np.array([tables.intercept])
            arrays[f"prospects.{name}.edge_counts"] = np.array([len(edges) for edges in tables.edges], np.int64)
            arrays[f"prospects.{name}.edges"] = np.concatenate([*tables.edges, np.empty(0)])
            arrays[f"prospects.{name}.steps"] = np.concatenate(tables.steps)
    return arrays


def unpack_prospects(arrays: Mapping[str, NDArray[Any]], places: Sequence[int | None]) -> ProspectCard | None:
    """The card that `pack_prospects` made, over other features: of each its place then, None: it has no say. None:
    there is no card among the arrays. Raises ValueError, KeyError where they do not fit together."""
    if _NUMBERS not in arrays:
        return None
    horizon_days, rate, best_share, is_learned = arrays[_NUMBERS].astype(np.float64).tolist()
    if not (horizon_days >= 1 and 0 <= rate < _STEEPEST and 0 <= best_share <= 1):
        raise ValueError("a rule of prospects that is none")
    first_order, likeness = (_unpack_tables(arrays, f"prospects.{name}", places) for name in _TABLES)
    return ProspectCard(int(horizon_days), first_order, likeness, rate, best_share, bool(is_learned))


def _unpack_tables(arrays: Mapping[str, NDArray[Any]], name: str, places: Sequence[int | None]) -> StepTables | None:
    if f"{name}.intercept" not in arrays:
        return None
    counts = arrays[f"{name}.edge_counts"].astype(np.int64)
    intercept, edges, steps = (arrays[f"{name}.{part}"].astype(np.float64) for part in ("intercept", "edges", "steps"))
    if (counts < 0).any() or (len(intercept), len(edges), len(steps)) != (1, counts.sum(), (counts + 2).sum()):
        raise ValueError("tables of prospects do not fit their counts")
    columns, rows = np.split(edges, np.cumsum(counts)[:-1]), np.split(steps, np.cumsum(counts + 2)[:-1])
    if any((np.diff(column) <= 0).any() for column in columns):
        raise ValueError("tables of prospects whose edges do not ascend")
    greatest = abs(intercept[0]) + sum(float(np.abs(row).max()) for row in rows)
    if not (np.isfinite(edges).all() and greatest <= _STEEPEST):
        raise ValueError("tables of prospects hold what is no number")
    return StepTables(
        float(intercept[0]),
        tuple(np.empty(0) if at is None else columns[at] for at in places),
        tuple(np.zeros(2) if at is None else rows[at] for at in places),
    )
