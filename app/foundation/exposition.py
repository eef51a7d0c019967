"""`/metrics`: the numbers of all workers as one, in Prometheus' text format.

With several workers each writes its numbers to a file of its own every second and whenever it is asked, and
whichever is asked adds the files up. A file is replaced whole and only ever grows, so sums never fall; a
worker that takes the place of a killed one goes on from the killed one's numbers.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from app.foundation import metrics
from app.foundation.metrics import GaugeValue

MEDIA_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

STALE_SECONDS: Final = 5.0
"""A worker that wrote nothing for so long is not running: its gauges do not count."""

Snapshot = dict[str, Any]
"""JSON: at_s, counters and histograms by name as pairs of labels and value, gauges, last_event."""


class Gauge(NamedTuple):
    """What a gauge is, and how those of several workers become one."""

    description: str
    labels: tuple[str, ...] = ()
    join: Callable[[Iterable[float]], float] = sum


GAUGES: Final = {
    "http_server_active_requests": Gauge("HTTP requests under way.", ("http_request_method",)),
    "db_client_connection_count": Gauge("Connections to the database.", ("db_client_connection_state",)),
    "db_client_connection_max": Gauge("Most connections to the database that there may be."),
    "perennial_waiting_requests": Gauge("Requests that wait for the database.", ("gatherer",)),
    "perennial_connections": Gauge("Connections of clients."),
    "perennial_connections_max": Gauge("Most connections of clients that there may be."),
    "perennial_model_info": Gauge("1 for the version of the model in use.", ("version",), max),
    "perennial_model_age_seconds": Gauge("Time since the model in use was trained.", (), max),
    "perennial_model_refused": Gauge("1 when a registered model was refused.", (), max),
    "perennial_items": Gauge("Items of the catalogue.", (), max),
    "perennial_items_age_seconds": Gauge("Time since a worker last looked for changes of them.", (), max),
    "perennial_audit_waiting_calls": Gauge("Calls that are noted for the audit and not written yet."),
    "perennial_draining": Gauge("Workers that are stopping."),
    "perennial_workers": Gauge("Workers that serve."),
    "process_resident_memory_bytes": Gauge("Memory of all workers."),
    "perennial_database_up": Gauge("1 when the database answers.", (), max),
    "perennial_rejected_backlog": Gauge("Rejected events that are kept; no more than 10,000 are counted.", (), max),
    "perennial_refunds_without_order": Gauge(
        "Refunds of the last 30 days whose order has not come; of 1,000.", (), max
    ),
    "perennial_sweep_age_seconds": Gauge("Time since the last sweep ended.", (), max),
    "perennial_retention_age_seconds": Gauge("Time since the last look for what is too old to be kept ended.", (), max),
    "perennial_retention_rows": Gauge("Rows that left in it, by kind.", ("kind",), max),
    "perennial_monitoring_age_seconds": Gauge("Time since the champion was last monitored.", (), max),
    "perennial_watch_age_seconds": Gauge("The same under its former name, for one release.", (), max),
    "perennial_model_brier": Gauge("Brier score of the latest matured risks.", ("version",), max),
    "perennial_model_calibration_error": Gauge("Calibration error of the latest matured risks.", ("version",), max),
    "perennial_model_calibration_error_by_chance": Gauge("What chance makes of right risks.", ("version",), max),
    "perennial_model_auc": Gauge("Area under the ROC curve of the latest matured risks.", ("version",), max),
    "perennial_model_bias": Gauge("What was expected of a target over what came, less 1.", ("version", "target"), max),
    "perennial_model_orders_bias": Gauge("Orders expected over those that came, less 1.", ("version",), max),
    "perennial_model_spend_bias": Gauge("Spend expected over what came, less 1.", ("version",), max),
    "perennial_model_matured_customers": Gauge("Customers of the latest matured snapshot.", ("version",), max),
    "perennial_challenger_brier_difference": Gauge("Challenger less champion, of the same customers.", (), max),
    "perennial_feature_drift_psi": Gauge("Population stability index against training.", ("feature",), max),
    "perennial_recommendation_due_items": Gauge("Items called due whose seven days have passed.", ("version",), max),
    "perennial_recommendation_due_error": Gauge("Calibration error of what was called due.", ("version",), max),
    "perennial_recommendation_due_error_by_chance": Gauge("What chance makes where all is right.", ("version",), max),
    "perennial_recommendation_judged": Gauge("Lists that have met a next basket.", ("version",), max),
    "perennial_recommendation_hit_rate": Gauge("Of these, with an item of it among ten.", ("version",), max),
    "perennial_recommendation_hit_rate_trained": Gauge("The same as training measured it.", ("version",), max),
    "perennial_recommendation_recall": Gauge("Share of next baskets among ten listed items.", ("version",), max),
    "perennial_recommendation_shadow_lists": Gauge("Lists that the challenger made too.", ("version",), max),
    "perennial_recommendation_shadow_agreement": Gauge("Of ten items, those both list.", ("version",), max),
    "perennial_recommendation_shadow_hit_rate": Gauge("Of both, on the same next baskets.", ("version",), max),
    "perennial_arm_persons": Gauge("Persons that were decided of.", ("arm",), max),
    "perennial_arm_persons_expected": Gauge("Of these, those to be expected in the arm.", ("arm",), max),
    "perennial_arm_ratio_probability": Gauge("How often chance makes arms so uneven.", (), max),
    "perennial_policy_info": Gauge("1 for the version of the policy in use.", ("version",), max),
    "perennial_policy_age_seconds": Gauge("Time since the policy in use was trained.", (), max),
    "perennial_policy_arm_reward": Gauge("What a decision brought, by arm, margin.", ("arm",), max),
    "perennial_policy_lead": Gauge("How much more the learner's brought, with its interval.", ("over", "bound"), max),
    "perennial_policy_reward": Gauge("What a policy's decision brought, and was to bring.", ("version", "told"), max),
    "perennial_policy_falls_short": Gauge("1 when it brings less than was expected.", ("version",), max),
    "perennial_policy_choice_drift_psi": Gauge("How far what is chosen has moved.", ("version",), max),
    "perennial_policy_drifted": Gauge("1 when that is too far.", ("version",), max),
    "perennial_policy_watch_age_seconds": Gauge("Time since the policy was last watched.", (), max),
    "perennial_policy_shadow_decisions": Gauge("Decisions that the challenger was asked about.", ("version",), max),
    "perennial_policy_shadow_agreement": Gauge("Share of these that both decide alike.", ("version",), max),
    "perennial_policy_shadow_lead": Gauge("How much more it would bring.", ("version", "bound"), max),
    "perennial_drifted_features": Gauge("Features of weight that have drifted too far.", (), max),
}


def take_snapshot(gauges: Iterable[GaugeValue]) -> Snapshot:
    """The numbers of this process."""
    metrics.CPU.values[()] = _cpu_before_s + time.process_time()
    return {
        "at_s": time.monotonic(),  # one clock for all processes of a machine, which nobody sets
        "counters": {name: list(counter.values.items()) for name, counter in metrics.COUNTERS.items()},
        "histograms": {name: list(found.cells.items()) for name, found in metrics.HISTOGRAMS.items()},
        "gauges": list(gauges),
        "last_event": metrics.last_event,
    }


_cpu_before_s = 0.0


class Board:
    """Where the workers of one service put their numbers. `slot` is this worker's place."""

    def __init__(self, directory: Path, slot: int) -> None:
        self._directory = directory
        self._path = directory / f"{slot}.json"

    def restore(self) -> None:
        """Takes over the counts of the worker that had this place before."""
        global _cpu_before_s
        if not self._path.exists():
            return
        before: Snapshot = orjson.loads(self._path.read_bytes())
        for name, values in before["counters"].items():
            metrics.COUNTERS[name].values.update((tuple(labels), value) for labels, value in values)
        for name, cells in before["histograms"].items():
            metrics.HISTOGRAMS[name].cells.update((tuple(labels), cell) for labels, cell in cells)
        metrics.last_event[:] = before["last_event"]
        _cpu_before_s = metrics.CPU.values.get((), 0.0)

    def publish(self, gauges: Iterable[GaugeValue]) -> None:
        """Writes this worker's numbers, whole or not at all."""
        draft = self._path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(orjson.dumps(take_snapshot(gauges)))
        draft.replace(self._path)

    def read(self) -> list[Snapshot]:
        """The numbers of every worker; those that are gone without gauges."""
        found: list[Snapshot] = [orjson.loads(path.read_bytes()) for path in self._directory.glob("*.json")]
        oldest_s = time.monotonic() - STALE_SECONDS
        return [taken if taken["at_s"] >= oldest_s else {**taken, "gauges": []} for taken in found]


board: Board | None = None
"""None: this process serves alone."""


def use_board(found: Board) -> None:
    """Shares the numbers of this process from now on, beginning with those of its predecessor."""
    global board
    found.restore()
    board = found


def workers_together(gauges: Iterable[GaugeValue]) -> list[Snapshot]:
    """The numbers of this process as they are, `gauges` among them, of the others as of a second ago."""
    if board is None:
        return [take_snapshot(gauges)]
    board.publish(gauges)
    return board.read()


def read_last_event() -> tuple[float, float]:
    """When the event counted last, by any worker since its start, was received (seconds since 1970), and its lag."""
    known = [metrics.last_event, *(taken["last_event"] for taken in (() if board is None else board.read()))]
    received_at, lag_s = max(known)
    return received_at, lag_s


def render(snapshots: Sequence[Snapshot], common: Iterable[GaugeValue] = ()) -> bytes:
    """The text. `common` are gauges that are not any worker's, like what the database says."""
    registry = CollectorRegistry()
    registry.register(_Sums(snapshots, common))
    return generate_latest(registry)


class _Sums(Collector):
    def __init__(self, snapshots: Sequence[Snapshot], common: Iterable[GaugeValue]) -> None:
        self._snapshots = snapshots
        self._common = list(common)

    def collect(self) -> Iterator[Metric]:
        yield from self._counters()
        yield from self._histograms()
        yield from self._gauges()

    def _counters(self) -> Iterator[Metric]:
        for name, counter in metrics.COUNTERS.items():
            family = CounterMetricFamily(name, counter.description, labels=counter.labels)
            for labels, values in _by_labels(taken["counters"].get(name, ()) for taken in self._snapshots):
                family.add_metric(labels, sum(values))
            yield family

    def _histograms(self) -> Iterator[Metric]:
        for name, histogram in metrics.HISTOGRAMS.items():
            family = HistogramMetricFamily(name, histogram.description, labels=histogram.labels)
            for labels, cells in _by_labels(taken["histograms"].get(name, ()) for taken in self._snapshots):
                *counts, total = map(sum, zip(*cells, strict=True))
                family.add_metric(labels, _cumulate(histogram.bounds, counts), total)
            yield family

    def _gauges(self) -> Iterator[Metric]:
        given: list[Any] = [*(value for taken in self._snapshots for value in taken["gauges"]), *self._common]
        for name, gauge in GAUGES.items():
            family = GaugeMetricFamily(name, gauge.description, labels=gauge.labels)
            mine = [[(labels, value)] for found, labels, value in given if found == name]
            for labels, values in _by_labels(mine):
                family.add_metric(labels, gauge.join(values))
            yield family


def _by_labels(pairs: Iterable[Iterable[tuple[Sequence[Any], Any]]]) -> Iterator[tuple[list[str], list[Any]]]:
    """Values that have the same labels, together."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for one in pairs:
        for labels, value in one:
            found.setdefault(tuple(map(_label, labels)), []).append(value)
    for key, values in found.items():
        yield list(key), values


def _label(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cumulate(bounds: Sequence[float], counts: Sequence[float]) -> list[tuple[str, float]]:
    running, buckets = 0.0, []
    for bound, count in zip([*map(str, bounds), "+Inf"], counts, strict=True):
        running += count
        buckets.append((bound, running))
    return buckets
