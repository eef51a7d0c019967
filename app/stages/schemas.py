"""Stages on the wire."""

from typing import Literal

from pydantic import BaseModel, Field

from app.lifecycle.stages import Stage

StageOrNone = Stage | Literal["none"]
"""`none`: not known at that time."""


class TransitionOut(BaseModel):
    """`at` is when it took place as far as known, `recorded_at` when it was noticed.

    `cause` is `event`, `silence` (time passed without one) or `model` (the model or the stage policy changed).
    `computed_afterwards`: from before the record began, worked out of past events by what judged when it was.
    """

    at: str
    recorded_at: str
    from_: StageOrNone = Field(alias="from")
    to: StageOrNone
    rule: str
    cause: Literal["event", "silence", "model"]
    churn_risk: float | None
    model_version: str | None
    computed_afterwards: bool


class TransitionPageOut(BaseModel):
    """Newest first. `next_cursor` is null on the last page."""

    customer_id: str
    transitions: list[TransitionOut]
    next_cursor: str | None


class StageCountOut(BaseModel):
    """Customers of a stage at both times."""

    stage: Stage
    customers_from: int
    customers_to: int


class FlowOut(BaseModel):
    """Customers who were in `from` at the first time and in `to` at the second."""

    from_: StageOrNone = Field(alias="from")
    to: StageOrNone
    customers: int


class FlowsOut(BaseModel):
    """Each customer is in one flow; flows without customers are left out. Of the transitions up to `to` so many were
    `computed_afterwards`."""

    from_: str = Field(alias="from")
    to: str
    stages: list[StageCountOut]
    flows: list[FlowOut]
    computed_afterwards: int


class WarningOut(BaseModel):
    """Money in major units. `crossed_at` null: the risk was above when it was first judged. `computed_afterwards`: that
    it was found at a past month end, before the record began."""

    customer_id: str
    stage: Stage
    stage_rule: str
    churn_risk: float
    expected_loss: float
    crossed_at: str | None
    as_of: str
    model_version: str | None
    computed_afterwards: bool


class WarningPageOut(BaseModel):
    """Most expected loss first. `swept_at`: when everybody was last judged. `next_cursor` is null on the last page."""

    threshold: float
    currency: str
    swept_at: str | None
    warnings: list[WarningOut]
    next_cursor: str | None
