"""Every table. Times are integer microseconds since 1970 UTC, money integer minor units.

Every primary key of a large table begins with `customer_id`, so that the schema distributes by it.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.database import audit_tables as audit_tables
from app.database import console_tables as console_tables
from app.database import contact_tables as contact_tables
from app.database import item_tables as item_tables
from app.database import kpi_tables as kpi_tables
from app.database import loyalty_tables as loyalty_tables
from app.database import privacy_tables as privacy_tables
from app.database.decision_tables import action_versions as action_versions
from app.database.decision_tables import actions as actions
from app.database.decision_tables import decisions as decisions
from app.database.decision_tables import offers as offers
from app.database.metadata import metadata as metadata
from app.database.order_lines import ORDER_LINES
from app.database.state_tables import base_channels as base_channels
from app.database.state_tables import base_links as base_links
from app.database.state_tables import base_name as base_name
from app.database.state_tables import bases as bases
from app.database.state_tables import customer_cases as customer_cases
from app.database.state_tables import customer_consents as customer_consents
from app.database.state_tables import customer_interests as customer_interests
from app.database.state_tables import customer_items as customer_items
from app.database.state_tables import customer_states as customer_states
from app.database.state_tables import left_events as left_events
from app.database.state_tables import left_kinds as left_kinds
from app.database.state_tables import measure_type as measure_type

OF_ORDERS = (
    "type IN ('order.cancelled', 'order.updated', 'order.refunded', 'order.refunded (void)', 'points.earned',"
    " 'points.redeemed', 'points.expired', 'points.earned (void)', 'points.redeemed (void)', 'points.expired (void)')"
)
"""What is said of orders that came before, or are to come."""
OF_RECOMMENDATIONS = "type IN ('recommendation.shown', 'recommendation.clicked', 'recommendation.added')"
"""What became of recommendations."""
REFUNDS = "type = 'order.refunded'"
OF_RECOMMENDED = "type = 'order.completed' AND strpos(CAST(data AS text), 'recommendation_id') > 0"
"""Orders with a line that names one."""
ORDERS = "type = 'order.completed'"
"""Orders that count."""
OF_OTHERS = "type <> 'order.completed'"
"""All else, looked up by type and time: what orders cost at the till is as without."""

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
    Column("lines", ORDER_LINES),
    Column("received_us", BigInteger, nullable=False),
    Column("told_lines", ORDER_LINES),
    Index("uq_events_source_id", "source", "id", unique=True),
    Index("ix_events_source_reference", "source", "reference", "customer_id", postgresql_where=text(OF_ORDERS)),
    Index("ix_events_reference", "reference", postgresql_where=text(OF_RECOMMENDATIONS)),
    Index("ix_events_occurred_us", "occurred_us", postgresql_where=text(OF_RECOMMENDED)),
    Index("ix_events_received_us", "received_us", postgresql_where=text(REFUNDS)),
    Index("ix_events_ordered_us", "occurred_us", postgresql_where=text(ORDERS)),
    Index("ix_events_type_occurred_us", "type", "occurred_us", postgresql_where=text(OF_OTHERS)),
)
"""The log of all that happened. `uq_events_source_id` makes an event count once for ever, whoever
it is said to be of. `lines` are without what was given back, as far as their order is known; `told_lines`, where
those are others: as they were told."""


state_horizons = Table(
    "state_horizons",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("horizon_us", BigInteger, nullable=False),
)
"""Of customers some of whose bounded states (`StateSpec.name`) were forgotten: the time up to which they may be."""

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

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key_sha256", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("revoked_us", BigInteger),
    Column("expires_us", BigInteger),
    Column("last_used_us", BigInteger),
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
"""What was last said of two ids being one person (`app.lifecycle.persons.Edge`), by (time, source, id)."""

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
    Column("is_computed", Boolean, nullable=False, server_default=text("false")),
    Index("ix_stage_transitions_at_us", "at_us"),
)
"""Every change of stage: when it took place as far as known, and when it was recorded. A customer's form a
chain in the order of `at_us`: from NULL where the record begins, to NULL where the id joins another customer.
`is_computed`: worked out afterwards, of before it began. The first other one may lead from a stage to the same."""

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

models = Table(
    "models",
    metadata,
    Column("version", Text, primary_key=True),
    Column("kind", Text, nullable=False, server_default="score"),
    Column("state", Text, nullable=False),
    Column("is_simulated", Boolean, nullable=False),
    Column("horizon_days", BigInteger, nullable=False),
    Column("feature_digest", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("data_from_us", BigInteger, nullable=False),
    Column("data_until_us", BigInteger, nullable=False),
    Column("metrics", JSONB, nullable=False),
    Column("registered_us", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("tables", LargeBinary, nullable=False),
    Column("card", Text),
    CheckConstraint("kind IN ('score', 'recommend', 'policy', 'sentiment')", name="kind"),
    CheckConstraint("state IN ('champion', 'challenger', 'retired')", name="state"),
    Index("uq_models_champion_of_kind", "kind", unique=True, postgresql_where=text("state = 'champion'")),
)
"""Every model there was, with the bytes that serve it: replicas share no disk. `sha256` is of `manifest`, which
has the digests of the other files. Of each kind one champion serves; one challenger of the scores' is scored in its
shadow. `feature_digest` says what a model's inputs mean."""

model_changes = Table(
    "model_changes",
    metadata,
    Column("change_id", BigInteger, Identity(), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("was", Text),
    Column("state", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    CheckConstraint("act IN ('registered', 'promoted', 'rolled_back', 'replaced', 'kept')", name="act"),
)
"""Every change of a model's state, who made it and why; what a rollback goes back by. `was` NULL: it is new."""

model_approvals = Table(
    "model_approvals",
    metadata,
    Column("approval_id", BigInteger, Identity(), primary_key=True),
    Column("version", Text, nullable=False),
    Column("against", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Index("ix_model_approvals_version", "version"),
)
"""The word of a second person for a disparate change: what a model would do beside the version `against`, or `rules`,
as the `sentence` has it."""

predictions = Table(
    "predictions",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("at_us", BigInteger, primary_key=True),
    Column("churn_risk", Double, nullable=False),
    Column("expected_orders", Double, nullable=False),
    Column("expected_spend_minor", Double, nullable=False),
    Column("orders_ahead", BigInteger),
    Column("spend_ahead_minor", BigInteger),
    Column("expected_others", JSONB),
    Column("sums_ahead", JSONB),
    Index("ix_predictions_at_us", "at_us"),
)
"""What models said of a sample of customers at `at_us`, and, once the horizon has passed, what came.

`expected_others` is by name of the targets beyond the three that the model knew; NULL: of none. `sums_ahead` is what
the measures that these are measured against came to, by name."""

model_reports = Table(
    "model_reports",
    metadata,
    Column("version", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("at_us", BigInteger, primary_key=True),
    Column("made_us", BigInteger, nullable=False),
    Column("report", JSONB, nullable=False),
    CheckConstraint("kind IN ('drift', 'outcome', 'due', 'baskets', 'shadow', 'choices', 'realised')", name="kind"),
)
"""How a model fares: `drift` of its features at `at_us`; `outcome`, what it said then against what came. Of one of
recommendations `due`, what it called due until then against what came, `baskets`, how
often its lists hit; of a challenger `shadow`, its lists, or its choices, beside the champion's. Of a policy `choices`,
what it would choose for whom beside what is chosen, when it was last to be put in force, and `realised`, what came."""

scores = Table(
    "scores",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("as_of_us", BigInteger, nullable=False),
    Column("stage", Text, nullable=False),
    Column("churn_risk", Double),
    Column("expected_orders", Double),
    Column("expected_spend_minor", Double),
    Column("value_tier", Text),
    Column("expected_next_order_us", BigInteger),
    Column("model_version", Text),
)
"""Everybody's score at one time, published whole by `perennial score`."""
