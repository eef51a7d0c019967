"""`perennial score`: everybody scored at one time, and the table `scores` published whole.

States are read page by page in one snapshot, by the statements of the sweep; the next page is on its way
while a thread scores one, by arrays. The scores stream into a table beside the old one, which takes its
place at the end of that same transaction: readers see the old scores or the new ones, and a run that was
stopped leaves nothing behind.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Literal, NamedTuple

import asyncpg
import numpy as np
from sqlalchemy.ext.asyncio import AsyncEngine

from app.customers.everybody import READ_PERSONS, READ_SINGLE_IDS, read_vectors
from app.customers.service import read_states
from app.database.background import ReportProgress, ignore_progress
from app.database.engine import (
    CONNECTION_LOST,
    Driver,
    Statement,
    alone,
)
from app.foundation.errors import NotReady, Refusal
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.next_order import next_order_days
from app.lifecycle.stage_arrays import STAGES
from app.scores import publishing_queries as queries
from app.scores.columns import score_columns
from app.scores.scoring import Scoring

PUBLISH_LOCK: Final = 0x73636F72  # "scor": one publishes at a time, wherever it runs

_SECOND_US: Final = 1_000_000
_SLACK_US: Final = 300 * _SECOND_US
"""How far the clock of whoever erases may be behind."""
_STAGES: Final = np.array(STAGES)
_PAGE_BYTES: Final = 1 << 22
"""Of the arrays that a page needs while it is scored."""

Page = tuple[list[str], Floats]
"""Customers and their state vectors, (n, len(NUMERIC))."""
Record = tuple[Any, ...]
"""A row of the table `scores`."""


class Published(NamedTuple):
    """What became of it, and how many customers have a score."""

    outcome: Literal["done", "runs elsewhere"]
    customers: int = 0


async def publish_scores(
    engine: AsyncEngine, scoring: Scoring, now_us: int, *, report_progress: ReportProgress = ignore_progress
) -> Published:
    """Scores everybody at `now_us` and swaps the table, unless another process is at it.

    `report_progress` is called with the customers done. Raises NotReady when the database is out of reach, or
    when somebody reads the old table for longer than the swap can wait; and Refusal when something in the
    database was made on it, a view as a rule. Then the old table stays.
    """
    reader = Driver(engine)
    try:
        async with alone(engine, PUBLISH_LOCK) as writer:
            if writer is None:
                return Published("runs elsewhere")
            connection = await writer.connection()
            async with connection.transaction():
                return Published("done", await _replace(connection, reader, scoring, now_us, report_progress))
    except asyncpg.LockNotAvailableError as error:
        raise NotReady("The table of scores is being read for too long to be replaced; it is as it was.") from error
    except asyncpg.DependentObjectsStillExistError as error:
        raise Refusal(_explain_dependents(error)) from error
    except CONNECTION_LOST as error:
        raise NotReady("The database went away; the table of scores is as it was.") from error
    finally:
        await reader.close()


def _explain_dependents(error: asyncpg.DependentObjectsStillExistError) -> str:
    named = "; ".join((error.detail or "").splitlines())
    return (
        "The table of scores cannot be replaced, and is as it was: a view, or something else in the database, was made"
        f" on it and holds the old table{f' ({named})' if named else ''}. Drop that, and name the table and its columns"
        " in your queries instead."
    )


async def _replace(
    connection: "asyncpg.Connection[Any]",
    reader: Driver,
    scoring: Scoring,
    now_us: int,
    report_progress: ReportProgress,
) -> int:
    done = 0

    async def records() -> AsyncIterator[Record]:
        nonlocal done
        async for customer_ids, states in read_everybody(reader):
            for record in await asyncio.to_thread(score_page, customer_ids, states, now_us, scoring):
                yield record
            done += len(customer_ids)
            report_progress(done, None)

    # Freed at once. From then on glibc keeps as much for the next page; to give it back and get it again
    # costs eight hundred page faults a page, a third of the time that it takes.
    np.empty(_PAGE_BYTES, np.uint8)
    await connection.execute(queries.CREATE_NEXT)
    await connection.copy_records_to_table(queries.NEXT, records=records(), columns=queries.COLUMNS)
    await connection.execute(queries.HOLD_ERASURES)
    await connection.execute(queries.REMOVE_ERASED, now_us - _SLACK_US)
    for (statement,) in await connection.fetch(queries.GRANTS):
        await connection.execute(statement)
    for statement in queries.SWAP:
        await connection.execute(statement)
    await connection.execute(queries.ANALYZE)
    return done


async def read_everybody(driver: Driver) -> AsyncIterator[Page]:
    """All customers of one moment who may be profiled, in pages; those of several ids by the merge of their rows."""
    connection = await driver.connection()
    await connection.execute(queries.BEGIN_SNAPSHOT)
    async for rows in _pages(connection, READ_SINGLE_IDS):
        yield [row["customer_id"] for row in rows], read_vectors([row["numbers"] for row in rows])
    async for rows in _pages(connection, READ_PERSONS, ahead=False):
        merged = await read_states(driver, [row["customer_id"] for row in rows])
        known = [state for state in merged if state is not None and not state.refuses_profiling]
        if known:
            yield [state.customer_id for state in known], np.array([state.numbers for state in known], np.float64)
    await connection.execute("COMMIT")


async def _pages(
    connection: "asyncpg.Connection[Any]", statement: Statement, *, ahead: bool = True
) -> AsyncIterator[Sequence[Any]]:
    """Pages of a statement that begins `after` a customer. `ahead`: the next is asked for before one is given."""
    rows = await connection.fetch(statement.text, "")
    while rows:
        coming = asyncio.ensure_future(connection.fetch(statement.text, rows[-1]["customer_id"])) if ahead else None
        try:
            await asyncio.sleep(0)  # so that it is sent now
            yield rows
            rows = await (coming or connection.fetch(statement.text, rows[-1]["customer_id"]))
        finally:
            if coming is not None and not coming.done():
                coming.cancel()


def score_page(customer_ids: Sequence[str], states: Floats, as_of_us: int, scoring: Scoring) -> list[Record]:
    """Rows of the table `scores`: what `app.scores.service.score_states` says of each, without the reasons."""
    columns = score_columns(states, float(as_of_us), scoring)
    risk, orders, spend_minor = columns.expected
    due_us = _nullable(_due_us(risk, orders, as_of_us, scoring))
    model_version = None if scoring.model is None else scoring.model.version
    records = zip(
        customer_ids,
        [as_of_us] * len(states),
        _STAGES.take(columns.judgements.stages).tolist(),
        _nullable(risk),
        _nullable(orders),
        _nullable(spend_minor),
        _tiers(spend_minor, scoring),
        [None if value is None else int(value) for value in due_us],
        [model_version if bought else None for bought in columns.has_bought.tolist()],
        strict=True,
    )
    return list(records)


def _due_us(risk: Floats, orders: Floats, as_of_us: int, scoring: Scoring) -> Floats:
    """When the next order is to be expected, in whole seconds; NaN where none is."""
    days = next_order_days(risk, orders, scoring.answer_days)
    return (as_of_us + days * DAY_US) // _SECOND_US * _SECOND_US


def _nullable(values: Floats) -> list[float | None]:
    """NaN is NULL."""
    return [None if value != value else value for value in values.tolist()]


def _tiers(spend_minor: Floats, scoring: Scoring) -> list[str | None]:
    """None of who never bought, and of everybody where there is no model."""
    if scoring.bounds is None:
        return [None] * len(spend_minor)
    tiers = scoring.bounds.tiers(spend_minor).tolist()
    return [None if spend != spend else tier for tier, spend in zip(tiers, spend_minor.tolist(), strict=True)]
