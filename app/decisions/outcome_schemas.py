"""Outcomes and activations on the wire."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.http.times import Time
from app.lifecycle.actions import ActionId
from app.lifecycle.json_schema import either_of

Id = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]


class OutcomeIn(BaseModel):
    """What became of an action: of the decision that chose it, or of a customer's decisions in whose attribution
    windows it falls."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=either_of("decision_id", "customer_id"))

    action_id: ActionId
    outcome: Literal["delivered", "opened", "accepted", "declined", "redeemed"]
    decision_id: Id | None = None
    customer_id: Id | None = None
    time: Annotated[Time, Field(strict=False)] | None = None
    """When it happened; not told: now."""
    outcome_id: Id | None = None
    """Of the sender: told again, it counts once. Not told: an outcome of a decision's action counts once."""

    @model_validator(mode="after")
    def _check_whose(self) -> "OutcomeIn":
        if (self.decision_id is None) == (self.customer_id is None):
            raise ValueError("give decision_id or customer_id, one of them")
        return self


class OutcomeResultOut(BaseModel):
    status: Literal["accepted", "duplicate", "rejected", "erased"]
    problem: dict[str, Any] | None = None


class OutcomesOut(BaseModel):
    """Outcome by outcome, in the order sent."""

    accepted: int
    duplicate: int
    rejected: int
    erased: int | None = None
    results: list[OutcomeResultOut]


class ActivationOut(BaseModel):
    """When the decision was shown first."""

    decision_id: str
    activated_at: str
