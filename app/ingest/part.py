"""Ingest as the service runs it."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.exposition import read_last_event
from app.foundation.metrics import GaugeValue
from app.http.health import CheckOut
from app.http.resources import Checks, Part, Resources
from app.ingest.queries import count_rejected
from app.ingest.rejected import replays
from app.ingest.rejected import router as rejected
from app.ingest.rejected_schemas import ReplayIn
from app.ingest.router import router as events
from app.ingest.schemas import EventIn
from app.ingest.segment.router import router as segment
from app.ingest.segment.schemas import SegmentBatchIn, SegmentMessageIn
from app.ingest.shops.router import router as shops


def _check_lag(_: Resources) -> Checks:
    """How long after it happened the latest event was counted, by any worker since its start."""
    received_at, lag_s = read_last_event()
    if not received_at:
        return {"events:lag": CheckOut(status="pass", componentType="component", output="No event was counted yet.")}
    time = datetime.fromtimestamp(received_at, UTC)
    lag = CheckOut(status="pass", componentType="component", observedValue=round(lag_s, 3), observedUnit="s", time=time)
    return {"events:lag": lag}


async def _check_backlog(resources: Resources, connection: AsyncConnection) -> Checks:
    """The rejected events that are kept."""
    rejected = await count_rejected(connection)
    are_many = rejected >= resources.settings.rejected_warn
    backlog = CheckOut(
        status="warn" if are_many else "pass",
        componentType="datastore",
        observedValue=rejected,
        observedUnit="events",
        output="Read GET /v1/events/rejected; replay or purge them." if are_many else None,
    )
    return {"events:rejected": backlog}


async def _stored_gauges(_: Resources, connection: AsyncConnection) -> Iterable[GaugeValue]:
    return [("perennial_rejected_backlog", (), await count_rejected(connection))]


PART = Part(
    "ingest",
    routers=(events, segment, shops, rejected, replays),
    schemas=(EventIn, SegmentMessageIn, SegmentBatchIn, ReplayIn),
    check=_check_lag,
    check_stored=_check_backlog,
    stored_gauges=_stored_gauges,
)
