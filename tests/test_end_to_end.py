"""The whole way over HTTP, on simulated data: two replays of some days, the server killed between."""

import asyncio
from datetime import UTC, datetime
from itertools import islice

from app.lifecycle.events import ORDER_COMPLETED, ORDER_REFUNDED
from benchmarks.replay import Shop, run
from ml.demo.simulate import simulate


def test_a_killed_server_loses_nothing_and_counts_nothing_twice(make_database, tmp_path):
    shop_events = simulate(seed=3, customers=150, until=datetime(2026, 6, 1, tzinfo=UTC), days=120)
    orders = (event for event in shop_events if event["type"] in (ORDER_COMPLETED, ORDER_REFUNDED))
    settings = {"PERENNIAL_DATABASE_URL": make_database(), "PERENNIAL_HOME": str(tmp_path)}
    sentences = asyncio.run(run(Shop(settings), list(islice(orders, 250))))
    assert len(sentences) == 3
