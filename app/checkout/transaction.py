"""The till's transaction: a list of steps, each for all submissions of a batch.

Rows are locked in the order of the steps, in every transaction: so no two can deadlock. Nothing is answered before
the transaction has committed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import asyncpg

from app.checkout.answering import answer_erased, answer_tills, record_changed_stages
from app.checkout.batch import Batch
from app.checkout.counting import count_cases, count_consents, count_events, link_customers
from app.checkout.delivered import cool_down, note_delivered
from app.checkout.earning import mark_earners
from app.checkout.item_queries import FIND_KEPT, FORGET, MERGE, MERGE_SUMMED, REMOVE_ITEMS, RESTATE_ITEMS
from app.checkout.items import count_items
from app.checkout.order_owners import FIND_OTHERS, GIVE, REMOVE_EMPTY
from app.checkout.order_queries import FIND_CHANGED, LOCK_STATES, RESTATE_CUSTOMERS, RESTATE_ORDERS, begin_with
from app.checkout.orders import lock_states, restate_orders
from app.checkout.queries import COUNT_EVENTS, MERGE_CASES, MERGE_CONSENTS
from app.checkout.recalling import FIND_LEFT, begin_recalling
from app.checkout.refusing import keep_refused
from app.checkout.retelling import FIND_NAMES
from app.checkout.sieving import hashes_of, sieve
from app.checkout.till_refunds import RESTATE_TILL_ORDERS
from app.customers.case_queries import READ_COMPLAINTS
from app.customers.consent_queries import READ_CONSENTS
from app.customers.item_states import READ_ITEMS
from app.customers.linking_queries import PERSON_STATES
from app.customers.tombstone_queries import NONE_FOUND, begin_unerased
from app.database.engine import CONNECTION_LOST, Driver, Statement
from app.decisions.contact_queries import ADD_CONTACTS, DELIVER, FIND_RESERVED
from app.decisions.keeping import part_overdue
from app.decisions.queries import READ_ANSWERS, WRITE_DECISIONS
from app.decisions.service import Deciding
from app.decisions.settling import SETTLING
from app.foundation.errors import Conflict, NotReady
from app.foundation.metrics import count_decisions, count_entered, count_step, count_unkept
from app.ingest.intake import Entry, Submission
from app.ingest.left_keys import LeftKeys
from app.ingest.order_identity import OrderIdentity
from app.ingest.queries import KNOWN_EVENTS
from app.lifecycle.states import ITEMS_KEPT
from app.lifecycle.tombstones import Tombstones
from app.stages.queries import READ_RECORDED, RECORD_STAGES


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the transaction. `statements` are planned before the first sale, with their scalar parameters."""

    name: str
    run: Callable[[Batch], Awaitable[None]]
    statements: Mapping[Statement, Mapping[str, Any]]


def _planned(*statements: Statement, **scalars: Any) -> dict[Statement, Mapping[str, Any]]:
    return dict.fromkeys(statements, scalars)


_ITEMS: Final = {
    **_planned(*MERGE.values(), *MERGE_SUMMED.values(), *FIND_KEPT.values()),
    **_planned(*FORGET.values(), most=0),
}
COUNTING: Final = (
    Step("lock", lock_states, {LOCK_STATES: {}}),
    Step("count", count_events, {FIND_LEFT: {}, COUNT_EVENTS: {"received_us": 0}, KNOWN_EVENTS: {}, FIND_NAMES: {}}),
    Step("items", count_items, _ITEMS),
    Step(
        "restate",
        restate_orders,
        _planned(
            *(FIND_CHANGED, FIND_OTHERS, GIVE, RESTATE_ORDERS, RESTATE_TILL_ORDERS, REMOVE_EMPTY),
            *(RESTATE_CUSTOMERS, RESTATE_ITEMS, REMOVE_ITEMS),
        ),
    ),
    Step("link", link_customers, {}),
    Step("cases", count_cases, {MERGE_CASES: {}, READ_COMPLAINTS: {}}),
    Step("consents", count_consents, {MERGE_CONSENTS: {}, READ_CONSENTS: {}}),
    Step("points", mark_earners, {}),
    Step("deliver", note_delivered, _planned(FIND_RESERVED, DELIVER, ADD_CONTACTS)),
    Step("refuse", keep_refused, {}),
)
ANSWERING: Final = (
    Step("answer", answer_tills, {**_planned(PERSON_STATES, READ_ITEMS, READ_ANSWERS, WRITE_DECISIONS), **SETTLING}),
    Step("cool", cool_down, {}),
    Step("stages", record_changed_stages, {READ_RECORDED: {}, RECORD_STAGES: {"now_us": 0}}),
)
"""Not waited for beyond what a till waits for: without them the events are counted all the same."""
STEPS: Final = (*COUNTING, *ANSWERING)
"""In this order rows are locked: orders that have an identity, events and customer states, items of these, links and
persons, cases, consents, contacts, turns, counters, decisions and offers, stages."""


class Transactions:
    """Runs batches of submissions on one driver connection, each in one transaction."""

    def __init__(
        self,
        driver: Driver,
        identity: OrderIdentity,
        deciding: Callable[[], Deciding] | None = None,
        items_kept: int = ITEMS_KEPT,
        tombstones: Tombstones | None = None,
        left_keys: LeftKeys | None = None,
        earns_points: Callable[[], bool] = bool,
    ) -> None:
        """`earns_points` tells whether there is a loyalty programme.

        Without `deciding` nothing is decided and no stage recorded; without `tombstones` nobody was ever erased, and
        without `left_keys` no event has left the log."""
        self._left_keys = left_keys
        self._earns_points = earns_points
        self._items_kept = items_kept
        self._tombstones = tombstones
        self._driver = driver
        self._identity = identity
        self._deciding = deciding

    async def enter(self, submissions: Sequence[Submission]) -> list[Entry | Exception]:
        """What became of each. Raises Apart when not all are answered in time, NotReady when there is no database."""
        connection = await self._driver.connection()
        batch, sieved = self._gather(submissions), None
        hashes = {} if self._tombstones is None else hashes_of(submissions, self._tombstones)
        begin = begin_with(self._identity.claims_of(batch.events.values()))
        if self._left_keys is not None:
            begin = begin_recalling(begin, batch.events.values(), batch.now_us)
        begin = begin_unerased(begin, [*chain(*hashes.values())])
        try:
            async with open_transaction(connection, begin) as told:
                if hashes and told != NONE_FOUND:
                    sieved = await sieve(self._driver, submissions, hashes)
                    batch = self._gather(sieved.submissions)
                await run_steps(batch)
        except CONNECTION_LOST as error:
            await self._driver.close()
            raise NotReady("The database went away; what was sent may yet be counted.") from error
        entries = _entries(batch)
        if sieved is not None:
            entries = sieved.restore(submissions, entries, answer_erased(batch, submissions, sieved.submissions))
        count_entered(submissions, entries, batch.now_us)
        count_decisions(batch.written)
        count_unkept(batch.unkept)
        return entries

    def _gather(self, submissions: Sequence[Submission]) -> Batch:
        deciding = None if self._deciding is None else self._deciding()
        given = (self._driver, submissions, deciding, self._identity, self._items_kept)
        return Batch(*given, left_keys=self._left_keys, earns_points=self._earns_points())


@asynccontextmanager
async def open_transaction(connection: "asyncpg.Connection[Any]", begin: str) -> AsyncIterator[str]:
    """A transaction that is begun by `begin`: the driver's own cannot take locks in the same round trip.

    Gives what the server says of its last statement.
    """
    try:
        yield await connection.execute(begin)
    except BaseException:
        if connection.is_in_transaction():
            await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")


async def run_steps(batch: Batch) -> None:
    """All steps, each timed, in the caller's transaction.

    Raises Apart when a till's time is over while it is being answered: those come again by themselves, and are answered
    with less; the others need not wait for them, nor they for the others.
    """
    await _run(COUNTING, batch)
    batch.answering_s = time.monotonic()
    limits_s = batch.limits_s()
    try:
        async with asyncio.timeout_at(min(limits_s.values(), default=None)) as timeout:
            await _run(ANSWERING, batch)
    except TimeoutError as error:
        if not timeout.expired():
            raise
        raise part_overdue([*map(limits_s.get, range(len(batch.submissions)))], min(limits_s.values())) from error


async def _run(steps: Sequence[Step], batch: Batch) -> None:
    for step in steps:
        began_s = time.perf_counter()
        await step.run(batch)
        count_step(step.name, time.perf_counter() - began_s)


def _entries(batch: Batch) -> list[Entry | Exception]:
    """A till whose event came before with other content gets the Conflict itself."""
    answers = map(batch.answers.get, range(len(batch.submissions)))
    return [
        Conflict() if item.asked is not None and statuses[0] == "conflict" else Entry(statuses, answer)
        for item, statuses, answer in zip(batch.submissions, batch.statuses, answers, strict=False)
    ]
