"""What the tests of the demo shop look at: one shop, and how its events are read."""

from collections import defaultdict
from datetime import datetime

SEED, CUSTOMERS, DAYS = 7, 400, 730
UNTIL = datetime.fromisoformat("2026-11-22T15:30:00+08:00")


def of_type(events, *types):
    return [event for event in events if event["type"] in types]


def find_order_times(events):
    """Customer id → times of their orders, ascending; no entry for who never bought."""
    times = defaultdict(list)
    for order in of_type(events, "order.completed"):
        times[order["subject"]].append(datetime.fromisoformat(order["time"]))
    return dict(times)


def minor(amount):
    assert round(amount, 2) == amount
    return round(amount * 100)
