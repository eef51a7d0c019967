"""Every table. Times are integer microseconds since 1970 UTC, money integer minor units.

Every primary key of a large table begins with `customer_id`, so that the schema distributes by it.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.lifecycle.measures import MEASURES, Lift, Measure, Merge

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    }
)

events = Table(
    "events",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("occurred_us", BigInteger, nullable=False),
    Column("kind", Text),
    Column("channel", Text),
    Column("reference", Text),
    Column("amount_minor", BigInteger, nullable=False),
    Column("discount_minor", BigInteger, nullable=False),
    Column("items", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("value", Text),
    Column("digest", LargeBinary, nullable=False),
    Column("data", JSON, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Index("uq_events_source_id", "source", "id", unique=True),
)
"""The log of all that happened. `uq_events_source_id` makes an event count once for ever, whoever
it is said to be of."""


def _measure_column(measure: Measure) -> Column[Any]:
    if measure.merge is Merge.LATEST:
        return Column(measure.name, Text(collation="C"))
    if measure.merge is Merge.DECAYED or measure.lift in (Lift.SEASON_COS, Lift.SEASON_SIN):
        return Column(measure.name, Double, nullable=False, server_default=text("0"))
    if measure.merge is Merge.SUM:
        return Column(measure.name, BigInteger, nullable=False, server_default=text("0"))
    return Column(measure.name, BigInteger)


customer_states = Table(
    "customer_states",
    metadata,
    Column("customer_id", Text, primary_key=True),
    *(_measure_column(measure) for measure in MEASURES),
    postgresql_with={"fillfactor": 70},
)
"""One row a customer: the merge of all their events. Room is left on each page for the next version."""

rejected_events = Table(
    "rejected_events",
    metadata,
    Column("rejected_id", BigInteger, Identity(), primary_key=True),
    Column("received_us", BigInteger, nullable=False),
    Column("problem", JSONB, nullable=False),
    Column("event", Text, nullable=False),
    Index("ix_rejected_events_received_us", "received_us"),
)
"""What was refused, as it came (JSON text), and why."""

decisions = Table(
    "decisions",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("decision_id", Text, primary_key=True),
    Column("decided_us", BigInteger, nullable=False),
    Column("receipt", JSON, nullable=False),
    Column("answer", JSON, nullable=False),
)
"""The receipts: what was weighed, and the answer as it was given."""

offers = Table(
    "offers",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("action_id", Text, primary_key=True),
    Column("offered_us", BigInteger, nullable=False),
    postgresql_with={"fillfactor": 70},
)
"""When each action was last offered to a customer: what cool-downs are counted from."""

actions = Table(
    "actions",
    metadata,
    Column("action_id", Text, primary_key=True),
    Column("definition", JSONB, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key_sha256", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("revoked_us", BigInteger),
)
"""Only hashes of keys are kept."""

imports = Table(
    "imports",
    metadata,
    Column("import_id", Text, primary_key=True),
    Column("began_us", BigInteger, nullable=False),
    Column("batches_done", BigInteger, nullable=False),
    Column("finished_us", BigInteger),
)
"""How far each import has come, so that it resumes where it stopped."""

links = Table(
    "links",
    metadata,
    Column("low_id", Text, primary_key=True),
    Column("high_id", Text, primary_key=True),
    Column("is_joined", Boolean, nullable=False),
    Column("survivor_id", Text, nullable=False),
    Column("occurred_us", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("first_us", BigInteger),
    Index("ix_links_high_id", "high_id"),
    postgresql_with={"fillfactor": 80},
)
"""What was last said of two ids being one person (`app.lifecycle.identity.Edge`), by (time, source, id)."""

persons = Table(
    "persons",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("person_id", Text, nullable=False),
    Index("ix_persons_person_id", "person_id"),
)
"""Which ids are one person, derived from `links`. Who is not here is a person alone."""

stages = Table(
    "stages",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("stage", Text, nullable=False),
    Column("from_stage", Text),
    Column("since_us", BigInteger, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("churn_risk", Double),
    Column("expected_loss", Double, nullable=False),
    Column("model_version", Text),
    Column("checked_us", BigInteger, nullable=False),
    Column("crossed_us", BigInteger),
    Index("ix_stages_crossed_us", "crossed_us", postgresql_where=text("crossed_us IS NOT NULL")),
    postgresql_with={"fillfactor": 70},
)
"""Where each customer stood when it last made a difference: `rule` to `model_version` are of `checked_us`.

`from_stage` to `cause` are of the last transition. `crossed_us`: NULL, the risk is below
the threshold of warnings; a time, it was seen to rise to it then; 0, it was there when first judged.
"""

stage_transitions = Table(
    "stage_transitions",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("at_us", BigInteger, primary_key=True),
    Column("from_stage", Text),
    Column("to_stage", Text),
    Column("rule", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("churn_risk", Double),
    Column("model_version", Text),
    Column("recorded_us", BigInteger, nullable=False),
    Index("ix_stage_transitions_at_us", "at_us"),
)
"""Every change of stage: when it took place as far as known, and when it was recorded. A customer's form a
chain in the order of `at_us`: from NULL where the record begins, to NULL where the id joins another customer."""

sweeps = Table(
    "sweeps",
    metadata,
    Column("sweep_id", BigInteger, Identity(), primary_key=True),
    Column("as_of_us", BigInteger, nullable=False),
    Column("finished_us", BigInteger),
    Column("customers", BigInteger, nullable=False),
    Column("transitions", BigInteger, nullable=False),
    Column("model_version", Text),
    Column("policy", Text, nullable=False),
)
"""When everybody was judged, with which model, and by which stage policy (a digest)."""
