"""States against a recomputation from the events: reporting every difference, and repairing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from app.customers import queries
from app.db import transaction
from app.lifecycle.measures import MEASURES, Lift, Measure, Merge

BATCH_CUSTOMERS = 2000
TOLERANCE = 1e-9
"""Relative, for sums of floats; and absolute where all that is left of a decayed sum is nothing."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure of a customer that is not what the events say. None: there is no row at all."""

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
    is_float = measure.merge is Merge.DECAYED or measure.lift in (Lift.SEASON_COS, Lift.SEASON_SIN)
    if is_float and kept is not None and recomputed is not None:
        return isclose(kept, recomputed, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(kept == recomputed)


def compare(customer_id: str, kept: Sequence[Any] | None, recomputed: Sequence[Any] | None) -> list[Difference]:
    """The differences of one customer: measures in the order of MEASURES."""
    if kept is None or recomputed is None:
        presence = ("missing", "present")
        return [Difference(customer_id, "row", presence[kept is not None], presence[recomputed is not None])]
    return [
        Difference(customer_id, measure.name, ours, theirs)
        for measure, ours, theirs in zip(MEASURES, kept, recomputed, strict=True)
        if not _agree(measure, ours, theirs)
    ]


async def verify(engine: AsyncEngine) -> AsyncIterator[VerifiedBatch]:
    """Recomputes every state from the events, a range of customers at a time; changes nothing."""
    after: str | None = ""
    while after is not None:
        async with transaction(engine) as connection:
            through = await queries.end_of_range(connection, after, BATCH_CUSTOMERS)
            kept, recomputed = await queries.read_both(connection, after, through)
        customer_ids = sorted(kept.keys() | recomputed.keys())
        differences = [
            difference
            for customer_id in customer_ids
            for difference in compare(customer_id, kept.get(customer_id), recomputed.get(customer_id))
        ]
        yield VerifiedBatch(len(customer_ids), differences)
        after = through


async def rebuild(engine: AsyncEngine) -> AsyncIterator[int]:
    """Writes every state anew from the events, a range at a time; events may come in meanwhile.

    The rows of a range are locked first: an event whose merge waits for that lock is not among the events
    read, and is merged into the new row afterwards.
    """
    after: str | None = ""
    while after is not None:
        async with transaction(engine) as connection:
            through = await queries.end_of_range(connection, after, BATCH_CUSTOMERS)
            written = await queries.rebuild_range(connection, after, through)
        yield written
        after = through
