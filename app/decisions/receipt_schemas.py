"""Receipts on the wire."""

from typing import Any

from pydantic import BaseModel, Field


class FunnelOut(BaseModel):
    """How many actions each step left."""

    candidates: int
    after_eligibility: int
    after_policy: int
    chosen: int


class DecisionReceiptOut(BaseModel):
    """A decision as it was made: what was weighed (`receipt`), and what was answered, of a checkout with its score."""

    decision_id: str
    customer_id: str
    decided_at: str
    activated_at: str | None = Field(description="When it was shown; null: it was only prepared.")
    reserved_until: str | None = Field(description="Until when what it chose is kept for the customer.")
    funnel: FunnelOut
    receipt: dict[str, Any]
    answer: dict[str, Any] = Field(description="`DecisionOut`; of a checkout `score` and `decision`.")
    action_versions: dict[str, int] = Field(description="Of each action that was weighed, the version in force.")
    definitions: dict[str, Any] = Field(description="Of each chosen action as it was, `Action`.")


class DecisionReceiptPageOut(BaseModel):
    decisions: list[DecisionReceiptOut]
    next_cursor: str | None
