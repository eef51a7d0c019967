"""The shape of each table: what a fact about a customer adds to the score, and how many customers have it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import asinh, exp, isfinite
from typing import Final

import numpy as np

from app.lifecycle.features import FEATURES, Floats
from app.lifecycle.scorer import StepTables
from ml.report_drawing import Axis, bar, dot, line, path, steps, svg, text

_WIDTH, _HEIGHT = 340, 230
_CURVE, _SHARES = (30, 140), (150, 196)
_COLUMNS: Final = 28
_SKEWED: Final = 4.0
_LEAST_TERM: Final = 0.2
"""No curve is drawn larger than on a scale to this term: what hardly matters looks flat."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A feature's table on the customers judged. `weight` is the standard deviation of its terms.

    `heights` (k,) are the terms between the `edges` (k + 1,); `inside` are the values of the customers but
    for the outermost in a hundred on either side.
    """

    feature: int
    weight: float
    edges: Floats
    heights: Floats
    inside: Floats
    unknown_share: float
    unknown_term: float


def shapes(tables: StepTables, vectors: Floats) -> list[Shape]:
    """Those that make a difference between the customers, the strongest first."""
    weights = tables.terms(vectors).std(axis=0)
    order = sorted(range(len(weights)), key=lambda j: -weights[j])
    return [_shape(j, float(weights[j]), tables, vectors[:, j]) for j in order if weights[j] > 1e-9]


def _shape(j: int, weight: float, tables: StepTables, column: Floats) -> Shape:
    known = column[np.isfinite(column)]
    low, high = np.quantile(known, [0.01, 0.99]) if len(known) else (0.0, 0.0)
    inner = tables.edges[j][(tables.edges[j] > low) & (tables.edges[j] < high)]
    edges = np.concatenate([[low], inner, [high]])
    bins = np.searchsorted(tables.edges[j], edges[:-1], side="right") + 1
    unknown = float(1 - len(known) / len(column))
    inside = known[(known >= low) & (known <= high)]
    return Shape(j, weight, edges, tables.steps[j][bins], inside, unknown, float(tables.steps[j][0]))


def draw_shape(shape: Shape, minor_per_unit: float) -> str:
    """The curve on a scale of its own, the share of the customers below it."""
    lowest, highest = min(shape.heights.min(), -_LEAST_TERM), max(shape.heights.max(), _LEAST_TERM)
    feature = FEATURES[shape.feature]
    unit = minor_per_unit if feature.unit == "minor" else 1.0
    across = Axis(float(shape.edges[0]), float(shape.edges[-1]), 52, _WIDTH - 14, _bend(shape.inside))
    up = Axis(lowest, highest, _CURVE[1], _CURVE[0])
    parts = [text(0, 14, feature.label, kind="strong")]
    for term in (lowest, 0.0, highest):
        parts.append(line((across.start, up(term)), (across.end, up(term)), "grid" if term else "axis"))
        parts.append(text(46, up(term) + 4, f"× {exp(term):.2g}", "end", "quiet", 11))
    parts.append(path(steps([across(edge) for edge in shape.edges], [up(height) for height in shape.heights]), "ours"))
    if shape.unknown_share > 0:
        parts.append(dot(across.start - 2, up(shape.unknown_term), "dot-unknown"))
    parts += _histogram(shape, across)
    for place, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        x = across.start + place * (across.end - across.start)
        parts.append(text(x, _SHARES[1] + 14, _tell(_value_at(across, x) / unit), anchor, "quiet", 11))
    unit_name = {"minor": "money", "ratio": "", "probability": ""}.get(feature.unit, feature.unit)
    unknown = f"○ unknown: {shape.unknown_share:.0%} of customers" if shape.unknown_share > 0 else ""
    parts.append(text(across.end, _HEIGHT - 3, unit_name, "end", "quiet", 11))
    parts.append(text(across.start, _HEIGHT - 3, unknown, "start", "quiet", 11))
    told = f"from × {exp(shape.heights.min()):.2f} to × {exp(shape.heights.max()):.2f}"
    return svg(_WIDTH, _HEIGHT, feature.label, told, parts)


def _histogram(shape: Shape, across: Axis) -> list[str]:
    places = np.array([across(value) for value in shape.inside])
    counts, edges = np.histogram(places, bins=_COLUMNS, range=(across.start, across.end))
    tallest = max(int(counts.max(initial=0)), 1)
    return [
        bar(left, _SHARES[1] - size, right - left - 1, size, "fill-share")
        for left, right, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
        if (size := count / tallest * (_SHARES[1] - _SHARES[0]))
    ]


def _bend(known: Floats) -> Callable[[float], float]:
    """Straight, or like a logarithm in units of the median where few customers reach far beyond it."""
    if not len(known):
        return float
    middle, far = float(np.median(np.abs(known))), float(np.quantile(np.abs(known), 0.99))
    scale = middle if middle > 0 else far / 10
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


def _tell(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
