"""What the demo shop sold, item by item, as purchases for learning."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np

from app.lifecycle.events import ORDER_COMPLETED
from ml.data.purchases import Purchases, collect_purchases


def purchases_of(events: Iterable[Mapping[str, Any]]) -> Purchases:
    """Of the shop's CloudEvents. A store is `/demo/pos/store-…` or the web, whatever the till."""
    lines = [
        (event["subject"], line["product_id"], event["time"], line["quantity"], line["category"], event["source"])
        for event in events
        if event["type"] == ORDER_COMPLETED
        for line in event["data"]["products"]
    ]
    customers, items, times, quantities, categories, sources = zip(*lines, strict=True)
    moments = np.array([datetime.fromisoformat(each).timestamp() * 1e6 for each in times])
    stores = np.array([each.partition("/till-")[0] for each in sources])
    units = np.array(quantities, np.float64)
    return collect_purchases(np.array(customers), np.array(items), moments, units, np.array(categories), stores)
