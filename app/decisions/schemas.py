"""Decisions and the catalogue of actions on the wire."""

import time
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.foundation.times import MAX_AHEAD_US, to_us
from app.http.times import Time
from app.lifecycle.actions import ActionId, Group
from app.lifecycle.contact_policy import TimeZone
from app.lifecycle.events import DAY_US
from app.lifecycle.measures import Channel
from app.lifecycle.mechanics import Mechanic

CONTEXT_BYTES: Final = 8 * 1024
PLANNED_DAYS: Final = 30
"""How far ahead a delivery may be planned: until then it holds its place in caps and budgets."""


def _check_delivery(moment: datetime) -> datetime:
    ahead_us = to_us(moment) - time.time_ns() // 1000
    if not -MAX_AHEAD_US <= ahead_us <= PLANNED_DAYS * DAY_US:
        raise ValueError(f"a delivery is from now to {PLANNED_DAYS} days ahead")
    return moment


def _check_size(context: dict[str, Any]) -> dict[str, Any]:
    if len(orjson.dumps(context)) > CONTEXT_BYTES:
        raise ValueError(f"a context has at most {CONTEXT_BYTES} bytes as JSON")
    return context


class DecisionRequest(BaseModel):
    """What a decision is asked for, whoever it is for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    channel: Channel = "store"
    max_actions: Annotated[int, Field(ge=0, le=10)] = 1
    context: Annotated[dict[str, Any], Field(default_factory=dict, max_length=32), AfterValidator(_check_size)]
    """For conditions of actions, and kept in the receipt; at most CONTEXT_BYTES as JSON."""
    exclude: Annotated[list[ActionId], Field(default_factory=list, max_length=100)]
    learning_enabled: bool = True
    """Whether a place may be filled at random, so that outcomes can be learned from."""
    activate: bool = True
    """Whether what is chosen is shown at once. False: it is kept for the customer until activated, or given back."""
    deadline_ms: Annotated[int, Field(ge=1, le=60_000)] | None = None
    """Past it no action is chosen, since nobody waits for it any more; the answer is `degraded`."""
    deliver_at: Annotated[Time, AfterValidator(_check_delivery), Field(strict=False)] | None = None
    """When what is chosen is to be delivered, within PLANNED_DAYS: quiet hours are looked at then. Not told: now."""
    time_zone: TimeZone | None = None
    """The customer's, of the IANA database; not told: the contact policy's."""


class DecisionIn(DecisionRequest):
    customer_id: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]


class ReasonOut(BaseModel):
    """`text` of what was learned alone: the same for people, in the language asked for."""

    code: str
    value: float | str | None
    text: str | None = None


class ActionChoiceOut(BaseModel):
    action_id: str
    title: str
    body: str | None
    group: Group
    mechanic: Mechanic | None
    priority: int
    response_probability: float
    estimate: Literal["uplift", "response", "prior"]
    """What its worth comes from: learned over doing nothing, learned of who responds, or believed by the catalogue."""
    selection_probability: float
    expires_at: str
    reasons: list[ReasonOut]
    recommendations: dict[str, Any] | None = None
    """Of an action that speaks of items: these, as `RecommendationOut`; null: there was no time."""


class SuppressedOut(BaseModel):
    action_id: str
    code: str
    condition: str | None = Field(None, description="Of `condition_failed` and `condition_unknown`: it, in words.")


class DecisionOut(BaseModel):
    """`suppressed` names the actions for this stage and channel that were held back, and why.

    `degraded_because`: `no_model`; `deadline`, there was no time to choose; `no_receipt`, nor to keep the decision, so
    that nothing was decided. `in_control_group` null: there was no time to read who it is.
    """

    decision_id: str
    customer_id: str
    in_control_group: bool | None
    degraded: bool
    degraded_because: Literal["no_model", "deadline", "no_receipt"] | None
    actions: list[ActionChoiceOut]
    suppressed: list[SuppressedOut]
