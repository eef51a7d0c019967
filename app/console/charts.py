"""Where the marks of a chart stand: in percent of its width, so that it fits a phone and a wall alike."""

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any, Final, NamedTuple

FLOW_HEIGHT: Final = 320.0
FLOW_GAP: Final = 10.0
_LEAST_THICK: Final = 1.0


class Step(NamedTuple):
    """A bar of a waterfall from `start` to `end`; `left` and `width` in percent. `kind`: base, up, down, sum."""

    kind: str
    reason: Mapping[str, Any] | None
    effect: float
    left: float
    width: float
    end: float


class Waterfall(NamedTuple):
    """`base` and `total` as they are read: a probability, or an amount."""

    steps: Sequence[Step]
    base: float
    total: float


class Ribbon(NamedTuple):
    """A flow, as an area between the columns of a chart that is 100 wide."""

    source: str
    target: str
    customers: int
    path: str
    stays: bool


class Node(NamedTuple):
    """A stage in a column: from `top`, so high."""

    stage: str
    customers: int
    top: float
    height: float


class Lines(NamedTuple):
    """One `path` a series, in a square of 100, from `low` at its bottom to `high` at its top."""

    paths: Sequence[str]
    low: float
    high: float


class Flows(NamedTuple):
    """Both columns, and what flows between them."""

    before: Sequence[Node]
    after: Sequence[Node]
    ribbons: Sequence[Ribbon]
    height: float


def draw_waterfall(reasons: Sequence[Mapping[str, Any]], total: Mapping[str, Any]) -> Waterfall:
    """From what an average customer has, by one reason after the other and what all others come to, to the sum."""
    effects = [(reason, reason["effect"]) for reason in reasons] + [(None, total["remainder"])]
    at, ends = total["base"], [total["base"]]
    for _, effect in effects:
        at += effect
        ends.append(at)
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0
    place = [100 * (end - low) / span for end in ends]
    steps = [
        Step(
            "up" if effect >= 0 else "down",
            reason,
            effect,
            min(place[i], place[i + 1]),
            abs(place[i + 1] - place[i]),
            place[i + 1],
        )
        for i, (reason, effect) in enumerate(effects)
    ]
    return Waterfall(steps, read_link(total["base"], total["scale"]), read_link(total["sum"], total["scale"]))


def read_link(value: float, scale: str) -> float:
    """A probability of log-odds, or an amount of its logarithm, as `SumOut` has them."""
    return 1 / (1 + exp(-value)) if scale == "log_odds" else exp(value)


def draw_bars(values: Sequence[float]) -> list[float]:
    """Widths in percent of the longest."""
    longest = max(values, default=0.0) or 1.0
    return [100 * value / longest for value in values]


def draw_gains(values: Sequence[float]) -> list[tuple[float, float]]:
    """Bars from where nothing is gained or lost: where each begins, and how wide it is, in percent."""
    low, high = min([0.0, *values]), max([0.0, *values])
    span = (high - low) or 1.0
    return [(100 * (min(value, 0.0) - low) / span, 100 * abs(value) / span) for value in values]


def draw_line(series: Sequence[Sequence[float | None]]) -> Lines:
    """Lines of values one after the other, broken where one is not known; zero is among what they are drawn against."""
    known = [value for values in series for value in values if value is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    return Lines([_line(values, low, (high - low) or 1.0) for values in series], low, high)


def _line(values: Sequence[float | None], low: float, span: float) -> str:
    step, path, is_broken = 100 / max(len(values) - 1, 1), "", True
    for place, value in enumerate(values):
        if value is not None:
            path += f"{'M' if is_broken else 'L'}{place * step:.2f} {100 - 100 * (value - low) / span:.2f}"
            path += "h.01" if is_broken else ""  # a dot, where it stands alone
        is_broken = value is None
    return path


def draw_flows(flows: Sequence[Mapping[str, Any]], order: Sequence[str]) -> Flows:
    """Of flows as `FlowOut` has them, from the first column to the second, stages in an order."""
    before = _count(flows, "from", order)
    after = _count(flows, "to", order)
    total = sum(before.values()) or 1
    scale = (FLOW_HEIGHT - FLOW_GAP * (max(len(before), len(after), 1) - 1)) / total
    columns = _stack(before, scale), _stack(after, scale)
    tops = [{node.stage: node.top for node in column} for column in columns]
    ribbons = []
    for flow in sorted(flows, key=lambda flow: (order.index(flow["from"]), order.index(flow["to"]))):
        source, target, customers = flow["from"], flow["to"], flow["customers"]
        thick = max(customers * scale, _LEAST_THICK)
        path = _ribbon(tops[0][source], tops[1][target], thick)
        tops[0][source] += customers * scale
        tops[1][target] += customers * scale
        ribbons.append(Ribbon(source, target, customers, path, source == target))
    bottom = max((node.top + node.height for column in columns for node in column), default=0.0)
    return Flows(columns[0], columns[1], ribbons, bottom)


def _count(flows: Sequence[Mapping[str, Any]], side: str, order: Sequence[str]) -> dict[str, int]:
    counts = {stage: sum(flow["customers"] for flow in flows if flow[side] == stage) for stage in order}
    return {stage: count for stage, count in counts.items() if count}


def _stack(counts: Mapping[str, int], scale: float) -> list[Node]:
    nodes, top = [], 0.0
    for stage, customers in counts.items():
        height = max(customers * scale, _LEAST_THICK)
        nodes.append(Node(stage, customers, top, height))
        top += max(height, 14.0) + FLOW_GAP
    return nodes


def _ribbon(left: float, right: float, thick: float) -> str:
    """From the left edge at a height to the right edge at another."""
    return (
        f"M0 {left:.2f}C50 {left:.2f} 50 {right:.2f} 100 {right:.2f}"
        f"V{right + thick:.2f}C50 {right + thick:.2f} 50 {left + thick:.2f} 0 {left + thick:.2f}Z"
    )
