"""The shape of each table: what a fact about a customer adds to the score, and how many customers have it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import asinh, exp, floor, isfinite, log, log10
from typing import Final

import numpy as np

from app.lifecycle.events import minor_digits
from app.lifecycle.features import FEATURES, Feature, Floats
from app.lifecycle.scorer import StepTables
from ml.report.drawing import Axis, Bar, Dot, Line, Mark, Path, Picture, Text, steps

_WIDTH, _HEIGHT = 340, 230
_CURVE, _SHARES = (30, 140), (150, 196)
_COLUMNS: Final = 28
_SKEWED: Final = 4.0
_MOST_BENT: Final = 50.0
"""Nor does a bent scale give half its length to values that nobody could tell from nothing."""
_FARTHEST: Final = 5.0
"""Times the 95th percentile that the drawn values reach at most: a few can be a thousand times beyond it."""
_FLAT: Final = log(1.1)
"""No curve is drawn larger than on a scale from × 0.9 to × 1.1."""
_LEAST_SIDE: Final = 0.2
"""Share of the larger side that the smaller one has at least, so that their numbers stand apart."""
_VISIBLE: Final = log(1.05)
"""Between the terms of the 5th and the 95th customer in a hundred, for a curve to be worth drawing."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A feature's table on the customers judged. `weight` is the standard deviation of its terms, `spread`
    how far those of the 5th and the 95th customer in a hundred lie apart.

    `heights` (k,) are the terms between the `edges` (k + 1,), which are drawn to the 1st and 99th percentile at
    most; `inside` are the known values of the customers, those beyond set on the outer edge.
    """

    feature: int
    weight: float
    spread: float
    edges: Floats
    heights: Floats
    inside: Floats
    unknown_share: float
    unknown_term: float

    @property
    def is_visible(self) -> bool:
        return self.spread >= _VISIBLE


def shapes(tables: StepTables, vectors: Floats) -> list[Shape]:
    """Those that make a difference between the customers, the strongest first."""
    terms = tables.terms(vectors)
    weights = terms.std(axis=0)
    order = sorted(range(len(weights)), key=lambda j: -weights[j])
    return [_shape(j, terms[:, j], tables, vectors[:, j]) for j in order if weights[j] > 1e-9]


def _shape(j: int, terms: Floats, tables: StepTables, column: Floats) -> Shape:
    known = column[np.isfinite(column)]
    low, high = _drawn_range(known)
    inner = tables.edges[j][(tables.edges[j] > low) & (tables.edges[j] < high)]
    edges = np.concatenate([[low], inner, [high]])
    bins = np.searchsorted(tables.edges[j], edges[:-1], side="right") + 1
    unknown = float(1 - len(known) / len(column))
    lower, upper = np.quantile(terms, [0.05, 0.95])
    measured = float(terms.std()), float(upper - lower)
    return Shape(j, *measured, edges, tables.steps[j][bins], known.clip(low, high), unknown, float(tables.steps[j][0]))


def _drawn_range(known: Floats) -> tuple[float, float]:
    """From the 1st to the 99th percentile, or to where the rest would be pressed into a corner."""
    if not len(known):
        return 0.0, 0.0
    low, usual, high = np.quantile(known, [0.01, 0.95, 0.99]).tolist()
    return low, min(high, _FARTHEST * usual) if usual > 0 else high


def draw_shape(shape: Shape, currency: str) -> Picture:
    """The curve on a scale of its own, the share of the customers below it; money in major units."""
    reach = _LEAST_SIDE * float(np.abs(shape.heights).max())
    lowest = min(shape.heights.min(), -max(_FLAT, reach))
    highest = max(shape.heights.max(), _FLAT, reach)
    feature = FEATURES[shape.feature]
    across = Axis(float(shape.edges[0]), float(shape.edges[-1]), 52, _WIDTH - 14, _bend(shape.inside))
    up = Axis(lowest, highest, _CURVE[1], _CURVE[0])
    parts: list[Mark] = [Text(0, 14, feature.label, kind="strong")]
    for term in (lowest, 0.0, highest):
        parts.append(Line((across.start, up(term)), (across.end, up(term)), "grid" if term else "axis"))
        parts.append(Text(46, up(term) + 4, f"× {exp(term):.2g}", "end", "quiet", 11))
    parts.append(Path(steps([across(edge) for edge in shape.edges], [up(height) for height in shape.heights]), "ours"))
    if shape.unknown_share > 0:
        parts.append(Dot(across.start - 2, up(shape.unknown_term), "dot-unknown"))
    parts += _histogram(shape, across)
    parts += _values(across, feature, currency)
    unit_name = {"minor": currency, "ratio": "", "probability": ""}.get(feature.unit, feature.unit)
    unknown = f"○ unknown: {shape.unknown_share:.0%} of customers" if shape.unknown_share > 0 else ""
    parts.append(Text(across.end, _HEIGHT - 3, unit_name, "end", "quiet", 11))
    parts.append(Text(across.start, _HEIGHT - 3, unknown, "start", "quiet", 11))
    told = f"from × {exp(shape.heights.min()):.2f} to × {exp(shape.heights.max()):.2f}"
    return Picture(_WIDTH, _HEIGHT, feature.label, told, parts)


def _values(across: Axis, feature: Feature, currency: str) -> list[Mark]:
    """What stands at both ends and in the middle."""
    is_share = feature.unit == "probability" or feature.name.endswith("_share")
    unit = 10.0 ** minor_digits(currency) if feature.unit == "minor" else 0.01 if is_share else 1.0
    parts: list[Mark] = []
    for place, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        x = across.start + place * (across.end - across.start)
        told = tell(_value_at(across, x) / unit, (across.high - across.low) / unit) + (" %" if is_share else "")
        parts.append(Text(x, _SHARES[1] + 14, told, anchor, "quiet", 11))
    return parts


def _histogram(shape: Shape, across: Axis) -> list[Mark]:
    places = np.array([across(value) for value in shape.inside])
    counts, edges = np.histogram(places, bins=_COLUMNS, range=(across.start, across.end))
    tallest = max(int(counts.max(initial=0)), 1)
    return [
        Bar(left, _SHARES[1] - size, right - left - 1, size, "fill-share")
        for left, right, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
        if (size := count / tallest * (_SHARES[1] - _SHARES[0]))
    ]


def _bend(known: Floats) -> Callable[[float], float]:
    """Straight, or like a logarithm in units of the median where few customers reach far beyond it."""
    if not len(known):
        return float
    middle, far = float(np.median(np.abs(known))), float(np.quantile(np.abs(known), 0.99))
    scale = max(middle, far / _MOST_BENT) if middle > 0 else far / 10
    if not isfinite(far) or scale <= 0 or far < _SKEWED * scale:
        return float
    return lambda value: asinh(value / scale)


def _value_at(axis: Axis, place: float) -> float:
    """The value drawn at a place, by halving."""
    low, high = axis.low, axis.high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if axis(middle) < place else (low, middle)
    return (low + high) / 2


def tell(value: float, span: float) -> str:
    """To two figures, and to nothing finer than a hundredth of the span."""
    finest = span / 100
    if abs(value) < finest or value == 0:
        return "0"
    place = max(floor(log10(abs(value))) - 1, floor(log10(finest)) if finest > 0 else -300)
    rounded = round(value, -place)
    digits = 0 if rounded == int(rounded) else max(-place, 0)
    return f"{rounded:,.{digits}f}".replace("-", "−")
