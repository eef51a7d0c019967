"""Scores on the wire."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.http.times import Time
from app.lifecycle.stages import Stage
from app.lifecycle.targets import Link
from app.lifecycle.value import Tier

MAX_CUSTOMERS = 1000


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
    reasons: list[ScoreReasonOut]
    value_reasons: list[ScoreReasonOut]
    order_reasons: list[ScoreReasonOut]
    sums: SumsOut | None
    method: str
    data_sufficiency: str
    model_version: str | None


class ScoreBatchIn(BaseModel):
    """`as_of` is now where it is left out; a past one is answered from the events before it."""

    model_config = ConfigDict(extra="forbid")

    customer_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]],
        Field(min_length=1, max_length=MAX_CUSTOMERS),
    ]
    as_of: Time | None = None


class ScoreBatchOut(BaseModel):
    """Scores in the order asked for; `unknown` are the customers there is nothing of."""

    scores: list[ScoreOut]
    unknown: list[str]
