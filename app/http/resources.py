"""What a domain hands over to the service that runs it, and what a running service holds."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import asyncpg
from fastapi import APIRouter
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.engine import CONNECTION_LOST, Driver, KeyedDriver, Statement, transaction
from app.database.gatherer import Gatherer
from app.database.long_work import LongWork
from app.foundation.errors import NotReady, UnknownKey
from app.foundation.logs import log
from app.foundation.metrics import GaugeValue
from app.foundation.settings import Settings
from app.http.allowances import Allowances
from app.http.auditing import Auditing, NoAudit
from app.http.auth import Keyring, Rereading, Scope, read_keyring
from app.http.health import CheckOut
from app.http.key_lives import USE_WRITTEN_US, note_uses

LONG_LANES: Final = ("bulk", "receipts")
"""Gatherers that no short request waits for by itself."""
REFRESH_SECONDS = 2.0
FIRST_READ_SECONDS = 0.1
"""Until the keys have been read once, no request can be served."""

Checks = Mapping[str, CheckOut]
"""Name of a check in /health → what it found."""


@dataclass(frozen=True, slots=True)
class BackgroundTask:
    """Work beside answering, for as long as the process lives. `begin` None: it is switched off by the settings."""

    name: str
    begin: Callable[["Resources"], Coroutine[Any, Any, None] | None]


@dataclass(frozen=True, slots=True)
class Part:
    """A domain, as the service runs it. Whatever it does not have is left out.

    `schemas` are what hot routes take, which FastAPI does not see. `build` makes what the domain holds while
    the service runs (`Resources.hold`), from what lower parts hold. `refresh` reads anew, every few seconds, what it
    keeps of the database in memory. `check` and `gauges` need no database; `check_stored` and `stored_gauges` ask it,
    on this version's schema.
    """

    name: str
    routers: tuple[APIRouter, ...] = ()
    schemas: tuple[type[BaseModel], ...] = ()
    build: Callable[["Resources"], None] | None = None
    refresh: Callable[["Resources"], Awaitable[None]] | None = None
    background: tuple[BackgroundTask, ...] = ()
    check: Callable[["Resources"], Checks] | None = None
    check_stored: Callable[["Resources", AsyncConnection], Awaitable[Checks]] | None = None
    gauges: Callable[["Resources"], Iterable[GaugeValue]] | None = None
    stored_gauges: Callable[["Resources", AsyncConnection], Awaitable[Iterable[GaugeValue]]] | None = None


Held = TypeVar("Held")
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Resources:
    """Shared by all requests of a process: settings, engine, keys, and what each part holds, found by its class."""

    def __init__(
        self,
        settings: Settings,
        engine: AsyncEngine,
        surveys: AsyncEngine,
        parts: Sequence[Part],
        probes: AsyncEngine | None = None,
    ) -> None:
        """`surveys` is for what takes longer than a request may, `probes` for what is asked of the service itself;
        `parts` from the highest to the lowest."""
        self.settings = settings
        self.engine = engine
        self.surveys = surveys
        self.probes = engine if probes is None else probes
        self.parts = tuple(parts)
        self.keyring = Keyring()
        self._reading_keys = asyncio.Lock()
        self._used: set[bytes] = set()
        self._uses_us: dict[bytes, int] = {}
        self._rereading = Rereading(lambda: _failure_of(self._read_keys(self)))
        self.is_draining = False
        self.gatherers: list[Gatherer[Any, Any]] = []
        """All of them; the lanes of the till have one name."""
        self.allowances = Allowances(settings.key_units)
        self.audit: Auditing = NoAudit()
        self.long_work = LongWork(self._are_short_requests_served)
        self._held: dict[type, object] = {}
        self._drivers: list[Driver] = []
        self._planned: list[tuple[Driver, Statement, dict[str, Any]]] = []
        self._background: list[asyncio.Task[None]] = []
        self._refresh_failure: type[Exception] | None = None
        for part in reversed(self.parts):
            if part.build is not None:
                part.build(self)

    def _are_short_requests_served(self) -> bool:
        return any(gatherer.is_busy for gatherer in self.gatherers if gatherer.name not in LONG_LANES)

    def hold(self, held: object) -> None:
        """Keeps what a part holds, to be found by its class."""
        self._held[type(held)] = held

    def of(self, kind: type[Held]) -> Held:
        """What the part holds whose class that is."""
        held = self._held[kind]
        assert isinstance(held, kind)
        return held

    def open_driver(self) -> Driver:
        """A connection of a part's own for statements of its requests, given up at the end."""
        self._drivers.append(KeyedDriver(self.engine))
        return self._drivers[-1]

    def plan(self, driver: Driver, statement: Statement, **scalars: Any) -> None:
        """Has a statement of arrays planned on a driver's connection before the first request (`Driver.prepare`)."""
        self._planned.append((driver, statement, scalars))

    def gather(
        self,
        name: str,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        **limits: Any,
    ) -> Gatherer[Item, Answer]:
        """A gatherer that begins and ends with the service, with the settings' limits but for those given."""
        settings = self.settings
        usual = {
            "most": settings.gather_limit,
            "queue_limit": settings.queue_limit,
            "patience_s": settings.patience_ms / 1000,
        }
        gatherer: Gatherer[Item, Answer] = Gatherer(name, run, **{**usual, **limits})
        self.gatherers.append(gatherer)
        return gatherer

    async def authorize(self, authorization: bytes | None, wanted: Iterable[Scope]) -> None:
        """`Keyring.authorize`; a key that is not known is looked for in the database before it is refused.

        A key works at once, whichever worker it was made beside. Raises NotReady where the database does not tell.
        """
        try:
            self.keyring.authorize(authorization, wanted)
        except UnknownKey:
            async with self.patience():
                await self._rereading.read_again()
            try:
                self.keyring.authorize(authorization, wanted)
            except UnknownKey:
                self.keyring.remember_unknown(authorization or b"")
                raise

    @property
    def ended(self) -> list[str]:
        """What this worker was to do beside answering, and does no more, though it is not done with."""
        done = [task for task in self._background if task.done()]
        return [task.get_name() for task in done if task.cancelled() or task.exception() is not None]

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

    async def start(self) -> None:
        """Begins to serve, with whatever the database gives at once."""
        await self._prepare()
        for gatherer in self.gatherers:
            gatherer.start()
        await self.refresh()
        self._background.append(asyncio.create_task(self._keep_fresh(), name="refresh"))
        for task in (task for part in self.parts for task in part.background):
            work = task.begin(self)
            if work is not None:
                self._background.append(asyncio.create_task(work, name=task.name))
        for running in self._background:
            running.add_done_callback(_log_defect)

    async def stop(self) -> None:
        """Answers what waits, then gives up the connections."""
        self.is_draining = True
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, self._rereading.close(), return_exceptions=True)
        for gatherer in self.gatherers:
            await gatherer.close()
        for driver in self._drivers:
            await driver.close()
        await self.engine.dispose()
        await self.surveys.dispose()
        await self.probes.dispose()

    async def _prepare(self) -> None:
        """The first sale is not to wait for statements to be planned. Those that fail now do so again when used."""
        try:
            for driver, statement, scalars in self._planned:
                await driver.prepare(statement, **scalars)
        except (NotReady, *CONNECTION_LOST, asyncpg.PostgresError) as error:
            log.warning("prepare.failed", reason=type(error).__name__)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS if self.keyring.is_read else FIRST_READ_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Reads keys, and what parts keep of the database, anew; what cannot be read stays as it was.

        The first time keys come last, so that whom they let in is answered by the model.
        """
        of_parts = [part.refresh for part in self.parts if part.refresh is not None]
        reads = [self._read_keys, *of_parts, self._note_uses]
        failure: type[Exception] | None = None
        for read in reads if self.keyring.is_read else reversed(reads):
            failure = await _failure_of(read(self)) or failure
            if failure is not None and issubclass(failure, NotReady):
                break
        if failure is not self._refresh_failure:
            self._refresh_failure = failure
            if failure is None:
                log.info("refresh.resumed")
            else:
                log.warning("refresh.failed", reason=failure.__name__)

    @staticmethod
    async def _read_keys(resources: "Resources") -> None:
        """One reading at a time, so that what was read last is what is in force."""
        async with resources._reading_keys, transaction(resources.engine) as connection:
            resources._used |= resources.keyring.used
            resources.keyring = Keyring(await read_keyring(connection))

    @staticmethod
    async def _note_uses(resources: "Resources") -> None:
        """What keys were used since these were looked at last. A use that cannot be written now is with the next."""
        now_us = time.time_ns() // 1000
        written_us = resources._uses_us
        due = {each for each in resources._used if now_us - written_us.get(each, 0) >= USE_WRITTEN_US}
        if due:
            async with transaction(resources.engine) as connection:
                await note_uses(connection, sorted(due), now_us)
        resources._uses_us = {**written_us, **dict.fromkeys(due, now_us)}
        resources._used.clear()


async def _failure_of(reading: Awaitable[None]) -> type[Exception] | None:
    """Why it could not be done: the database is out of reach, or has not this version's schema."""
    try:
        await reading
    except (NotReady, SQLAlchemyError, ValidationError) as error:
        return type(error)
    return None


def _log_defect(task: "asyncio.Task[None]") -> None:
    """A task that runs as long as the process has ended: nothing else would say so."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.defect("background.ended", error, task=task.get_name())
