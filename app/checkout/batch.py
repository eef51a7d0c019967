"""A batch of submissions on its way through the till's transaction: what each step finds and leaves."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from app.customers.state import CustomerState
from app.database.engine import Driver
from app.decisions.schemas import DecisionRequest
from app.decisions.service import Deciding, Decision
from app.ingest.admission import is_same_content
from app.ingest.intake import Status, Submission
from app.ingest.order_identity import OrderIdentity
from app.lifecycle.events import Event
from app.scores.service import Score

EventKey = tuple[str, str]
"""(source, id)."""


class Asked(NamedTuple):
    """What a decision is asked for. `due_us` is when it is wanted; later there is none (None: whenever)."""

    customer_id: str
    wanted: DecisionRequest
    language: str
    due_us: int | None


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
    now_us: int = field(default_factory=lambda: time.time_ns() // 1000)
    events: dict[EventKey, Event] = field(default_factory=dict)
    """Each once: the first that came of a key."""
    known: dict[EventKey, Known] = field(default_factory=dict)
    """Those that were there before."""
    states: dict[str, CustomerState] = field(default_factory=dict)
    recorded: dict[str, str | None] = field(default_factory=dict)
    regrouped: set[str] = field(default_factory=set)
    """Ids whose person is another since this batch."""
    scores: dict[str, Score] = field(default_factory=dict)
    statuses: list[tuple[Status, ...]] = field(default_factory=list)
    """Of each submission, a status an event."""
    answers: dict[int, bytes] = field(default_factory=dict)
    """Place of a submission that asked → the score and decision, JSON."""
    written: list[Decision] = field(default_factory=list)
    """The decisions whose receipts this batch writes."""

    def __post_init__(self) -> None:
        for submission in self.submissions:
            for event in submission.events:
                self.events.setdefault((event.source, event.id), event)

    def new_events(self) -> Iterator[Event]:
        """The events that were counted now."""
        return (event for key, event in self.events.items() if key not in self.known)

    def settle_statuses(self) -> None:
        """A status for every event sent, by what was there before or else came first in the batch."""
        self.statuses = [tuple([self._status(event) for event in submission.events]) for submission in self.submissions]

    def _status(self, event: Event) -> Status:
        key = (event.source, event.id)
        earlier = self.known.get(key) or self.events[key]
        if earlier is event:
            return "accepted"
        return "duplicate" if is_same_content(event, earlier) else "conflict"
