"""Cut-offs in time: monthly, with labels that end before they may be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ibis.expr.types as ir
from dateutil.relativedelta import relativedelta

from app.foundation.errors import Refusal
from app.lifecycle.events import DAY_US, ORDER_COMPLETED
from app.lifecycle.strays import LOOKED_AT, Strays, find_strays
from ml.data.states import LabelledStates

HISTORY_DAYS = 180
"""Least history before the first cut-off: before it nobody is known well enough to learn from."""
MOST_CUTOFFS = 24
"""Two years: each season twice. Older habits are no guide, and training stays bounded."""
MONTH_DAYS = 21
"""Horizons of up to so many days are shorter than a month: longer ones would have hardly more cut-offs."""
SHORTEST_DAYS = 7
MOST_CLOSE = 24
FEWEST_CUSTOMERS = 200
FEWEST_OF_EACH = 50
FALL_BACK = "Until then the model in force serves, or rules where there is none."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Untrainable(Refusal):
    """The history cannot train a model; the sentence says what is missing and what serves until then."""


@dataclass(frozen=True, slots=True)
class Span:
    """The first and the last order of a history, in microseconds."""

    first_us: int
    last_us: int

    @property
    def until_us(self) -> int:
        """The last midnight (UTC) before which the history is whole."""
        return self.last_us // DAY_US * DAY_US


def count(number: int, one: str, many: str) -> str:
    """The number with the words that agree with it."""
    return f"{number} {one if number == 1 else many}"


def to_us(moment: datetime) -> int:
    """An aware time → microseconds since 1970 UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def to_time(us: int) -> datetime:
    """Microseconds since 1970 → UTC."""
    return _EPOCH + timedelta(microseconds=int(us))


def span_of(events: ir.Table) -> Span:
    """When the orders of a history began, stray times aside, and ended. Raises Untrainable where there is none."""
    is_order = events.type == ORDER_COMPLETED
    found = events.aggregate(
        events=events.count(),
        first_us=events.occurred_us.min(where=is_order),
        last_us=events.occurred_us.max(where=is_order),
    )
    row = found.to_pyarrow().to_pylist()[0]
    if not row["events"]:
        raise Untrainable(f"There are no customers and no orders to learn from. {FALL_BACK}")
    if row["first_us"] is None:
        raise Untrainable(
            f"There is no order among the {count(row['events'], 'event', 'events')}, so nothing to learn. {FALL_BACK}"
        )
    strays = strays_of(events.filter(is_order), row["last_us"])
    return Span(strays.beginning_us if strays else row["first_us"], row["last_us"])


def strays_of(orders: ir.Table, last_us: int) -> Strays | None:
    """The orders dated far before all others, whose last is at `last_us`; None where there is none."""
    earliest = orders.select("occurred_us").order_by("occurred_us").limit(LOOKED_AT).to_pyarrow()
    return find_strays(earliest["occurred_us"].to_pylist(), last_us)


def monthly_cutoffs(span: Span, last_us: int) -> list[int]:
    """`last_us` and the same day of the months before it, while there is enough history; ascending.

    A month that is too short for the day gives its last one.
    """
    last = to_time(last_us)
    cutoffs = [to_us(last - relativedelta(months=months)) for months in range(MOST_CUTOFFS)]
    return sorted(at_us for at_us in cutoffs if at_us - span.first_us >= HISTORY_DAYS * DAY_US)


def learning_cutoffs(span: Span, last_us: int, horizon_days: int) -> list[int]:
    """What a horizon is learnt from: the monthly cut-offs, and where it is shorter than a month as many as MOST_CLOSE
    a horizon apart (SHORTEST_DAYS at least) in the place of the latest of them; ascending.

    A month has several such horizons, of which a cut-off a month would show one.
    """
    monthly = monthly_cutoffs(span, last_us)
    step_us = max(horizon_days, SHORTEST_DAYS) * DAY_US
    if not monthly or step_us > MONTH_DAYS * DAY_US:
        return monthly
    close = [last_us - number * step_us for number in range(MOST_CLOSE)]
    close = [at_us for at_us in close if at_us - span.first_us >= HISTORY_DAYS * DAY_US]
    return sorted({*(at_us for at_us in monthly if at_us < close[-1] - step_us // 2), *close})


def matured(cutoffs_us: Sequence[int], until_us: int, horizon_days: int) -> list[int]:
    """The cut-offs whose labels end at `until_us` or before."""
    return [cutoff_us for cutoff_us in cutoffs_us if cutoff_us + horizon_days * DAY_US <= until_us]


def check_trainable(past: LabelledStates, present: LabelledStates, horizon_days: int) -> None:
    """Raises Untrainable where there is too little to learn from."""
    customers = len(present.churned)
    if customers < FEWEST_CUSTOMERS:
        who = count(customers, "customer has", "customers have")
        raise Untrainable(f"Only {who} bought; a model needs {FEWEST_CUSTOMERS}. {FALL_BACK}")
    if present.purchase_days.max() < 2:
        raise Untrainable(f"None of {customers} customers bought twice: there is no rhythm to learn. {FALL_BACK}")
    churned = int(past.churned.sum())
    bought = len(past.churned) - churned
    if min(churned, bought) < FEWEST_OF_EACH:
        raise Untrainable(
            f"At past cut-offs, within {count(horizon_days, 'day', 'days')}, customers bought "
            f"{count(bought, 'time', 'times')} and stayed away {count(churned, 'time', 'times')}; a model needs "
            f"{FEWEST_OF_EACH} of each. {FALL_BACK}"
        )
