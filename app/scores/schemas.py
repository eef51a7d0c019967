"""Scores on the wire."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.http.times import Time
from app.lifecycle.measures import Channel
from app.lifecycle.stages import Stage
from app.lifecycle.targets import Link
from app.lifecycle.value import Tier

MAX_CUSTOMERS = 1000

ProspectMethod = Literal["additive_trees", "activity_rule"]
ProspectOrder = Literal["first_order", "likeness"]
Lack = Literal["no_model", "old_model"]
"""Why nothing was learned of prospects: no model serves, or one that is older than that."""


class ScoreReasonOut(BaseModel):
    """`effect` is the term of this feature in the log-odds of churn (`reasons`) or in the logarithm of the
    expected spend (`value_reasons`) or orders (`order_reasons`): positive raises it. `text` says the same for people,
    in the language asked for."""

    feature: str
    label: str
    text: str
    value: float | None
    unit: str
    effect: float


class SumOut(BaseModel):
    """`base`, what the average customer has at that time, + the effects of the reasons told + `remainder`, those of all
    other features, = `sum`: the log-odds of the risk, or the natural logarithm of the orders or of the spend in the
    currency (`scale`)."""

    scale: Link
    base: float
    remainder: float
    sum: float


class SumsOut(BaseModel):
    """By the member of the score that each explains."""

    churn_risk: SumOut
    expected_orders: SumOut
    expected_spend: SumOut


class NextOrderIntervalOut(BaseModel):
    """Four of five of the orders that come within the horizon come between these times."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    from_: str = Field(alias="from")
    until: str


class ProspectOut(BaseModel):
    """Of someone who never bought, within `horizon_days`: the probability of a first order, and of turning out one of
    the best customers, those in the value tier `high` by net spend (`likeness`). The reasons and sums are of their
    log-odds; none by rule. `degraded`: nothing was learned, and the rule answers with assumptions."""

    first_order_probability: float
    likeness: float
    horizon_days: int
    reasons: list[ScoreReasonOut]
    sum: SumOut | None
    likeness_reasons: list[ScoreReasonOut]
    likeness_sum: SumOut | None
    method: ProspectMethod
    likeness_method: ProspectMethod
    data_sufficiency: str
    degraded: bool
    degraded_because: Lack | None


class ScoreOut(BaseModel):
    """`churn_risk` is the probability of no purchase in the horizon, `expected_orders` and `expected_spend` (less
    refunds) are means of what comes in it. Null: not answered for this customer."""

    customer_id: str
    as_of: str
    stage: Stage
    stage_rule: str
    stage_since: str | None
    flags: list[str]
    churn_risk: float | None
    churn_horizon_days: int
    expected_orders: float | None
    expected_spend: float | None
    value_tier: Tier | None
    expected_next_order_at: str | None
    expected_next_order_interval: NextOrderIntervalOut | None
    prospect: ProspectOut | None
    reasons: list[ScoreReasonOut]
    value_reasons: list[ScoreReasonOut]
    order_reasons: list[ScoreReasonOut]
    sums: SumsOut | None
    method: str
    data_sufficiency: str
    model_version: str | None


class ListedProspectOut(BaseModel):
    """`reasons` are those of what the list is ordered by. `channels`: on which there is a yes to marketing."""

    customer_id: str
    first_order_probability: float
    likeness: float
    reasons: list[ScoreReasonOut]
    first_seen_at: str
    last_seen_at: str
    channels: list[Channel]


class ProspectPageOut(BaseModel):
    """Most likely first, as of the time of the first page. `next_cursor` is null on the last page."""

    by: ProspectOrder
    as_of: str
    horizon_days: int
    method: ProspectMethod
    data_sufficiency: str
    degraded: bool
    degraded_because: Lack | None
    model_version: str | None
    prospects: list[ListedProspectOut]
    next_cursor: str | None


class ScoreBatchIn(BaseModel):
    """`as_of` is now where it is left out; a past one is answered from the events before it."""

    model_config = ConfigDict(extra="forbid")

    customer_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]],
        Field(min_length=1, max_length=MAX_CUSTOMERS),
    ]
    as_of: Time | None = None


class ScoreBatchOut(BaseModel):
    """Scores in the order asked for; `unknown` are the customers there is nothing of, `not_kept` those whose events of
    before that time have been summed up with later ones."""

    scores: list[ScoreOut]
    unknown: list[str]
    not_kept: list[str]
