"""How good the churn risk is on a retailer's own past, beside the classic models."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np

from ml.cutoffs import Untrainable, check_trainable, matured, monthly_cutoffs, span_of, to_us
from ml.data import labelled_states
from ml.train import measure_against_classics
from ml.transactions import load_orders


def evaluate_churn(
    path: Path,
    cutoff: date,
    horizon_days: int = 90,
    *,
    progress: Callable[[str], None],
    timezone: str = "UTC",
) -> dict[str, Any]:
    """Metrics of P(no purchase in `[cut-off, cut-off + horizon)`) over all who bought before the cut-off.

    Trains only on monthly cut-offs whose labels end at the cut-off or before. Returns `n`, `base_rate`
    and, for each of `models`, auc, brier, log_loss, ece and lift_at_10; null where a model's score is no
    probability. Raises Untrainable, UnusableTransactions.
    """
    connection = ibis.duckdb.connect()
    load_orders(connection.con, path, source="evaluation", timezone=timezone)
    events = connection.table("events")
    span = span_of(events)
    cutoff_us = to_us(datetime(cutoff.year, cutoff.month, cutoff.day, tzinfo=UTC))
    end = cutoff + timedelta(days=horizon_days)
    if span.last_us < to_us(datetime(end.year, end.month, end.day, tzinfo=UTC)) - 86_400_000_000:
        raise Untrainable(f"The data end before {end}: what happened in the horizon is not known.")
    earlier = matured(monthly_cutoffs(span, cutoff_us), cutoff_us, horizon_days)
    if not earlier:
        raise Untrainable(
            "No earlier cut-off has 180 days of history and a horizon that ends before this one."
        )
    progress(f"Reading states at {len(earlier) + 1} cut-offs …")
    rows = labelled_states(events, [*earlier, cutoff_us], horizon_days)
    trained_on, tested_on = rows.cutoffs_us != cutoff_us, rows.cutoffs_us == cutoff_us
    check_trainable(rows.at(trained_on), horizon_days)
    progress(f"Fitting on {int(trained_on.sum()):,} customers at past cut-offs …")
    models = measure_against_classics(rows, rows.features(), trained_on, tested_on, horizon_days)
    return {"n": int(tested_on.sum()), "base_rate": float(np.mean(rows.churned[tested_on])), "models": models}
