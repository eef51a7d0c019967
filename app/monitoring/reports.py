"""What the latest reports of champion and challenger say: as gauges, and as what to be warned of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from app.lifecycle.features import FEATURES
from app.models.queries import Report

GREAT_DRIFT: Final = 0.25
"""A feature of weight that has moved so far: the customers are others than those learned from."""
GREAT_ERROR: Final = 0.1
"""Risks that are so wrong on average are not to be acted on as probabilities."""
BEYOND_CHANCE: Final = 2.0
"""An error of calibration counts from so many times on what chance alone would make of right risks."""
DRIFT_BY_CHANCE: Final = 40.0
"""Of n customers and m learned from, drift beyond this × (1/n + 1/m) is none of chance: with eleven bins it is four
times what is expected, and comes by chance once in fifty thousand features."""

CALENDAR: Final = frozenset(feature.name for feature in FEATURES if feature.plus.startswith("phase_"))
"""Features that turn with the seasons, whoever the customers are: told, but not warned of."""

_OUTCOME_GAUGES: Final = {
    "brier": "perennial_model_brier",
    "ece": "perennial_model_calibration_error",
    "ece_by_chance": "perennial_model_calibration_error_by_chance",
    "auc": "perennial_model_auc",
    "orders_bias": "perennial_model_orders_bias",
    "spend_bias": "perennial_model_spend_bias",
    "customers": "perennial_model_matured_customers",
}


class LatestReports(NamedTuple):
    """The latest report of each kind, of those there are."""

    champion_drift: Report | None = None
    champion_outcome: Report | None = None
    challenger_outcome: Report | None = None

    @classmethod
    def of(cls, latest: Sequence[tuple[str, Report]]) -> "LatestReports":
        """From (state of the model, report), a report of a kind and model."""
        known = {f"{state}_{report.kind}": report for state, report in latest}
        return cls(*(known.get(name) for name in cls._fields))


def read_gauges(latest: LatestReports, now_us: int) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """(name, values of labels, value). The difference of challenger and champion is of the same customers and time."""
    drift, champion, challenger = latest
    for outcome in (champion, challenger):
        if outcome is not None:
            yield from _read_outcome(outcome)
    if champion is not None and challenger is not None and champion.at_us == challenger.at_us:
        difference = challenger.report["brier"] - champion.report["brier"]
        yield "perennial_challenger_brier_difference", (), difference
    if drift is not None:
        for feature, index in drift.report["psi"].items():
            yield "perennial_feature_drift_psi", (feature,), index
        yield "perennial_drifted_features", (), len(find_drifted(drift.report))
        for name in ("perennial_monitoring_age_seconds", "perennial_watch_age_seconds"):
            yield name, (), (now_us - drift.made_us) / 1e6


def _read_outcome(outcome: Report) -> Iterator[tuple[str, tuple[str, ...], float]]:
    for number, gauge in _OUTCOME_GAUGES.items():
        if (value := outcome.report[number]) is not None:
            yield gauge, (outcome.version,), value
    for target, bias in outcome.report.get("bias", {}).items():  # reports of before have none
        if bias is not None:
            yield "perennial_model_bias", (outcome.version, target), bias


def find_drifted(drift: Mapping[str, Any]) -> list[str]:
    """Features of weight that have moved too far, farthest first. Of weight: no less than the average one that the
    model knows, which are those with an index.

    Those of the CALENDAR are not among them.
    """
    indices, weights = drift["psi"], drift["weights"]
    if not indices:
        return []
    noise = DRIFT_BY_CHANCE * (1 / drift["customers"] + 1 / max(drift["reference_customers"], 1))
    limit, average = max(GREAT_DRIFT, noise), 1 / len(indices)
    moved = [name for name, index in indices.items() if index > limit and weights[name] >= average]
    return sorted(set(moved) - CALENDAR, key=indices.__getitem__, reverse=True)


def is_miscalibrated(outcome: Mapping[str, Any]) -> bool:
    """Whether the risks were wrong by more than is tolerable, and than chance explains."""
    return bool(outcome["ece"] > max(GREAT_ERROR, BEYOND_CHANCE * outcome["ece_by_chance"]))
