"""Tables of states, and of what events that have left the log came to."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, Table, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from app.database.metadata import metadata
from app.lifecycle.measures import Measure, Merge
from app.lifecycle.states import CASE, CONSENT, CUSTOMER, INTEREST, ITEM, STATES, StateSpec


def measure_type(measure: Measure) -> TypeEngine[Any]:
    """The type of a measure's column."""
    if measure.merge is Merge.LATEST:
        return Text(collation="C")
    if measure.merge is Merge.DAYS:
        return ARRAY(Integer, as_tuple=True)
    if measure.is_float:
        return Double()
    return BigInteger()


def _measure_column(measure: Measure) -> Column[Any]:
    if measure.merge in (Merge.SUM, Merge.DECAYED):
        return Column(measure.name, measure_type(measure), nullable=False, server_default=text("0"))
    if measure.merge is Merge.DAYS:
        return Column(measure.name, measure_type(measure), nullable=False, server_default=text("'{}'"))
    return Column(measure.name, measure_type(measure))


def _state_table(spec: StateSpec, name: str = "") -> Table:
    """One row a state: the merge of all its events. Room is left on each page for the next version."""
    keys = [Column(key, Text, primary_key=True) for key in spec.keys]
    columns = [_measure_column(measure) for measure in spec.measures]
    return Table(name or spec.table, metadata, *keys, *columns, postgresql_with={"fillfactor": 70})


def base_name(spec: StateSpec) -> str:
    """The table of what a state's events that have left the log came to (`app.database.bases`)."""
    return f"base_{spec.table}"


customer_states = _state_table(CUSTOMER)
Index("ix_customer_states_first_event_us", customer_states.c.first_event_us)
customer_cases = _state_table(CASE)
customer_consents = _state_table(CONSENT)
customer_items = _state_table(ITEM)
Index("ix_customer_items_drawn", customer_items.c.item_id, func.hashtext(customer_items.c.customer_id))
customer_interests = _state_table(INTEREST)
for _spec in STATES:
    _state_table(_spec, base_name(_spec))

bases = Table(
    "bases",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("until_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
)
"""Of customers some of whose events have left the log: how many, when the latest of them happened, and when the last
was received. What was before cannot be told from one another any more."""

base_channels = Table(
    "base_channels",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("orders", BigInteger, nullable=False),
)
"""Orders that have left the log, by channel; of none under `unknown`."""

base_links = Table(
    "base_links",
    metadata,
    Column("low_id", Text, primary_key=True),
    Column("high_id", Text, primary_key=True),
    Column("is_joined", Boolean, nullable=False),
    Column("survivor_id", Text, nullable=False),
    Column("occurred_us", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("first_us", BigInteger),
    Index("ix_base_links_high_id", "high_id"),
)
"""What events that have left said of pairs of ids, as `links` has it of all."""

left_events = Table(
    "left_events",
    metadata,
    Column("key_hash", LargeBinary, primary_key=True),
)
"""Of every event that has left the log a keyed hash of source and id: it counts once for ever."""

left_kinds = Table(
    "left_kinds",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("until_us", BigInteger, nullable=False),
)
"""Of each kind of event of which some have left the log: when the latest of them happened."""
