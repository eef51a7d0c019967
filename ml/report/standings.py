"""The table of the report: every model's figures, each with its interval, and our lead over the best classic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml.evaluation.judging import OURS
from ml.report.pictures import label_model
from ml.report.sentences import METRIC_LABELS, show


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure as it is printed, with the ends of its interval; of a lead, `over` which model."""

    value: str
    interval: tuple[str, str] | None = None
    over: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    is_ours: bool
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Standings:
    """`metrics` are the labels of the columns, `left_out` (label, reason) of the models that could not be judged."""

    metrics: Sequence[str]
    models: Sequence[Row]
    leads: Sequence[Cell]
    interval_level: str
    left_out: Sequence[tuple[str, str]]
    others: str
    """What it stands beside."""


def compile_standings(result: Mapping[str, Any], others: str = "classic models") -> Standings:
    """Of an evaluation's result, its columns in the order of our own metrics."""
    names, intervals = list(result["models"][OURS]), result["intervals"]
    return Standings(
        metrics=[METRIC_LABELS[name] for name in names],
        models=[_row(model, metrics, intervals["models"][model]) for model, metrics in result["models"].items()],
        leads=[_lead(intervals["against_best"][name], name) for name in names],
        interval_level=f"{intervals['level']:.0%}",
        left_out=[(label_model(model), reason) for model, reason in result.get("left_out", {}).items()],
        others=others,
    )


def _row(model: str, metrics: Mapping[str, float | None], ranges: Mapping[str, list[float] | None]) -> Row:
    cells = [Cell(show(value, name), _range(ranges.get(name), name)) for name, value in metrics.items()]
    return Row(label_model(model), model == OURS, cells)


def _lead(lead: Mapping[str, Any] | None, metric: str) -> Cell:
    if lead is None:
        return Cell("–")
    return Cell(show(lead["lead"], metric), _range(lead["interval"], metric), label_model(lead["comparator"]))


def _range(interval: Sequence[float] | None, metric: str) -> tuple[str, str] | None:
    return None if interval is None else (show(interval[0], metric), show(interval[1], metric))
