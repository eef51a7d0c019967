"""What a running service holds, made once at start."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.checkout.ledger import Entry, Ledger, Submission
from app.customers.queries import READ_STATES
from app.customers.service import read_states
from app.customers.state import CustomerState
from app.database.engine import CONNECTION_LOST, Driver, transaction
from app.database.gatherer import Gatherer
from app.decisions.queries import WRITE_DECISIONS, read_actions
from app.decisions.service import Deciding, Decision, keep_decisions
from app.foundation.errors import NotReady
from app.foundation.logs import log
from app.foundation.settings import Settings
from app.http.auth import Keyring, read_keyring
from app.ingest.admission import Rules
from app.lifecycle.decisions import Catalogue
from app.models.artefact import Model
from app.models.loading import Held, refresh_held, tell_of_unregistered
from app.models.retraining import keep_retrained
from app.monitoring.service import keep_watched
from app.scores.service import Scoring
from app.stages.service import Watching, watch
from app.stages.sweep import keep_swept

REFRESH_SECONDS = 2.0
FIRST_READ_SECONDS = 0.1
"""Until the keys have been read once, no request can be served."""
BULK_PATIENCE_S = 10.0
BULK_QUEUE = 64
"""Batches that may wait: each holds up to 1 MiB of what was sent, several times that in memory."""
TILL_LANES = 2
"""One is answered while the other is at the database. Events of a customer go by the same one, in their order."""


@dataclass
class Resources:
    """Shared by all requests of a process. `keyring`, the models and `catalogue` are replaced whole."""

    settings: Settings
    engine: AsyncEngine
    rules: Rules
    keyring: Keyring = field(default_factory=Keyring)
    model: Model | None = None
    challenger: Model | None = None
    model_refusal: str | None = None
    catalogue: Catalogue = field(default_factory=lambda: Catalogue(()))
    is_draining: bool = False

    def __post_init__(self) -> None:
        limits: dict[str, Any] = {
            "most": self.settings.gather_limit,
            "queue_limit": self.settings.queue_limit,
            "patience_s": self.settings.patience_ms / 1000,
        }
        self._held = Held()
        self._scoring: Scoring | None = None
        self._refresh_failure: type[Exception] | None = None
        self._background: list[asyncio.Task[None]] = []
        self._drivers = [Driver(self.engine) for _ in range(3 + TILL_LANES)]
        reads, receipts, *others = self._drivers
        self._ledgers = [Ledger(driver, self.deciding) for driver in others]
        bulk, *tills = self._ledgers
        self.tills: list[Gatherer[Submission, Entry]] = [Gatherer("till", ledger.enter, **limits) for ledger in tills]
        self.bulk: Gatherer[Submission, Entry] = Gatherer(
            "bulk",
            bulk.enter,
            weigh=lambda item: 1 + len(item.events),
            **{**limits, "queue_limit": BULK_QUEUE, "patience_s": BULK_PATIENCE_S},
        )
        self.reader: Gatherer[str, CustomerState | None] = Gatherer(
            "reads", lambda customer_ids: read_states(reads, customer_ids), **limits
        )
        self.receipts: Gatherer[tuple[Decision, bytes], None] = Gatherer(
            "receipts", lambda decisions: keep_decisions(receipts, decisions), **limits
        )
        self.gatherers: tuple[Gatherer[Any, Any], ...] = (*self.tills, self.bulk, self.reader, self.receipts)
        """All of them; the lanes of the till have one name."""

    @property
    def ended(self) -> list[str]:
        """What this worker was to do beside answering, for as long as it lives, and does no more."""
        return [task.get_name() for task in self._background if task.done()]

    def till(self, customer_id: str) -> Gatherer[Submission, Entry]:
        """The lane of a customer's single events."""
        return self.tills[hash(customer_id) % len(self.tills)]

    def gatherer_of(self, submission: Submission, *, is_single: bool) -> Gatherer[Submission, Entry]:
        """Where it waits: a single event in its customer's lane, a batch with the batches."""
        events = submission.events
        return self.till(events[0].customer_id if events else "") if is_single else self.bulk

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[None]:
        """For a request that asks the database more than once: it waits no longer than for one answer.

        Raises NotReady.
        """
        try:
            async with asyncio.timeout(self.settings.patience_ms / 1000):
                yield
        except TimeoutError as error:
            raise NotReady("The database takes too long.") from error

    def scoring(self) -> Scoring:
        """What scores are made with now."""
        if self._scoring is None or self._scoring.model is not self.model:
            self._scoring = Scoring.of(self.settings, self.model)
        return self._scoring

    def deciding(self) -> Deciding:
        """What decisions are made with now."""
        settings = self.settings
        policy = settings.decision_policy
        return Deciding(self.scoring(), self.catalogue, policy, settings.typical_order, settings.warning_risk)

    def watching(self) -> Watching:
        """What the sweep notes stages with now."""
        return watch(self.settings, self.model)

    async def start(self) -> None:
        """Begins to serve, with whatever the database gives at once."""
        await self._prepare()
        for gatherer in self.gatherers:
            gatherer.start()
        await self.refresh()
        tell_of_unregistered(self._held, self.settings.models_directory)
        self._background.append(asyncio.create_task(self._keep_fresh(), name="refresh"))
        if minutes := self.settings.sweep_minutes:
            sweeping = keep_swept(self.engine, self.watching, minutes)
            self._background.append(asyncio.create_task(sweeping, name="sweep"))
        if hours := self.settings.watch_hours:
            watched = keep_watched(self.engine, lambda: (self.model, self.challenger), hours)
            self._background.append(asyncio.create_task(watched, name="watch"))
        if days := self.settings.retrain:
            self._background.append(asyncio.create_task(keep_retrained(self.engine, days), name="retraining"))
        for task in self._background:
            task.add_done_callback(_tell_of_defect)

    async def stop(self) -> None:
        """Answers what waits, then gives up the connections."""
        self.is_draining = True
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        for gatherer in self.gatherers:
            await gatherer.close()
        for driver in self._drivers:
            await driver.close()
        await self.engine.dispose()

    async def _prepare(self) -> None:
        """The first sale is not to wait for statements to be planned. Those that fail now do so again when used."""
        try:
            for ledger in self._ledgers:
                await ledger.prepare()
            reads, receipts, *_ = self._drivers
            await reads.prepare(READ_STATES)
            await receipts.prepare(WRITE_DECISIONS)
        except (NotReady, *CONNECTION_LOST, asyncpg.PostgresError) as error:
            log.warning("prepare.failed", reason=type(error).__name__)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS if self.keyring.is_read else FIRST_READ_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Reads keys, catalogue and models anew; what cannot be read stays as it was.

        The first time keys come last, so that whom they let in is answered by the model.
        """
        reads = (self._read_keys, self._read_catalogue, self._read_models)
        failure: type[Exception] | None = None
        for read in reads if self.keyring.is_read else reversed(reads):
            failure = await _failure_of(read()) or failure
            if failure is not None and issubclass(failure, NotReady):
                break
        if failure is not self._refresh_failure:
            self._refresh_failure = failure
            if failure is None:
                log.info("refresh.resumed")
            else:
                log.warning("refresh.failed", reason=failure.__name__)

    async def _read_models(self) -> None:
        async with transaction(self.engine) as connection:
            held = await refresh_held(connection, self._held)
        if held is not self._held:
            self._held = held
            self.model, self.challenger, self.model_refusal = held.champion, held.challenger, held.refusal
            log.info("models.held", champion=_version(held.champion), challenger=_version(held.challenger))

    async def _read_catalogue(self) -> None:
        async with transaction(self.engine) as connection:
            self.catalogue = Catalogue(await read_actions(connection))

    async def _read_keys(self) -> None:
        async with transaction(self.engine) as connection:
            self.keyring = Keyring(await read_keyring(connection))


async def _failure_of(reading: Awaitable[None]) -> type[Exception] | None:
    """Why it could not be done: the database is out of reach, or has not this version's schema."""
    try:
        await reading
    except (NotReady, SQLAlchemyError, ValidationError) as error:
        return type(error)
    return None


def _version(model: Model | None) -> str | None:
    return None if model is None else model.version


def _tell_of_defect(task: "asyncio.Task[None]") -> None:
    """A task that runs as long as the process has ended: nothing else would say so."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.defect("background.ended", error, task=task.get_name())
