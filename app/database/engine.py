"""The database: engine, transactions, and statements prepared on the driver's own connection."""

import gc
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import asyncpg
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    ClauseElement,
    Text,
    bindparam,
    column,
    event,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.database.order_lines import ORDER_LINES
from app.database.refusals import UNWRITABLE, read_only_at_s, reason_of
from app.foundation.errors import NotReady, Overloaded, UnusableSettings

_DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]

CONNECTION_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,
    *UNWRITABLE,
)
"""What the driver raises when the server is out of reach, went away or would not write. (InterfaceError: the connection
is closed, in use, or refused before the protocol began. A connection that only reads may be to what is no primary any
more, and is made anew.)"""


SURVEY_TIMEOUT_S = 300.0
PROBE_TIMEOUT_S = 2


def create_survey_engine(url: str) -> AsyncEngine:
    """For what reads much, and no till waits for: four at a time, each statement for SURVEY_TIMEOUT_S at most. Others
    wait for their turn for a minute."""
    return _create_engine(url, SURVEY_TIMEOUT_S, pool_size=1, max_overflow=3, pool_timeout=60)


def create_probe_engine(url: str) -> AsyncEngine:
    """For probes, which are answered whatever else waits for the database: of readiness and of health."""
    return _create_engine(url, PROBE_TIMEOUT_S, pool_size=2, max_overflow=0, pool_timeout=PROBE_TIMEOUT_S)


def create_engine(url: str, *, command_timeout_s: float | None = None) -> AsyncEngine:
    """An engine for any Postgres URL; the asyncpg driver is filled in.

    A statement that takes longer than `command_timeout_s` is given up as if the database were out of
    reach. Raises UnusableSettings for what is no URL.
    """
    return _create_engine(
        url,
        command_timeout_s,
        pool_size=8,  # as many as a process holds: seven for what it gathers, one for what it asks in the shadow
        max_overflow=7,  # four of work in the background (`background.AT_ONCE`), three of other requests
        pool_timeout=3,
    )


def _create_engine(url: str, command_timeout_s: float | None, **pool: int) -> AsyncEngine:
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    except ArgumentError as error:
        sentence = "PERENNIAL_DATABASE_URL is not like postgresql://user@host/database."
        raise UnusableSettings(sentence) from error
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+asyncpg")
    engine = create_async_engine(
        parsed,
        **pool,
        pool_pre_ping=True,
        hide_parameters=True,  # they are personal data, and errors are logged
        connect_args={
            "timeout": 3,
            "command_timeout": command_timeout_s,
            "max_cacheable_statement_size": 0,  # no limit: the statement that counts events is long
            "server_settings": {"application_name": "perennial", "jit": "off"},
        },
    )
    event.listen(engine.sync_engine, "connect", _note_age)
    event.listen(engine.sync_engine, "checkout", _refuse_old)
    return engine


def _note_age(_: Any, record: Any) -> None:
    record.info["made_s"] = time.monotonic()


def _refuse_old(_: Any, record: Any, __: Any) -> None:
    """A connection from before the database was last found to be read-only may be to what is no primary any more:
    the pool makes another in its place."""
    if record.info["made_s"] <= read_only_at_s():
        raise DisconnectionError


AT_ONE_MOMENT: Final = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
"""At the beginning of a transaction: all that it reads is as it was at its first look."""


_DEADLOCK: Final = "40P01"
"""Two waited for each other, and the database has ended this one."""


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction, committed when the block ends. Raises NotReady when the database is out of reach."""
    try:
        async with engine.begin() as connection:
            yield connection
    except CONNECTION_LOST as error:
        raise NotReady("The database is out of reach.") from error
    except PoolTimeout as error:
        raise Overloaded("All connections to the database are in use.") from error
    except DBAPIError as error:
        if (reason := reason_of(error.orig)) is not None:
            raise NotReady(reason) from error
        if _is_lost(error):
            raise NotReady("The database went away.") from error
        if getattr(error.orig, "sqlstate", None) == _DEADLOCK:
            raise NotReady("Others are at work on the same rows.") from error
        raise


def _is_lost(error: DBAPIError) -> bool:
    cause = error.orig.__cause__ if error.orig is not None else None
    return error.connection_invalidated or isinstance(cause, CONNECTION_LOST)


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled statement: its text with $1…$n, and the parameter names in that order."""

    text: str
    names: tuple[str, ...]

    def arguments(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Values in the order of the placeholders."""
        return [parameters[name] for name in self.names]


def compile_statement(statement: ClauseElement) -> Statement:
    """SQLAlchemy statement → text for the driver, compiled once."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    text, names = str(compiled), tuple(getattr(compiled, "positiontup", None) or ())
    del compiled, statement
    gc.collect(1)  # an expression is a web of cycles: those of all statements together are megabytes
    return Statement(text, names)


def unnested(name: str, /, **types: Any) -> Any:
    """The rows of parameters that are arrays of equal length, each named as its column.

    JSON and order lines go as text.
    """
    plain = {
        each: Text() if isinstance(type_, JSON) or type_ is ORDER_LINES else type_ for each, type_ in types.items()
    }
    parameters = [bindparam(each, type_=ARRAY(type_)) for each, type_ in plain.items()]
    columns = [column(each, type_) for each, type_ in plain.items()]
    return func.unnest(*parameters).table_valued(*columns, name=name).render_derived()


async def fetch(
    connection: "asyncpg.Connection[Any]",
    statement: Statement,
    parameters: Mapping[str, Any],
    timeout_s: float | None = None,
) -> Sequence[Any]:
    """The rows of a statement, by that very connection; what the engine grants a statement unless `timeout_s` says."""
    rows: Sequence[Any] = await connection.fetch(statement.text, *statement.arguments(parameters), timeout=timeout_s)
    return rows


class Driver:
    """The driver's connection, held from the engine; made anew after it was lost.

    Executing on it spares SQLAlchemy's cost of about a millisecond a batch. The driver keeps each
    statement prepared under its text. One task uses it at a time.
    """

    _SETTINGS: ClassVar = "SET plan_cache_mode = force_generic_plan"

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._held: AsyncConnection | None = None
        self._connection: asyncpg.Connection[Any] | None = None

    async def connection(self) -> "asyncpg.Connection[Any]":
        """An open connection. Raises NotReady when there is none to be had."""
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        await self.close()
        try:
            self._held = await self._engine.connect()
            raw = await self._held.get_raw_connection()
            driver = raw.driver_connection
            assert driver is not None
            await driver.execute(self._SETTINGS)
        except CONNECTION_LOST as error:
            raise NotReady("The database is out of reach.") from error
        except PoolTimeout as error:
            raise Overloaded("All connections to the database are in use.") from error
        except DBAPIError as error:  # as SQLAlchemy wraps what the server says while it starts
            if _is_lost(error):
                raise NotReady("The database is out of reach.") from error
            raise
        self._connection = driver
        return driver

    async def fetch(self, statement: Statement, **parameters: Any) -> Sequence[Any]:
        """The rows of a prepared statement."""
        return await fetch(await self.connection(), statement, parameters)

    async def copy(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Writes rows, given as a list a column, into a table that has none of their keys."""
        connection = await self.connection()
        rows = zip(*columns.values(), strict=True)
        await connection.copy_records_to_table(table, records=rows, columns=list(columns))

    async def prepare(self, statement: Statement, **scalars: Any) -> None:
        """Has a statement of arrays parsed and planned before it is wanted, by running it on none of anything.

        A long one takes a tenth of a second, once a connection.
        """
        await self.fetch(statement, **{name: scalars.get(name, []) for name in statement.names})

    async def close(self) -> None:
        """Gives the connection up; a later call opens another."""
        held, self._held, self._connection = self._held, None, None
        if held is not None:
            await held.invalidate()
            await held.close()


class KeyedDriver(Driver):
    """A driver of statements that look up by keys all that they need.

    A plan is kept for as long as its tables' statistics are. One that was made while a table was known to be empty
    would read it from end to end, and slower with every sale, until the server looks again.
    """

    _SETTINGS: ClassVar = f"{Driver._SETTINGS}; SET enable_seqscan = off"


class Borrowed(Driver):
    """The driver's connection of a transaction of SQLAlchemy's that somebody else began, and ends."""

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection.engine)
        self._borrowed = connection

    async def connection(self) -> "asyncpg.Connection[Any]":
        """That very connection."""
        raw = await self._borrowed.get_raw_connection()
        assert raw.driver_connection is not None
        return raw.driver_connection


_TRY_LOCK = compile_statement(select(func.pg_try_advisory_lock(bindparam("key", type_=BigInteger)).label("is_ours")))


@asynccontextmanager
async def alone(engine: AsyncEngine, lock: int) -> AsyncIterator[Driver | None]:
    """A driver whose connection holds an advisory lock for as long as the block lasts; None: another session does.

    For what one process at a time may do, however many replicas run. The lock goes with the connection: hold on to
    `connection()`, since the driver itself makes another, without the lock, when that is lost.
    """
    driver = Driver(engine)
    try:
        (found,) = await driver.fetch(_TRY_LOCK, key=lock)
        yield driver if found["is_ours"] else None
    finally:
        await driver.close()
