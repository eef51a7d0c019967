"""A batch of submissions on its way through the till's transaction: what each step finds and leaves."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from app.customers.linking import LinkingEvent
from app.customers.state import CustomerState
from app.database.engine import Driver
from app.decisions.deadlines import Deadline
from app.decisions.schemas import DecisionRequest
from app.decisions.service import Deciding, Decision
from app.ingest.intake import Status, Submission
from app.ingest.left_keys import LeftKeys
from app.ingest.order_identity import OrderIdentity
from app.ingest.repeats import is_same_content
from app.lifecycle.events import Event
from app.lifecycle.states import ITEMS_KEPT
from app.scores.service import Score

EventKey = tuple[str, str]
"""(source, id)."""


class Asked(NamedTuple):
    """What a decision is asked for, and until when it is of use."""

    customer_id: str
    wanted: DecisionRequest
    language: str
    deadline: Deadline


class Known(NamedTuple):
    """An event that was there before: a row of KNOWN_EVENTS."""

    source: str
    id: str
    customer_id: str
    type: str
    occurred_us: int
    digest: bytes
    data: str


@dataclass(slots=True)
class Batch:
    """Submissions of one transaction. `deciding` None: nothing is decided and no stage recorded, as in an import,
    which brings the past: the sweep judges it.

    `states` and `recorded` (the stage keys that are stored) are of customers whose row has changed; one who is known
    under other ids too is in neither, since the row is not all of them.
    """

    driver: Driver
    submissions: Sequence[Submission]
    deciding: Deciding | None
    identity: OrderIdentity
    items_kept: int = ITEMS_KEPT
    now_us: int = field(default_factory=lambda: time.time_ns() // 1000)
    events: dict[EventKey, Event] = field(default_factory=dict)
    """Each once: the first that came of a key."""
    known: dict[EventKey, Known] = field(default_factory=dict)
    """Those that were there before."""
    again: dict[int, Event | None] = field(default_factory=dict)
    """Of orders that were told before under another id, by `id`: what is kept of that, None for nothing."""
    moved: list[LinkingEvent] = field(default_factory=list)
    """Events of before whose order is told to be another's."""
    told_before: int = 0
    """New orders, and points, whose order something was said of before."""
    states: dict[str, CustomerState] = field(default_factory=dict)
    recorded: dict[str, str | None] = field(default_factory=dict)
    numbers: dict[str, Sequence[float | None]] = field(default_factory=dict)
    """Of every id whose row has changed the numbers of that row."""
    restated: set[str] = field(default_factory=set)
    """Customers of whom what was counted before is other now."""
    earns_points: bool = False
    """Whether there is a loyalty programme."""
    regrouped: set[str] = field(default_factory=set)
    """Ids whose person is another since this batch."""
    scores: dict[str, Score] = field(default_factory=dict)
    statuses: list[tuple[Status, ...]] = field(default_factory=list)
    """Of each submission, a status an event."""
    answers: dict[int, bytes] = field(default_factory=dict)
    """Place of a submission that asked → the score and decision, JSON."""
    delivered_late: dict[tuple[str, str], int] = field(default_factory=dict)
    """(customer, action) → when what a decision had given was delivered after all, where its reservation is gone."""
    written: list[Decision] = field(default_factory=list)
    """The decisions whose receipts this batch writes."""
    left_keys: LeftKeys | None = None
    """None: no event has ever left the log."""
    unkept: int = 0
    """Decisions that there was no time to keep."""
    answering_s: float = 0.0
    """When answering began (`time.monotonic`): it settles who is late."""

    def __post_init__(self) -> None:
        for submission in self.submissions:
            for event in submission.events:
                self.events.setdefault((event.source, event.id), event)

    def limits_s(self) -> dict[int, float]:
        """Place of a submission that asked → by when its decision is to be kept; without those that are not to be."""
        asked = ((place, item.asked) for place, item in enumerate(self.submissions))
        limits = {place: item.deadline.limit_s(self.answering_s) for place, item in asked if isinstance(item, Asked)}
        return {place: limit_s for place, limit_s in limits.items() if limit_s is not None}

    def new_events(self) -> Iterator[Event]:
        """The events that were counted now."""
        return (event for key, event in self.events.items() if key not in self.known)

    def settle_statuses(self) -> None:
        """A status for every event sent, by what was there before or else came first in the batch."""
        self.statuses = [tuple([self._status(event) for event in submission.events]) for submission in self.submissions]

    def earlier(self, event: Event) -> Known | Event:
        """What was there before of an event, or else came first in the batch: itself, as a rule."""
        key = (event.source, event.id)
        return self.known.get(key) or self.events[key]

    def _status(self, event: Event) -> Status:
        kept = self.again.get(id(event), event)
        if kept is None:
            return "duplicate"
        event, earlier = kept, self.earlier(kept)
        if earlier is event:
            return "accepted"
        return "duplicate" if is_same_content(event, earlier) else "conflict"
