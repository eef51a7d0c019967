"""Pictures for the report: marks and their places. `templates/picture.svg` writes them as SVG.

The `kind` of a mark is a class of `templates/style.css`, which knows its colours, light and dark.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import ClassVar

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from `low` to `high`, drawn from `start` to `end`; `bend` straightens a skewed scale."""

    low: float
    high: float
    start: float
    end: float
    bend: Callable[[float], float] = float

    def __call__(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        low, high = self.bend(self.low), self.bend(self.high)
        share = (self.bend(inside) - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)


def tidy_ticks(high: float, count: int = 4, low: float = 0.0) -> list[float]:
    """About `count` round numbers from `low` to `high`."""
    span = high - low
    if span <= 0:
        return [low]
    rough = span / count
    unit = 10.0 ** floor(log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough)
    first = -(-low // step)
    return [(first + number) * step for number in range(int((high - first * step) / step + 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class Text:
    shape: ClassVar = "text"

    x: float
    y: float
    content: str
    anchor: str = "start"
    kind: str = "label"
    size: int = 12


@dataclass(frozen=True, slots=True)
class Line:
    shape: ClassVar = "line"

    start: Point
    end: Point
    kind: str = "grid"


@dataclass(frozen=True, slots=True)
class Path:
    """A line through the points."""

    shape: ClassVar = "path"

    points: Sequence[Point]
    kind: str


@dataclass(frozen=True, slots=True)
class Dot:
    shape: ClassVar = "dot"

    x: float
    y: float
    kind: str
    radius: int = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """From its upper left corner."""

    shape: ClassVar = "bar"

    x: float
    y: float
    width: float
    height: float
    kind: str


Mark = Text | Line | Path | Dot | Bar


@dataclass(frozen=True, slots=True)
class Picture:
    """Later marks lie over earlier ones. `description` is the content in words, for who cannot see it."""

    width: int
    height: int
    title: str
    description: str
    marks: Sequence[Mark]


def steps(edges: Sequence[float], heights: Sequence[float]) -> list[Point]:
    """A stair: height i holds from edge i to edge i + 1."""
    return [
        point
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True)
        for point in ((left, height), (right, height))
    ]


def frame(
    across: Axis,
    up: Axis,
    across_ticks: Sequence[tuple[float, str]],
    up_ticks: Sequence[tuple[float, str]],
    across_title: str,
    up_title: str,
) -> list[Mark]:
    """Grid, numbers and titles; `up` runs from the lower edge to the upper one."""
    parts: list[Mark] = []
    for value, label in up_ticks:
        height = up(value)
        parts.append(Line((across.start, height), (across.end, height)))
        parts.append(Text(across.start - 6, height + 4, label, "end", "quiet"))
    for value, label in across_ticks:
        parts.append(Text(across(value), up.start + 18, label, "middle", "quiet"))
    parts.append(Line((across.start, up.start), (across.end, up.start), "axis"))
    parts.append(Text((across.start + across.end) / 2, up.start + 38, across_title, "middle"))
    parts.append(Text(across.start - 40, up.end - 12, up_title))
    return parts


def legend(x: float, y: float, entries: Sequence[tuple[str, str]], step: float = 20.0) -> list[Mark]:
    """(kind of line, name), one below the other."""
    parts: list[Mark] = []
    for number, (kind, name) in enumerate(entries):
        height = y + step * number
        parts += [Path([(x, height - 4), (x + 26, height - 4)], kind), Text(x + 32, height, name)]
    return parts
