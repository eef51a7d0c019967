"""What one request brings, and where it waits to be counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from app.database.gatherer import Gatherer
from app.database.long_work import LongWork
from app.ingest.refusals import Rejection
from app.ingest.rules import Rules
from app.lifecycle.events import Event

EVENTS_GIVING_WAY: Final = 64
MOST_EVENTS: Final = 250
"""Of a batch in one transaction, while somebody waits for an answer at once and while nobody does."""
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
    long_work: LongWork

    def till(self, customer_id: str) -> Gatherer[Submission, Entry]:
        """The lane of a customer's single events."""
        return self.tills[hash(customer_id) % len(self.tills)]

    async def enter(self, submission: Submission, *, is_single: bool = False) -> Entry:
        """What became of it: a single event goes by its customer's lane; a batch by that of batches, in slices, each a
        transaction. Whoever sends it again after a failure has those that were counted told as duplicates.
        """
        events = submission.events
        if is_single:
            return await self.till(events[0].customer_id if events else "").submit(submission)
        statuses: list[Status] = []
        slice_ = submission._replace(events=())
        while events or slice_.rejections:
            size = EVENTS_GIVING_WAY if self.long_work.gives_way else MOST_EVENTS
            slice_, events = slice_._replace(events=events[:size]), events[size:]
            statuses += (await self.bulk.submit(slice_)).statuses
            slice_ = slice_._replace(rejections=())
        return Entry(tuple(statuses))
