"""Rounds → ratios. Absolute figures of a shared machine say little; ratios within a round do."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

ANSWERS_PER_S = "throughput_per_s"
SERVER_CPU_US = "server_cpu_us"
P95_MS = "p95_ms"
P99_MS = "p99_ms"


@dataclass(frozen=True, slots=True)
class Round:
    """One system under one load. `figures` holds throughput and, where they are known, CPU and latencies."""

    system: str
    connections: int
    number: int
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure of `system` over the same figure of `floor`, in the same round."""

    label: str
    figure: str
    system: str
    floor: str


@dataclass(frozen=True, slots=True)
class Ratio:
    """Median and range of a comparison over rounds."""

    comparison: Comparison
    connections: int
    median: float
    least: float
    most: float
    rounds: int


def ratios(rounds: Sequence[Round], comparisons: Iterable[Comparison]) -> list[Ratio]:
    """One for each comparison and number of connections whose two sides were both measured."""
    figures = {(each.system, each.connections, each.number): each.figures for each in rounds}
    extents = sorted({each.connections for each in rounds})
    numbers = sorted({each.number for each in rounds})
    found = []
    for comparison in comparisons:
        for connections in extents:
            values = [
                value for number in numbers if (value := _ratio(figures, comparison, connections, number)) is not None
            ]
            if values:
                low, high = min(values), max(values)
                found.append(Ratio(comparison, connections, median(values), low, high, len(values)))
    return found


def _ratio(
    figures: Mapping[tuple[str, int, int], Mapping[str, Any]],
    comparison: Comparison,
    connections: int,
    number: int,
) -> float | None:
    above = figures.get((comparison.system, connections, number), {}).get(comparison.figure)
    below = figures.get((comparison.floor, connections, number), {}).get(comparison.figure)
    return above / below if above is not None and below else None


def ratio_table(found: Sequence[Ratio], title: str, extent: str = "{} conn.") -> Table:
    """A row a comparison, a column a number of connections: median (least–most)."""
    extents = sorted({ratio.connections for ratio in found})
    table = Table(title=title, title_justify="left")
    table.add_column("ratio", no_wrap=True)
    for connections in extents:
        table.add_column(extent.format(connections), justify="right", no_wrap=True)
    cells = {(ratio.comparison, ratio.connections): ratio for ratio in found}
    for comparison in dict.fromkeys(ratio.comparison for ratio in found):
        row = [cells.get((comparison, connections)) for connections in extents]
        table.add_row(comparison.label, *("–" if ratio is None else _cell(ratio) for ratio in row))
    return table


def _cell(ratio: Ratio) -> str:
    return f"{ratio.median:.3g} ({ratio.least:.3g}–{ratio.most:.3g})"


def error_lines(rounds: Iterable[Round]) -> list[str]:
    """What was not answered with 2xx, a line a round that had any."""
    return [
        f"{each.system}, {each.connections} connections, round {each.number}: {status} × {count}"
        for each in rounds
        for status, count in each.figures.get("errors", {}).items()
    ]


def write_json(path: Path, rounds: Sequence[Round], found: Sequence[Ratio], **known: Any) -> None:
    """Everything measured, absolute figures too, and what else is known of the run."""
    document = {
        "cores": os.cpu_count(),
        **known,
        "ratios": [asdict(ratio) for ratio in found],
        "rounds": [asdict(each) for each in rounds],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
