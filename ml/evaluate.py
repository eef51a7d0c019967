"""How good the churn risk is on a retailer's own past, beside the classic models."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import ibis

from app.lifecycle.events import DAY_US
from ml.btyd import FitError
from ml.churn import measure_against_classics
from ml.cutoffs import (
    HISTORY_DAYS,
    Span,
    Untrainable,
    check_trainable,
    matured,
    monthly_cutoffs,
    span_of,
    to_time,
    to_us,
)
from ml.data import labelled_states, refuse_leaks
from ml.transactions import load_orders


def evaluate_churn(
    path: Path,
    cutoff: date,
    horizon_days: int = 90,
    *,
    progress: Callable[[str], None],
    currency: str = "CNY",
    timezone: str = "UTC",
    **columns: str | None,
) -> dict[str, Any]:
    """Metrics of P(no purchase in `[cut-off, cut-off + horizon)`) over all who bought before the cut-off.

    The cut-off is midnight UTC. Trains only on the same day of earlier months whose labels end at the
    cut-off or before. Returns `n`, `base_rate` and, for each of `models`, auc, brier, log_loss, ece and
    lift_at_10; null where a model's score is no probability. Raises Untrainable, UnusableTransactions.
    """
    connection = ibis.duckdb.connect()
    load_orders(connection.con, path, source="evaluation", currency=currency, timezone=timezone, **columns)
    events, cutoff_us = connection.table("events"), to_us(datetime.combine(cutoff, time(), UTC))
    earlier = _earlier_cutoffs(span_of(events), cutoff_us, horizon_days)
    progress(f"Reading states at {len(earlier) + 1} cut-offs …")
    rows = labelled_states(events, [*earlier, cutoff_us], horizon_days)
    past, test = rows.at(rows.cutoffs_us < cutoff_us), rows.at(rows.cutoffs_us == cutoff_us)
    check_trainable(past, test, horizon_days)
    refuse_leaks(events, cutoff_us)
    progress(f"Fitting on {len(past.churned):,} customers at past cut-offs …")
    try:
        models = measure_against_classics(past, test, horizon_days)
    except FitError as error:
        raise Untrainable(str(error)) from error
    return {"n": len(test.churned), "base_rate": float(test.churned.mean()), "models": models}


def _earlier_cutoffs(span: Span, cutoff_us: int, horizon_days: int) -> list[int]:
    """Monthly cut-offs to learn from. Raises Untrainable where there is none, or the outcome is not known."""
    end_us = cutoff_us + horizon_days * DAY_US
    if span.last_us < end_us - DAY_US:
        raise Untrainable(
            f"The data end on {to_time(span.last_us):%Y-%m-%d}: who bought until {to_time(end_us):%Y-%m-%d} "
            "is not known yet."
        )
    earlier = matured(monthly_cutoffs(span, cutoff_us), cutoff_us, horizon_days)
    if earlier:
        return earlier
    first = to_time(span.first_us + (HISTORY_DAYS + horizon_days) * DAY_US)
    raise Untrainable(
        f"There is too little to learn from before {to_time(cutoff_us):%Y-%m-%d}: it takes {HISTORY_DAYS} "
        f"days of history and {horizon_days} of outcome. The first cut-off possible is {first:%Y-%m-%d}."
    )
