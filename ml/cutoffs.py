"""Cut-offs in time: monthly, with labels that end before they may be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ibis.expr.types as ir
from dateutil.relativedelta import relativedelta

from app.errors import Refusal
from app.lifecycle.events import DAY_US, ORDER_COMPLETED
from ml.data import LabelledStates

HISTORY_DAYS = 180
"""Least history before the first cut-off: before it nobody is known well enough to learn from."""
FEWEST_ROWS = 300
FEWEST_OF_EACH = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Untrainable(Refusal):
    """The history cannot train a model; the sentence says what is missing and what serves instead."""


@dataclass(frozen=True, slots=True)
class Span:
    """The first and the last event of a history, in microseconds."""

    first_us: int
    last_us: int


def to_us(moment: datetime) -> int:
    """An aware time → microseconds since 1970 UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def to_time(us: int) -> datetime:
    """Microseconds since 1970 → UTC."""
    return _EPOCH + timedelta(microseconds=int(us))


def span_of(events: ir.Table) -> Span:
    """When the orders of a history began and ended. Raises Untrainable where there is none."""
    orders = events.filter(events.type == ORDER_COMPLETED)
    times = orders.aggregate(first_us=orders.occurred_us.min(), last_us=orders.occurred_us.max()).to_pyarrow()
    first_us, last_us = times["first_us"][0].as_py(), times["last_us"][0].as_py()
    if first_us is None:
        raise Untrainable("There is no order in the data. Scores come from rules.")
    return Span(first_us, last_us)


def monthly_cutoffs(span: Span, last_us: int) -> list[int]:
    """`last_us` and the same day of the months before it, while there is enough history; ascending."""
    last = to_time(last_us)
    cutoffs = []
    for months in range(1200):
        cutoff_us = to_us(last - relativedelta(months=months))
        if cutoff_us - span.first_us < HISTORY_DAYS * DAY_US:
            break
        cutoffs.append(cutoff_us)
    return cutoffs[::-1]


def matured(cutoffs_us: Sequence[int], until_us: int, horizon_days: int) -> list[int]:
    """The cut-offs whose labels end at `until_us` or before."""
    return [cutoff_us for cutoff_us in cutoffs_us if cutoff_us + horizon_days * DAY_US <= until_us]


def check_trainable(rows: LabelledStates, horizon_days: int) -> None:
    """Raises Untrainable where there is too little to learn from."""
    churned = int(rows.churned.sum())
    stayed = len(rows.churned) - churned
    if len(rows.churned) < FEWEST_ROWS or min(churned, stayed) < FEWEST_OF_EACH:
        raise Untrainable(
            f"Of {len(rows.churned)} customers at past cut-offs {stayed} bought again within {horizon_days}"
            f" days and {churned} did not; {FEWEST_ROWS} and {FEWEST_OF_EACH} of each are needed. "
            "Scores come from rules until there is more history."
        )
