"""The ledger: batches of submissions in one transaction each.

Counts what is new, keeps what is refused, makes the decisions that are asked for, writes their
receipts; nothing is answered before the transaction has committed.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import orjson

from app.checkout.answering import Answering, Asked
from app.checkout.queries import COUNT_EVENTS
from app.customers.linking import edges_of, link
from app.customers.state import CustomerState
from app.database.engine import CONNECTION_LOST, Driver
from app.decisions.service import Deciding, Decision, checkout_decision_id
from app.foundation.errors import Conflict, NotReady
from app.foundation.metrics import count_decisions, count_entered
from app.foundation.times import iso
from app.ingest.admission import Rejection, is_same_content
from app.ingest.intake import Entry, Status, Submission
from app.ingest.queries import FACTS, KEEP_REJECTED, KNOWN_EVENTS
from app.lifecycle.events import Event

EventKey = tuple[str, str]
"""(source, id)."""
_FACTS = tuple(item.name for item in FACTS)


class Known(NamedTuple):
    """An event that was there before: a row of KNOWN_EVENTS."""

    source: str
    id: str
    customer_id: str
    type: str
    occurred_us: int
    digest: bytes
    data: str


class Counted(NamedTuple):
    """What counting a batch told: events that were there before, and the states that changed.

    `marks` are what is noted of their stages. A customer who is known under other ids too is in
    neither: the row is not all of them.
    """

    known: dict[EventKey, Known]
    states: dict[str, CustomerState]
    marks: dict[str, str | None]


class Ledger:
    """Runs batches of submissions on one driver connection."""

    def __init__(self, driver: Driver, deciding: Callable[[], Deciding] | None = None) -> None:
        """Without `deciding` nothing is decided and no stage noted: an import brings the past, the sweep judges it."""
        self._driver = driver
        self._deciding = deciding

    async def enter(self, submissions: Sequence[Submission]) -> list[Entry | Exception]:
        """One transaction for all of them. Raises NotReady when the database is out of reach."""
        connection = await self._driver.connection()
        now_us = time.time_ns() // 1000
        try:
            async with connection.transaction():
                entries, decided = await self._enter(submissions, now_us)
        except CONNECTION_LOST as error:
            await self._driver.close()
            raise NotReady("The database went away; what was sent may yet be counted.") from error
        count_entered(submissions, entries, now_us)
        count_decisions(decided)
        return entries

    async def _enter(
        self, submissions: Sequence[Submission], now_us: int
    ) -> tuple[list[Entry | Exception], list[Decision]]:
        """What became of each, and the decisions made.

        Locks are always taken in the order events, states, links, persons, decisions, offers, stages.
        """
        first: dict[EventKey, Event] = {}
        for submission in submissions:
            for event in submission.events:
                first.setdefault((event.source, event.id), event)
        counted = await self._count(first, now_us)
        await self._link(first, counted)
        statuses = [_statuses(submission, first, counted.known) for submission in submissions]
        await self._keep_refused(submissions, statuses, now_us)
        answers: dict[int, bytes] = {}
        decided: list[Decision] = []
        if self._deciding is not None:
            answering = Answering(self._driver, self._deciding(), counted.states, now_us)
            answers = await self._answer(answering, submissions, statuses)
            await answering.note(counted.marks)
            decided = answering.written
        entries: list[Entry | Exception] = [
            Conflict() if submission.asked is not None and given[0] == "conflict" else Entry(given, answers.get(place))
            for place, (submission, given) in enumerate(zip(submissions, statuses, strict=True))
        ]
        return entries, decided

    async def _count(self, first: dict[EventKey, Event], now_us: int) -> Counted:
        counted = Counted({}, {}, {})
        if not first:
            return counted
        facts = dict(zip(_FACTS, map(list, zip(*first.values(), strict=True)), strict=True))
        rows = await self._driver.fetch(COUNT_EVENTS, received_us=now_us, **facts)
        for row in rows:
            customer_id, numbers, texts, offered, mark, in_person, _ = row
            if not in_person:
                counted.states[customer_id] = CustomerState(customer_id, numbers, texts, offered)
                counted.marks[customer_id] = mark
        if not rows or rows[0]["counted"] < len(first):
            known = await self._driver.fetch(KNOWN_EVENTS, source=facts["source"], id=facts["id"])
            counted.known.update({(row["source"], row["id"]): Known(*row) for row in known})
        return counted

    async def _link(self, first: dict[EventKey, Event], counted: Counted) -> None:
        """Joins and takes apart the ids that new events speak of; whose person is another now is read anew."""
        edges = [edge for key, event in first.items() if key not in counted.known for edge in edges_of(event)]
        for customer_id in await link(self._driver, edges) if edges else ():
            counted.states.pop(customer_id, None)
            counted.marks.pop(customer_id, None)

    async def _keep_refused(
        self, submissions: Sequence[Submission], statuses: Sequence[tuple[Status, ...]], now_us: int
    ) -> None:
        refused = [rejection for item in submissions for rejection in item.rejections]
        refused += [
            Rejection(_raw(event), Conflict())
            for item, given in zip(submissions, statuses, strict=True)
            for event, status in zip(item.events, given, strict=True)
            if status == "conflict"
        ]
        if refused:
            await self._driver.fetch(
                KEEP_REJECTED,
                received_us=[now_us] * len(refused),
                problem=[orjson.dumps(item.problem.as_json()).decode() for item in refused],
                event=[item.raw.decode() for item in refused],
            )

    async def _answer(
        self, answering: Answering, submissions: Sequence[Submission], statuses: Sequence[tuple[Status, ...]]
    ) -> dict[int, bytes]:
        """Place of the submission → the score and decision, JSON; of a repeat, those it had at first."""
        asking: dict[int, str] = {}
        fresh: dict[str, Asked] = {}
        repeated: dict[str, str] = {}
        for place, (item, given) in enumerate(zip(submissions, statuses, strict=True)):
            if not isinstance(item.asked, Asked) or given[0] == "conflict":
                continue
            event = item.events[0]
            asking[place] = decision_id = checkout_decision_id(event.source, event.id)
            if given[0] == "duplicate":
                repeated[decision_id] = event.customer_id
            fresh.setdefault(decision_id, item.asked)
        answers = await answering.read_answers(repeated) if repeated else {}
        answers |= await answering.decide({key: asked for key, asked in fresh.items() if key not in answers})
        return {place: answers[decision_id] for place, decision_id in asking.items()}


def _raw(event: Event) -> bytes:
    """An event as the CloudEvent it came as, identifiers hashed."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "subject": event.customer_id,
            "time": iso(event.occurred_us),
            "data": orjson.Fragment(event.data),
        }
    )


def _statuses(submission: Submission, first: dict[EventKey, Event], known: dict[EventKey, Known]) -> tuple[Status, ...]:
    """A status for every event sent, by what was there before or else came first in the batch."""

    def status(event: Event) -> Status:
        key = (event.source, event.id)
        earlier = known.get(key) or first[key]
        if earlier is event:
            return "accepted"
        return "duplicate" if is_same_content(event, earlier) else "conflict"

    return tuple([status(event) for event in submission.events])
