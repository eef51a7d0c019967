"""Both engines make the same states of the same events, from one expression."""

import gc
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from app.lifecycle import events as e
from app.lifecycle.measures import NUMERIC
from app.lifecycle.states import STATES
from ml.data.engines import UnusableEngine, missing_for_spark, open_engine
from ml.data.states import labelled_states, states
from ml.training.training import Training, train

pytestmark = [
    pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning"),  # Ibis calls it
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),  # PySpark 4.0 was made before pandas 3
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # Py4J leaves them to the collector
]
DAY = e.DAY_US
MADE_AT = datetime(2026, 6, 2, 10, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def spark():
    """One session, with a bounded heap, for all tests of this module."""
    if missing := missing_for_spark():
        pytest.skip(missing)
    with open_engine("spark", "local[2]") as engine:
        yield engine
    gc.collect()  # here, where the sockets that it left do not matter


def odd_events(order_of, end_us):
    """What simulations do not make: the same moment twice, bounds to the microsecond, strange texts, no events."""
    consent = {"type": e.CONSENT_CHANGED, "kind": "marketing", "channel": "email", "amount_minor": 0}
    moment = end_us - 100 * DAY
    return [
        order_of("twice", moment, id="a"),
        order_of("twice", moment, id="b"),
        order_of("once", moment),
        order_of("at a cut-off", end_us - 90 * DAY),
        order_of("before a cut-off", end_us - 90 * DAY - 1),
        order_of("long ago", end_us - 9000 * DAY, amount_minor=10**12),
        order_of("long ago", end_us - 8999 * DAY, amount_minor=10**12),
        order_of("only refunds", moment, type=e.ORDER_REFUNDED),
        order_of("unknown type", moment, type="shop.renamed"),
        order_of("顾客 'x'", moment, value="顾客", **consent),
        order_of("顾客 'x'", moment, id="z", value=None, **consent),
        order_of("顾客 'x'", moment, id="Z", value="granted", **consent),
        order_of("顾客 'x'", moment - DAY, id="z2", value="denied", **consent),
        order_of("before 1970", -5 * DAY - 7),
        order_of("before 1970", -1),
    ]


@pytest.fixture(scope="module")
def history(shop_events, table_of):
    """Some thousand simulated events, as they would arrive: in no order."""
    end_us = max(event.occurred_us for event in shop_events)
    chosen = [event for event in shop_events if hash_of(event.customer_id) % 4 == 0]
    columns = [name for name in e.Event._fields if name not in ("digest", "data")]
    rows = [{name: getattr(event, name) for name in columns} for event in chosen]
    usual = dict.fromkeys(columns) | dict.fromkeys(("amount_minor", "discount_minor", "items", "points"), 0)
    usual |= {"source": "/till", "type": e.ORDER_COMPLETED, "amount_minor": 1000, "items": 1}

    def order_of(customer_id, occurred_us, **columns):
        identity = {"customer_id": customer_id, "occurred_us": occurred_us, "id": f"{customer_id}-{occurred_us}"}
        return usual | identity | columns

    rows += odd_events(order_of, end_us)
    shuffled = [rows[at] for at in np.random.default_rng(5).permutation(len(rows))]
    assert len(shuffled) > 2000
    return table_of(shuffled), [end_us - days * DAY for days in (400, 180, 120, 90, 89, 0)]


def hash_of(text):
    return sum(text.encode())


def rows_of(table, spec):
    """Sorted by keys and cut-off, so that they can be compared one by one."""
    found = table.to_pyarrow()
    return found.sort_by([(name, "ascending") for name in (*spec.keys, "cutoff_us")])


def assert_same(ours, theirs):
    """Integers and texts exactly, floats to 1e-9 of each."""
    assert ours.column_names == theirs.column_names
    assert ours.num_rows == theirs.num_rows > 0
    for name in ours.column_names:
        a, b = ours[name], theirs[name]
        if pa.types.is_floating(a.type):
            expected = pytest.approx(b.to_numpy(), rel=1e-9, abs=1e-300, nan_ok=True)
            assert a.to_numpy() == expected, name
        else:
            assert a.to_pylist() == b.to_pylist(), name


@pytest.mark.parametrize("spec", STATES, ids=lambda spec: spec.name)
def test_states_are_the_same_on_both(history, spark, spec):
    table, cutoffs = history
    ours, theirs = (rows_of(states(each, cutoffs, spec), spec) for each in (table, spark.take(table)))
    assert set(ours.column_names) == {*spec.keys, "cutoff_us", *(measure.name for measure in spec.measures)}
    assert_same(ours, theirs)


def test_training_rows_are_the_same_on_both(history, spark):
    table, cutoffs = history
    ours, theirs = (labelled_states(each, cutoffs[:2], 90) for each in (table, spark.take(table)))
    assert ours.customer_ids.tolist() == theirs.customer_ids.tolist()
    assert ours.states.shape == (len(ours.customer_ids), len(NUMERIC))
    assert ours.states == pytest.approx(theirs.states, rel=1e-9, abs=1e-300, nan_ok=True)
    for name in ("cutoffs_us", "purchase_days", "orders_ahead", "spend_ahead_minor"):
        assert getattr(ours, name).tolist() == getattr(theirs, name).tolist()
        assert getattr(ours, name).dtype == getattr(theirs, name).dtype


def flat(members, path=()):
    """(path, value) of whatever is told, however deep."""
    for name, value in members.items():
        if isinstance(value, dict):
            yield from flat(value, (*path, name))
        else:
            yield (*path, name), value


def test_the_model_is_the_same_on_both(shop, spark, tmp_path):
    """Every number of its tables to 1e-9, though states of floats differ in their last bits."""
    tables, manifests = [], []
    for name, events in (("duckdb", shop), ("spark", spark.take(shop))):
        directory = train(Training(events, "the demo shop", True, 60), tmp_path / name, MADE_AT, lambda _: None)
        with np.load(directory / "tables.npz", allow_pickle=False) as arrays:
            tables.append(dict(arrays))
        manifests.append(json.loads((directory / "manifest.json").read_text()))
    ours, theirs = tables
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        assert array.shape == theirs[name].shape, name
        assert array == pytest.approx(theirs[name], rel=1e-9, abs=1e-12, nan_ok=True), name
    ours, theirs = (dict(flat(manifest["metrics"])) for manifest in manifests)
    assert ours.keys() == theirs.keys()
    for path, value in ours.items():
        expected = theirs[path]
        assert value == (pytest.approx(expected, rel=1e-9) if isinstance(expected, float) else expected), path


def test_what_is_missing_is_said(monkeypatch):
    with pytest.raises(UnusableEngine, match="duckdb and spark"), open_engine("abacus"):
        pass
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(UnusableEngine, match="needs Java"), open_engine("spark"):
        pass


def test_duckdb_is_bounded(table_of, order_of):
    """What does not fit into memory goes to a directory that is gone in the end."""
    table = table_of([order_of("C", 0)])
    with open_engine("duckdb") as engine:
        assert engine.take(table) is table
        asked = "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
        ((limit, directory),) = table.get_backend().con.execute(asked).fetchall()
        assert limit == "1.2 GiB"
        assert Path(directory).is_dir()
    assert not Path(directory).exists()
