"""Stages at past month ends: the states of customers then, from the database's events, judged and recorded."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import ibis
import numpy as np
from dateutil.relativedelta import relativedelta
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.background import ReportProgress, ignore_progress
from app.database.engine import CONNECTION_LOST, Driver
from app.foundation.errors import NotReady
from app.lifecycle.features import Floats
from app.lifecycle.measures import NUMERIC
from app.lifecycle.states import CUSTOMER, StateSpec
from app.stages.history import Past, find_histories, write_histories
from app.stages.history_queries import READ_LACKING, events_of
from app.stages.service import StageContext
from ml.data.cutoffs import to_us
from ml.data.database import EVENT_COLUMNS, make_empty, read_csv
from ml.data.engines import bound
from ml.data.states import states

_ROWS_AT_ONCE: Final = 240_000
"""States that are worked out at once, of customers at times: they are some 120 MB."""
_NUMERIC: Final = StateSpec("customer", CUSTOMER.table, CUSTOMER.keys, NUMERIC)
"""What is judged: the state without its texts."""
_EVENTS: Final = events_of(tuple(EVENT_COLUMNS))


def month_ends(last_us: int, until_us: int, months: int, zone: str) -> list[int]:
    """The last `months` beginnings of a month in a zone up to a time, and those after it until another; µs since 1970,
    ascending."""
    began = [
        datetime.fromtimestamp(us / 1e6, UTC)
        .astimezone(ZoneInfo(zone))
        .replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        for us in (last_us, until_us)
    ]
    ahead = relativedelta(began[1], began[0])
    offsets = range(1 - months, 12 * ahead.years + ahead.months + 1)
    return [to_us((began[0] + relativedelta(months=each)).replace(tzinfo=ZoneInfo(zone))) for each in offsets]


class PastStates:
    """States at the same past times, page by page of customers: the expression is built once."""

    def __init__(self, times_us: Sequence[int], spill: Path) -> None:
        self._times_us = times_us
        backend = ibis.duckdb.connect()
        self._connection = backend.con
        bound(self._connection, spill)
        make_empty(self._connection, "events", EVENT_COLUMNS)
        wanted = states(backend.table("events"), times_us, _NUMERIC).order_by("customer_id", "cutoff_us")
        self._query = str(ibis.to_sql(wanted, dialect="duckdb"))

    def of(self, events: Path) -> Past:
        """From a CSV file of EVENT_COLUMNS."""
        read_csv(self._connection, "events", events, EVENT_COLUMNS)
        found = self._connection.execute(self._query).fetchnumpy()
        customer_ids = found["customer_id"]
        begins = np.concatenate([[True], customer_ids[1:] != customer_ids[:-1]])[: len(customer_ids)]
        vectors = np.column_stack([_floats(found[measure.name]) for measure in NUMERIC])
        times = np.searchsorted(self._times_us, found["cutoff_us"])
        return Past(customer_ids[begins].tolist(), np.cumsum(begins) - 1, times, vectors)


def _floats(numbers: NDArray[Any]) -> Floats:
    """NaN where there is no value."""
    return np.ma.filled(np.ma.asarray(numbers, np.float64), np.nan)


class Backfilled(NamedTuple):
    """Customers whose past was worked out, and the moves that were found."""

    customers: int
    moves: int


async def backfill(
    engine: AsyncEngine,
    context: StageContext,
    times_us: Sequence[int],
    *,
    again: bool = False,
    report_progress: ReportProgress = ignore_progress,
) -> Backfilled:
    """Works out the stages at past times, ascending, of everybody who was known at one of them, before their record
    begins. The last may be when everybody was judged just now: it dates what silence did since the one before.

    Those whose past is recorded are left as they are, unless it is to be done `again`. What was done when it is stopped
    stays. `report_progress` is called with the customers done. Raises NotReady when the database is out of reach.
    """
    driver = Driver(engine)
    done = moves = 0
    try:
        with tempfile.TemporaryDirectory(prefix="perennial-") as directory:
            file, past_states, after = Path(directory) / "events.csv", PastStates(times_us, Path(directory)), ""
            most = max(_ROWS_AT_ONCE // len(times_us), 1)
            lacking = {"times_us": list(times_us), "again": again, "most": most}
            while customer_ids := await _copy_events(driver, file, times_us[-1], {"after": after, **lacking}):
                after = customer_ids[-1]
                histories = list(find_histories(past_states.of(file), times_us, context))
                moves += await write_histories(await driver.connection(), histories, time.time_ns() // 1000)
                done += len(customer_ids)
                report_progress(done, None)
    except CONNECTION_LOST as error:
        raise NotReady("The database went away. What was worked out is kept; begin the rest again.") from error
    finally:
        await driver.close()
    return Backfilled(done, moves)


async def _copy_events(driver: Driver, file: Path, until_us: int, lacking: Mapping[str, Any]) -> list[str]:
    """Writes the events before a time of the next customers who lack a past, as CSV; who they are.

    All is of one moment: events of theirs may leave the log meanwhile.
    """
    connection = await driver.connection()
    async with connection.transaction(isolation="repeatable_read"):
        customer_ids = [row["customer_id"] for row in await driver.fetch(READ_LACKING, **lacking)]
        asked = _EVENTS.arguments({"customer_ids": customer_ids, "until_us": until_us})
        await connection.copy_from_query(_EVENTS.text, *asked, output=file, format="csv")
    return customer_ids
