"""Scores on the wire."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.events.schemas import Time
from app.lifecycle.stages import Stage

MAX_CUSTOMERS = 1000


class ScoreReasonOut(BaseModel):
    """`effect` is the term of this feature in the log-odds of churn: positive raises the risk."""

    feature: str
    label: str
    value: float | None
    unit: str
    effect: float


class ScoreOut(BaseModel):
    """`churn_risk` is the probability of no purchase in the horizon. Null: not answered for this customer."""

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
    value_tier: str | None
    expected_next_order_at: str | None
    reasons: list[ScoreReasonOut]
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
