"""A file teaches the same, imported into the service or read by itself."""

import ibis
import numpy as np
import pytest

from app.customers.verification import verify
from app.foundation.settings import Settings
from app.ingest.rules import Rules
from ml.data.database import load_events
from ml.data.histories import read_history
from ml.data.importing import ImportOptions, import_file
from ml.data.states import labelled_states

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

HEADER = "customer,date,order_id,item_id,quantity,price"
LINES = """
C-1,2026-01-01 10:00:00,A-1,tea,2,10
C-1,2026-01-01 10:00:00,A-1,cup,1,5
C-1,2026-02-01 10:00:00,A-2,tea,1,10
C-1,2026-02-03 10:00:00,A-2,tea,-1,10
C-2,2026-01-05 10:00:00,A-3,tea,4,10
C-2,2026-01-06 10:00:00,A-3,tea,-1,10
C-2,2026-01-09 10:00:00,A-3,tea,-3,10
C-3,2026-01-05 10:00:00,A-4,tea,4,10
C-3,2026-01-06 10:00:00,A-4,tea,-1,10
C-4,2026-01-06 10:00:00,A-5,tea,-1,10
C-1,2026-03-01 10:00:00,A-7,tea,1,10
"""
BY_HAND = {"C-1": 2, "C-2": 0, "C-3": 1, "C-4": 0}
"""Orders of each: A-2 and A-3 were given back whole."""
CUTOFF_US = 1_772_323_200_000_000  # 2026-03-01
LEARNED = ("customer_ids", "states", "purchases", "purchase_days", "orders_ahead", "spend_ahead_minor")


def teach(events):
    """What a model learns of these events: states, labels and what classic models count."""
    rows = labelled_states(events, [CUTOFF_US], 30)
    return [np.asarray(getattr(rows, name)).tolist() for name in LEARNED]


async def test_counts_and_labels_are_the_same_both_ways(sql, engine, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(HEADER + LINES)
    settings = Settings()
    options = ImportOptions("/import", "UTC", False, {})
    await import_file(path, options, engine, settings, Rules.of(settings, b"k"), lambda *_: None)
    connection = ibis.duckdb.connect()
    await load_events(engine, connection.con, simulated=False)
    imported = connection.table("events")
    read = read_history(path, source="/import", currency="CNY", say=lambda _: None)
    facts = ["customer_id", "type", "occurred_us", "amount_minor", "items", "channel"]
    both = [table.select(facts).order_by(facts).to_pyarrow().to_pylist() for table in (imported, read)]
    assert both[0] == both[1]
    found = {row["customer_id"]: 0 for row in both[1]}
    for row in both[1]:
        found[row["customer_id"]] += row["type"] == "order.completed"
    assert found == BY_HAND
    np.testing.assert_equal(teach(imported), teach(read))
    assert [found async for batch in verify(engine) for found in batch.differences] == []
