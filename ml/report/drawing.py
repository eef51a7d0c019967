"""Drawing for the report: inline SVG whose colours come from the page, light or dark.

Every text that is not ours is escaped here, in the functions that write markup.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10
from typing import Final

Point = tuple[float, float]
_TEXT_SIZE: Final = 12


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


def svg(width: int, height: int, title: str, description: str, parts: Iterable[str]) -> str:
    """A picture with its title and its content in words for who cannot see it."""
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title, quote=True)}">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{''.join(parts)}</svg>"
    )


def text(x: float, y: float, content: str, anchor: str = "start", kind: str = "label", size: int = _TEXT_SIZE) -> str:
    """`kind` is a class of the page's style: label, strong, quiet."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} class="{kind}" font-size="{size}">{escape(content)}</text>'


def line(start: Point, end: Point, kind: str = "grid") -> str:
    return f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" class="{kind}"/>'


def path(points: Sequence[Point], kind: str) -> str:
    """A line through the points."""
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{drawn}" class="{kind}"/>'


def dot(x: float, y: float, kind: str, radius: float = 4.0) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{kind}"/>'


def bar(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" class="{kind}"/>'


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
) -> list[str]:
    """Grid, numbers and titles; `up` runs from the lower edge to the upper one."""
    parts = []
    for value, label in up_ticks:
        height = up(value)
        parts.append(line((across.start, height), (across.end, height)))
        parts.append(text(across.start - 6, height + 4, label, "end", "quiet"))
    for value, label in across_ticks:
        parts.append(text(across(value), up.start + 18, label, "middle", "quiet"))
    parts.append(line((across.start, up.start), (across.end, up.start), "axis"))
    parts.append(text((across.start + across.end) / 2, up.start + 38, across_title, "middle"))
    parts.append(text(across.start - 40, up.end - 12, up_title))
    return parts


def legend(x: float, y: float, entries: Sequence[tuple[str, str]], step: float = 20.0) -> list[str]:
    """(kind of line, name), one below the other."""
    parts = []
    for number, (kind, name) in enumerate(entries):
        height = y + step * number
        parts += [path([(x, height - 4), (x + 26, height - 4)], kind), text(x + 32, height, name)]
    return parts
