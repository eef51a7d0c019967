"""What is counted while serving: plain numbers of this process, rendered only when somebody asks.

A request adds to a few integers; names, help texts and label names are looked at by `app.foundation.exposition` alone.
No value of a label comes from a client: types, methods and reasons are ours or `other`, so that
the number of series is bounded, and nobody's data is among them.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol, TypeVar

from app.lifecycle.event_types import EVENT_TYPES

Labels = tuple[str | int, ...]
"""Values of labels; Prometheus is told true and false of a bool."""
GaugeValue = tuple[str, Labels, float]
"""Name, values of labels, value."""

OTHER: Final = "other"
UNREAD: Final = "unread"
"""The type of an event that was refused: it need not have had one."""

HTTP_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""OpenTelemetry's for `http.server.request.duration`."""
COMPUTING_SECONDS: Final = (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.05, 0.25, 1.0)
DECISION_SECONDS: Final = (1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
LAG_SECONDS: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0)
BATCH_ITEMS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0)


class Counter:
    """Sums by label values. Its name is without the `_total` that Prometheus appends."""

    def __init__(self, name: str, description: str, *labels: str) -> None:
        self.name, self.description, self.labels = name, description, labels
        self.values: dict[Labels, float] = {}
        COUNTERS[name] = self

    def add(self, labels: Labels = (), amount: float = 1) -> None:
        """`labels` are their values, in the order of the names."""
        self.values[labels] = self.values.get(labels, 0) + amount


class Histogram:
    """Observations by label values: a cell is a count for each bound, one beyond the last, and the sum."""

    def __init__(self, name: str, description: str, bounds: Sequence[float], *labels: str) -> None:
        self.name, self.description, self.bounds, self.labels = name, description, bounds, labels
        self.cells: dict[Labels, list[float]] = {}
        HISTOGRAMS[name] = self

    def cell(self, labels: Labels = ()) -> list[float]:
        """Where observations with these labels are counted."""
        cell = self.cells.get(labels)
        if cell is None:
            cell = self.cells[labels] = [0.0] * (len(self.bounds) + 2)
        return cell

    def observe(self, value: float, labels: Labels = ()) -> None:
        """A value on a bound counts as below it."""
        cell = self.cell(labels)
        cell[bisect_left(self.bounds, value)] += 1
        cell[-1] += value


COUNTERS: Final[dict[str, Counter]] = {}
HISTOGRAMS: Final[dict[str, Histogram]] = {}

REQUESTS = Histogram(
    "http_server_request_duration_seconds",
    "Duration of HTTP requests, from their head to the end of the answer.",
    HTTP_SECONDS,
    "http_request_method",
    "http_route",
    "http_response_status_code",
)
EVENTS = Counter("perennial_events", "Events by type and by what became of them.", "type", "outcome")
EVENT_LAG = Histogram("perennial_event_lag_seconds", "Time from an event to its counting.", LAG_SECONDS)
SCORES = Counter("perennial_scores", "Scores by stage and method.", "stage", "method")
SCORE_DURATION = Histogram(
    "perennial_score_duration_seconds", "Computing the scores of one batch or request.", COMPUTING_SECONDS
)
DECISIONS = Counter("perennial_decisions", "Decisions made.", "degraded", "control")
DECISION_DURATION = Histogram(
    "perennial_decision_duration_seconds",
    "Time from taking a decision up to its receipt being written.",
    DECISION_SECONDS,
)
FALLBACKS = Counter("perennial_fallbacks", "Answers from less than there should be, by reason.", "reason")
BATCHES = Histogram(
    "perennial_gathered_batch_items", "Requests that went together as one statement.", BATCH_ITEMS, "gatherer"
)
OVERLOADS = Counter("perennial_overloads", "Requests refused because too many waited.", "gatherer")
REFUSALS = Counter("perennial_refusals", "Requests turned away at the door, before they were read.", "line")
LIMITED = Counter("perennial_limited_requests", "Requests of keys that had asked for too much.")
SEGMENT = Counter("perennial_segment_messages", "Segment messages by what became of them.", "status", "reason")
WEBHOOKS = Counter(
    "perennial_webhook_events", "What shops' webhooks told, by what became of it.", "shop", "status", "reason"
)
WARNINGS = Counter("perennial_warnings", "Details of accepted events that were mended or left out, by code.", "code")
DECLINED_MEMBERS = Counter("perennial_declined_members", "Members of events' data that were declined.")
ITEM_CHANGES = Counter("perennial_item_changes", "Items of the catalogue by what became of them.", "status")
OFFERS = Counter("perennial_offers", "Offers told of items, by their depth.", "depth")
REPLAYED = Counter("perennial_replayed_events", "Replays of rejected events by what became of them.", "status")
STEP_SECONDS = Histogram(
    "perennial_checkout_step_seconds", "Steps of the till's transaction, each for a batch.", COMPUTING_SECONDS, "step"
)
CONNECTIONS_CUT = Counter("perennial_connections_cut", "Connections cut off or not let in, by reason.", "reason")
STRANGERS = Counter("perennial_strangers", "Requests without a valid key, by share.", "share", "outcome")
WRONG_KEYS = Counter("perennial_wrong_keys", "Requests refused because their key is none.")
CPU = Counter("process_cpu_seconds", "CPU time of all workers, user and system.")

active_requests: Final[dict[str, int]] = dict.fromkeys(
    ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "_OTHER"), 0
)
"""Requests under way, by method; `_OTHER`, as OpenTelemetry has it, for one that nobody knows."""
last_event: list[float] = [0.0, 0.0]
"""When the event counted last was received (seconds since 1970), and its lag in seconds."""


class _Counted(Protocol):
    @property
    def type(self) -> str: ...
    @property
    def occurred_us(self) -> int: ...


class _Submitted(Protocol):
    @property
    def events(self) -> Sequence[_Counted]: ...
    @property
    def rejections(self) -> Sequence[Any]: ...


_request_cells = REQUESTS.cells


def end_request(method: str, route: str, status: int | None, elapsed_s: float) -> None:
    """`method` is one of `active_requests`; `route` the template, "" for none; status None: nobody was answered."""
    active_requests[method] -= 1
    key = (method, route, status or "")
    cell = _request_cells.get(key)
    if cell is None:
        cell = REQUESTS.cell(key)
    cell[0 if elapsed_s < HTTP_SECONDS[0] else bisect_left(HTTP_SECONDS, elapsed_s)] += 1
    cell[-1] += elapsed_s


def count_entered(submissions: Iterable[_Submitted], entries: Iterable[Any], received_us: int) -> None:
    """A batch of the ledger, once its transaction has committed."""
    values, lags = EVENTS.values, EVENT_LAG.cell()
    lag_s: float | None = None
    for submission, entry in zip(submissions, entries, strict=True):
        events = submission.events
        statuses = ("conflict",) * len(events) if isinstance(entry, Exception) else entry.statuses
        for place, event in enumerate(events):
            key = (event.type, status := statuses[place])
            if key in values:
                values[key] += 1
            else:
                EVENTS.add(key if event.type in EVENT_TYPES else (OTHER, status))
            if status == "accepted":
                lag_s = (received_us - event.occurred_us) / 1e6
                lags[bisect_left(LAG_SECONDS, lag_s)] += 1
                lags[-1] += lag_s
        if submission.rejections:
            EVENTS.add((UNREAD, "rejected"), len(submission.rejections))
    if lag_s is not None:
        last_event[:] = received_us / 1e6, lag_s


Scored = TypeVar("Scored", bound=Sequence[Any])


def count_scores(scores: Scored, began_s: float) -> Scored:
    """The scores as they are. `began_s` is of `time.perf_counter`."""
    if scores:
        SCORE_DURATION.observe(time.perf_counter() - began_s)
    values = SCORES.values
    for score in scores:
        key = (score.judgement.stage, score.method)
        values[key] = values.get(key, 0) + 1
    return scores


def count_step(name: str, elapsed_s: float) -> None:
    """A step of the till's transaction (`app.checkout.transaction`), done for a batch."""
    STEP_SECONDS.observe(elapsed_s, (name,))


def count_decisions(decisions: Iterable[Any]) -> None:
    """Decisions (`app.decisions.service.Decision`) whose receipts have been written, and committed."""
    now_us, values, durations = time.time_ns() // 1000, DECISIONS.values, DECISION_DURATION.cell()
    for decision in decisions:
        answer = decision.answer
        key = (answer["degraded"], answer["in_control_group"])
        values[key] = values.get(key, 0) + 1
        if answer["degraded"]:
            FALLBACKS.add((answer["degraded_because"],))
        elapsed_s = (now_us - decision.decided_us) / 1e6
        durations[bisect_left(DECISION_SECONDS, elapsed_s)] += 1
        durations[-1] += elapsed_s


def count_unkept(number: int) -> None:
    """Answers of which there was no time to keep a receipt."""
    if number:
        FALLBACKS.add(("no_receipt",), number)


def count_warnings(codes: Iterable[str]) -> None:
    """What was mended of an event that was accepted: codes of `app.lifecycle.mending`."""
    for code in codes:
        WARNINGS.add((code,))


def count_items(status: str, number: int = 1) -> None:
    """What became of items that were put or deleted."""
    if number:
        ITEM_CHANGES.add((status,), number)


def count_offers(depths: Iterable[float]) -> None:
    """Offers as they were told: the share of the price that is taken off; 0: none."""
    for depth in depths:
        OFFERS.add((f"{depth:g}",))


def count_webhook(shop: str, status: str, reason: str) -> None:
    """What became of an event that a webhook told. `shop`: the kind of shop; `reason`: why it was ignored."""
    WEBHOOKS.add((shop, status, reason))


def count_segment(results: Iterable[Any]) -> None:
    """What became of Segment messages: a status, a Problem, or an Ignored with its reason."""
    for result in results:
        if isinstance(result, str):
            SEGMENT.add((result, ""))
        else:
            reason = getattr(result, "reason", None)
            SEGMENT.add(("rejected", "") if reason is None else ("ignored", reason))
