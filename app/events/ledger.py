"""The ledger: batches of submissions in one transaction each.

Counts what is new, keeps what is refused, makes the decisions that are asked for, writes their
receipts; nothing is answered before the transaction has committed.
"""

import time
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import asyncpg
import orjson

from app.customers.queries import READ_STATES
from app.db import CONNECTION_LOST, Driver
from app.decisions.queries import READ_ANSWERS
from app.decisions.schemas import DecisionWish
from app.decisions.service import Deciding, checkout_decision_id, decide, stand, write_decisions
from app.errors import Conflict, NotReady
from app.events.queries import COUNT_EVENTS, FACTS, KEEP_REJECTED, KNOWN_EVENTS
from app.events.service import Rejection, is_same_content
from app.lifecycle.events import Event
from app.scores.service import CustomerState, iso, render_score, score_states

Identity = tuple[str, str]
"""(source, id)."""
Status = Literal["accepted", "duplicate", "conflict"]

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


class Submission(NamedTuple):
    """What one request brings: events, refusals to keep, and, from a till, the wish for a decision.

    `due_us` is when the decision is wanted; later there is none (None: whenever).
    """

    events: tuple[Event, ...]
    rejections: tuple[Rejection, ...] = ()
    wish: DecisionWish | None = None
    language: str = "en"
    due_us: int | None = None


class Entry(NamedTuple):
    """What became of a submission: a status an event, and the till's answer (JSON) if one was asked for."""

    statuses: tuple[Status, ...]
    answer: bytes | None = None


class Ledger:
    """Runs batches of submissions on one driver connection."""

    def __init__(self, driver: Driver, deciding: Callable[[], Deciding]) -> None:
        self._driver = driver
        self._deciding = deciding

    async def enter(self, submissions: Sequence[Submission]) -> list[Entry | Exception]:
        """One transaction for all of them. Raises NotReady when the database is out of reach."""
        connection = await self._driver.connection()
        now_us = time.time_ns() // 1000
        try:
            async with connection.transaction():
                return await self._enter(submissions, now_us)
        except CONNECTION_LOST as error:
            await self._driver.close()
            raise NotReady("The database went away; the events were not counted.") from error

    async def _enter(self, submissions: Sequence[Submission], now_us: int) -> list[Entry | Exception]:
        first: dict[Identity, Event] = {}
        for submission in submissions:
            for event in submission.events:
                first.setdefault((event.source, event.id), event)
        known, states = await self._count(first, now_us)
        statuses = [_statuses(submission, first, known) for submission in submissions]
        await self._keep_refused(submissions, statuses, now_us)
        answers = await self._decide(submissions, statuses, states, now_us)
        return [
            Conflict() if submission.wish is not None and given[0] == "conflict" else Entry(given, answers.get(place))
            for place, (submission, given) in enumerate(zip(submissions, statuses, strict=True))
        ]

    async def _count(
        self, first: dict[Identity, Event], now_us: int
    ) -> tuple[dict[Identity, Known], dict[str, CustomerState]]:
        """The events that were there before, and the states that changed."""
        if not first:
            return {}, {}
        facts = dict(zip(_FACTS, map(list, zip(*first.values(), strict=True)), strict=True))
        rows = await self._driver.fetch(COUNT_EVENTS, received_us=now_us, **facts)
        states = {row[0]: _state(row) for row in rows}
        if rows and rows[0]["counted"] == len(first):
            return {}, states
        known = await self._driver.fetch(KNOWN_EVENTS, source=facts["source"], id=facts["id"])
        return {(row["source"], row["id"]): Known(*row) for row in known}, states

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

    async def _decide(
        self,
        submissions: Sequence[Submission],
        statuses: Sequence[tuple[Status, ...]],
        states: dict[str, CustomerState],
        now_us: int,
    ) -> dict[int, bytes]:
        """Place of the submission → the score and decision, JSON; of a repeat, those it had at first."""
        asking = {
            place: checkout_decision_id(item.events[0].source, item.events[0].id)
            for place, item in enumerate(submissions)
            if item.wish is not None and statuses[place][0] != "conflict"
        }
        repeated = {
            decision_id: submissions[place].events[0].customer_id
            for place, decision_id in asking.items()
            if statuses[place][0] == "duplicate"
        }
        answers = await self._earlier_answers(repeated) if repeated else {}
        fresh: dict[str, Submission] = {}
        for place, decision_id in asking.items():
            if decision_id not in answers:
                fresh.setdefault(decision_id, submissions[place])
        if fresh:
            await self._read_missing({item.events[0].customer_id for item in fresh.values()}, states)
            answers |= await self._decide_fresh(fresh, states, now_us)
        return {place: answers[decision_id] for place, decision_id in asking.items()}

    async def _earlier_answers(self, repeated: dict[str, str]) -> dict[str, bytes]:
        rows = await self._driver.fetch(READ_ANSWERS, customer_id=list(repeated.values()), decision_id=list(repeated))
        return {row["decision_id"]: row["answer"].encode() for row in rows}

    async def _read_missing(self, customer_ids: set[str], states: dict[str, CustomerState]) -> None:
        missing = [customer_id for customer_id in customer_ids if customer_id not in states]
        if missing:
            for row in await self._driver.fetch(READ_STATES, customer_ids=missing):
                states[row["customer_id"]] = _state(row)

    async def _decide_fresh(
        self, fresh: dict[str, Submission], states: dict[str, CustomerState], now_us: int
    ) -> dict[str, bytes]:
        """Decides and writes the receipts; where another process was first, its answer is the answer."""
        deciding = self._deciding()
        wanted = {item.events[0].customer_id for item in fresh.values()}
        scored = score_states([states[customer_id] for customer_id in wanted], now_us, deciding.scoring)
        scores = {score.state.customer_id: score for score in scored}
        offered_us = {score.state.customer_id: score.state.offered_us() for score in scored}
        decided = []
        for decision_id, item in fresh.items():
            assert item.wish is not None
            score = scores[item.events[0].customer_id]
            offers = offered_us[score.state.customer_id]
            standing = stand(score, deciding, offers)
            is_late = item.due_us is not None and time.time_ns() // 1000 > item.due_us
            decision = decide(
                decision_id, standing, item.wish, deciding, now_us=now_us, language=item.language, is_late=is_late
            )
            offers.update(dict.fromkeys(decision.offered, now_us))
            answer = {"score": render_score(score, deciding.scoring), "decision": decision.answer}
            decided.append((decision, orjson.dumps(answer)))
        written = await write_decisions(self._driver, decided)
        answers = {decision.decision_id: answer for decision, answer in decided}
        lost = {
            decision_id: item.events[0].customer_id for decision_id, item in fresh.items() if decision_id not in written
        }
        return {**answers, **(await self._earlier_answers(lost) if lost else {})}


def _state(row: asyncpg.Record) -> CustomerState:
    customer_id, numbers, texts, offered, *_ = row
    return CustomerState(customer_id, numbers, texts, offered)


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


def _statuses(submission: Submission, first: dict[Identity, Event], known: dict[Identity, Known]) -> tuple[Status, ...]:
    """A status for every event sent, by what was there before or else came first in the batch."""

    def status(event: Event) -> Status:
        key = (event.source, event.id)
        earlier = known.get(key) or first[key]
        if earlier is event:
            return "accepted"
        return "duplicate" if is_same_content(event, earlier) else "conflict"

    return tuple([status(event) for event in submission.events])
