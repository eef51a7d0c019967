"""Events as the table that training reads, and a small simulated shop."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import ibis
import pyarrow as pa
import pytest

import ml.learning.additive
from app.database.order_lines import write_lines
from app.lifecycle.event_types import read_facts
from app.lifecycle.events import Event
from app.lifecycle.order_lines import read_lines
from ml.demo.simulate import simulate

SHOP_ENDS_AT = datetime(2026, 6, 1, tzinfo=UTC)
NUMBERS = ("occurred_us", "amount_minor", "discount_minor", "items", "points")
COLUMNS = [name for name in Event._fields if name not in ("digest", "data")]
LINES = pa.list_(
    pa.struct(
        [
            *((name, pa.string()) for name in ("item_id", "category")),
            ("quantity", pa.float64()),
            *((name, pa.int64()) for name in ("price_minor", "discount_minor")),
        ]
    )
)
TYPES = dict.fromkeys(NUMBERS, pa.int64()) | {"lines": LINES}
SCHEMA = pa.schema([(name, TYPES.get(name, pa.string())) for name in COLUMNS])


def to_us(moment):
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def as_event(cloud_event):
    """A CloudEvent of the simulation as the core's event."""
    occurred_us = to_us(datetime.fromisoformat(cloud_event["time"]))
    facts = read_facts(cloud_event["type"], cloud_event["data"], 2)
    identity = (cloud_event["subject"], cloud_event["source"], cloud_event["id"], cloud_event["type"])
    lines = write_lines(cloud_event["type"], cloud_event["data"], 2)
    return Event(*identity, occurred_us, **facts, digest=b"", data="", lines=lines)


def as_table(events):
    """Events (or mappings of their columns) → the Ibis table that `ml.data.states` reads."""
    told = [
        event if isinstance(event, Mapping) else {name: getattr(event, name) for name in COLUMNS} for event in events
    ]
    rows = [{**row, "lines": [line._asdict() for line in read_lines(row.get("lines"))] or None} for row in told]
    connection = ibis.duckdb.connect()
    connection.con.register("arrived", pa.Table.from_pylist(rows, schema=SCHEMA))
    connection.con.execute("CREATE TABLE events AS SELECT * FROM arrived")
    return connection.table("events")


@pytest.fixture(scope="module")
def one_bag():
    """Trees of one bag: the mean of several is better, and takes so many times as long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ml.learning.additive, "BAGS", 1)
        yield


@pytest.fixture(scope="session")
def table_of():
    return as_table


@pytest.fixture(scope="session")
def shop_events():
    """Nineteen months of 500 simulated customers, prospects included."""
    return [as_event(made) for made in simulate(7, 500, SHOP_ENDS_AT, days=580)]


@pytest.fixture(scope="session")
def shop(shop_events):
    return as_table(shop_events)


@pytest.fixture
def order_of():
    """Makes an order: customer, time in microseconds, and columns that differ from the usual."""

    def make(customer_id, occurred_us, **columns):
        usual = dict.fromkeys(COLUMNS) | dict.fromkeys(NUMBERS, 0)
        usual |= {"source": "/till", "type": "order.completed", "amount_minor": 1000, "items": 1}
        identity = {
            "customer_id": customer_id,
            "occurred_us": occurred_us,
            "id": f"{customer_id}-{occurred_us}",
        }
        return usual | identity | columns

    return make
