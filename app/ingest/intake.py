"""What one request brings, and where it waits to be counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from app.database.gatherer import Gatherer
from app.ingest.admission import Rejection, Rules
from app.lifecycle.events import Event

Status = Literal["accepted", "duplicate", "conflict", "erased"]
"""`erased`: of somebody who was, and not kept."""


class Submission(NamedTuple):
    """What one request brings: events and refusals to keep. `asked` is what a till asks beside (`app.checkout`)."""

    events: tuple[Event, ...]
    rejections: tuple[Rejection, ...] = ()
    asked: object | None = None


class Entry(NamedTuple):
    """What became of a submission: a status an event, and the till's answer (JSON) if one was asked for."""

    statuses: tuple[Status, ...]
    answer: bytes | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """The ways to the database: lanes of single events, and one of batches.

    While one lane is answered another is at the database; events of a customer go by the same one, in their order.
    """

    rules: Rules
    tills: Sequence[Gatherer[Submission, Entry]]
    bulk: Gatherer[Submission, Entry]

    def till(self, customer_id: str) -> Gatherer[Submission, Entry]:
        """The lane of a customer's single events."""
        return self.tills[hash(customer_id) % len(self.tills)]

    def of_submission(self, submission: Submission, *, is_single: bool) -> Gatherer[Submission, Entry]:
        """Where it waits: a single event in its customer's lane, a batch with the batches."""
        events = submission.events
        return self.till(events[0].customer_id if events else "") if is_single else self.bulk
