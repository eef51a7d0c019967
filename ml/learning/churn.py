"""Histories as the classic models of churn see them."""

import numpy as np

from app.lifecycle.events import DAY_US
from ml.data.states import LabelledStates
from ml.learning.comparators import PurchaseSummary


def summarise(rows: LabelledStates) -> PurchaseSummary:
    """Recency, tenure, distinct days with an order, and net spend in minor units; each as of its own cut-off."""
    return PurchaseSummary(
        recency_days=(rows.cutoffs_us - rows.measure("last_order_us")) / DAY_US,
        tenure_days=(rows.cutoffs_us - rows.measure("first_order_us")) / DAY_US,
        purchases=np.minimum(rows.purchase_days, np.ceil(rows.measure("orders"))),  # a stray day is none of theirs
        spend=rows.measure("spend_minor") - rows.measure("refunded_minor"),
    )


def usual_gap_days(rows: LabelledStates) -> float:
    """Median over customers who bought on several days of their mean days between them."""
    history = summarise(rows)
    again = history.repeats > 0
    return float(np.median(history.last_repeat_days[again] / history.repeats[again]))
