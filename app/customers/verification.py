"""States and persons against a recomputation from the events: reporting every difference, and repairing."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from math import isclose
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.customers import relinking_queries
from app.customers import verification_queries as queries
from app.customers.linking import (
    LinkingEvent,
    compare_persons,
    edges_of,
    merge_links,
    regroup,
)
from app.customers.linking_queries import LOCK_PERSONS
from app.database.engine import (
    CONNECTION_LOST,
    Driver,
    Statement,
    transaction,
)
from app.foundation.errors import NotReady, Refusal
from app.lifecycle.measures import Measure
from app.lifecycle.persons import Edge
from app.lifecycle.states import ITEMS_KEPT, STATES, StateSpec

BATCH_CUSTOMERS = 2000
TOLERANCE = 1e-9
"""Relative, for sums of floats; and absolute where all that is left of a decayed sum is nothing."""


WriteRange = Callable[[AsyncConnection, StateSpec, str, str | None], Awaitable[int]]
"""Writes the states of a range of customers (after, through]; how many there were."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure of a customer that is not what the events say. None: there is no row at all.

    Of another state than the customer's, `measure` begins with what it is of (`case <id> …`). It is `person` where the
    customer's person is another, and `link <other id>` where that is what is kept of the two; both None for none.
    """

    customer_id: str
    measure: str
    kept: Any
    recomputed: Any


@dataclass(frozen=True, slots=True)
class VerifiedBatch:
    """A range of customers that was compared."""

    customers: int
    differences: list[Difference]


def _agree(measure: Measure, kept: Any, recomputed: Any) -> bool:
    if measure.is_float and kept is not None and recomputed is not None:
        return isclose(kept, recomputed, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(kept == recomputed)


def compare(
    spec: StateSpec, keys: Sequence[str], kept: Sequence[Any] | None, recomputed: Sequence[Any] | None
) -> list[Difference]:
    """The differences of one state: measures in the order of its declaration."""
    customer_id, *others = keys
    where = f"{spec.name} {' '.join(others)} " if others else ""
    if kept is None or recomputed is None:
        presence = ("missing", "present")
        return [Difference(customer_id, f"{where}row", presence[kept is not None], presence[recomputed is not None])]
    return [
        Difference(customer_id, f"{where}{measure.name}", ours, theirs)
        for measure, ours, theirs in zip(spec.measures, kept, recomputed, strict=True)
        if not _agree(measure, ours, theirs)
    ]


async def verify(engine: AsyncEngine) -> AsyncIterator[VerifiedBatch]:
    """Recomputes every state, link and person from the events, a range at a time; changes nothing."""
    after: str | None = ""
    while after is not None:
        async with transaction(engine) as connection:
            through = await queries.end_of_range(connection, after, BATCH_CUSTOMERS)
            both = [(spec, *await queries.read_both(connection, spec, after, through)) for spec in STATES]
        differences = [
            difference
            for spec, kept, recomputed in both
            for keys in sorted(kept.keys() | recomputed.keys())
            for difference in compare(spec, keys, kept.get(keys), recomputed.get(keys))
        ]
        customers = {keys[0] for _, kept, recomputed in both for keys in (*kept, *recomputed)}
        yield VerifiedBatch(len(customers), differences)
        after = through
    yield VerifiedBatch(0, await _verify_identity(engine))


async def rebuild(engine: AsyncEngine, items_kept: int = ITEMS_KEPT) -> AsyncGenerator[int, None]:
    """Writes links and persons, then every state, anew from the events, a range at a time.

    Events may come in meanwhile; those that link wait until the links are done.
    """
    await _rebuild_identity(engine)
    bounded = partial(queries.rebuild_bounded_range, most=items_kept)
    writing = [(spec, bounded if spec.is_bounded else queries.rebuild_range) for spec in STATES]
    async for written in _each_range(engine, writing):
        yield written


async def fill(engine: AsyncEngine, names: Sequence[str]) -> AsyncIterator[int]:
    """Writes some measures anew from the events into every state that has them, a range at a time; nothing else.

    For measures that were added. Events may come in meanwhile, to processes that know them. Raises Refusal for a
    name that is none.
    """
    theirs = [(spec, [measure.name for measure in spec.measures if measure.name in names]) for spec in STATES]
    if unknown := set(names).difference(*(found for _, found in theirs)):
        raise Refusal(f"There is no measure {min(unknown)}.")
    async for written in _each_range(
        engine, [(spec, partial(queries.fill_range, names=found)) for spec, found in theirs if found]
    ):
        yield written


async def _each_range(engine: AsyncEngine, writing: Sequence[tuple[StateSpec, WriteRange]]) -> AsyncIterator[int]:
    """What writing the first of the states came to, a range of customers and a transaction at a time."""
    after: str | None = ""
    while after is not None:
        async with transaction(engine) as connection:
            through = await queries.end_of_range(connection, after, BATCH_CUSTOMERS)
            written = [await write(connection, spec, after, through) for spec, write in writing]
        yield written[0]
        after = through


@asynccontextmanager
async def _opened(
    engine: AsyncEngine, isolation: Literal["read_committed", "repeatable_read"]
) -> AsyncIterator[Driver]:
    """A driver within a transaction. Raises NotReady when the database is out of reach."""
    driver = Driver(engine)
    try:
        connection = await driver.connection()
        async with connection.transaction(isolation=isolation):
            yield driver
    except CONNECTION_LOST as error:
        raise NotReady("The database went away.") from error
    finally:
        await driver.close()


async def _verify_identity(engine: AsyncEngine) -> list[Difference]:
    """All of it as it was at one moment."""
    async with _opened(engine, "repeatable_read") as driver:
        await _recompute_links(driver)
        found = [_link_difference(row) for row in await driver.fetch(relinking_queries.COMPARE_LINKS)]
        async for nodes in _batches(driver, relinking_queries.ALL_NODES):
            kept, expected = await compare_persons(driver, [row[0] for row in nodes])
            found += [
                Difference(node, "person", kept.get(node), expected.get(node))
                for node in sorted(kept.keys() | expected.keys())
                if kept.get(node) != expected.get(node)
            ]
    return list(dict.fromkeys(found))


def _link_difference(row: Any) -> Difference:
    """A row of COMPARE_LINKS: the columns as they are kept, then as recomputed, NULL where there is none."""
    columns = tuple(row.values())
    half = len(columns) // 2
    low_id, high_id = (columns[at] or columns[half + at] for at in (0, 1))
    words = (None if side[0] is None else side[2:] for side in (columns[:half], columns[half:]))
    return Difference(low_id, f"link {high_id}", *words)


async def _rebuild_identity(engine: AsyncEngine) -> None:
    async with _opened(engine, "read_committed") as driver:
        await (await driver.connection()).execute(relinking_queries.HOLD_LINKS)
        await driver.fetch(LOCK_PERSONS)
        await _recompute_links(driver)
        await driver.fetch(relinking_queries.REMOVE_WRONG_LINKS)
        await driver.fetch(relinking_queries.ADD_MISSING_LINKS)
        async for nodes in _batches(driver, relinking_queries.ALL_NODES):
            await regroup(driver, [row[0] for row in nodes])


async def _recompute_links(driver: Driver) -> None:
    """Fills a table that lasts as long as the transaction with what the events say of pairs of ids, and those that have
    left the log: these are read last, so that what leaves meanwhile is in one of the two, or in both."""
    await (await driver.connection()).execute(relinking_queries.MAKE_RECOMPUTED)
    async for events in _batches(driver, relinking_queries.LINKING_EVENTS):
        edges = [edge for row in events for edge in edges_of(LinkingEvent(*row.values()))]
        await merge_links(driver, edges, relinking_queries.RECOMPUTED)
    async for rows in _batches(driver, relinking_queries.ALL_BASE_LINKS):
        await merge_links(driver, [Edge(*row.values()) for row in rows], relinking_queries.RECOMPUTED)


async def _batches(driver: Driver, statement: Statement) -> AsyncIterator[list[Any]]:
    """The rows of a statement, as they were when it began, so many at a time."""
    cursor = await (await driver.connection()).cursor(statement.text)
    while rows := await cursor.fetch(BATCH_CUSTOMERS):
        yield rows
