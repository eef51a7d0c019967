"""Simulations of actions on the wire."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.decisions.catalogue_schemas import WordsOut
from app.lifecycle.actions import Action, ActionId
from app.lifecycle.json_schema import either_of
from app.lifecycle.measures import Channel


class SimulationIn(BaseModel):
    """A draft, or the id of an action of the catalogue."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=either_of("action", "action_id"))

    action: Action | None = None
    action_id: ActionId | None = None
    channel: Channel | None = None
    """One of the action's; not told: whether there is any of them on which it may be done."""
    context: Annotated[dict[str, Any], Field(default_factory=dict, max_length=32)]
    """What the requests would tell, for conditions."""

    @model_validator(mode="after")
    def _is_of_one(self) -> Self:
        if (self.action is None) == (self.action_id is None):
            raise ValueError("Give either `action` or `action_id`.")
        return self


class ShareOut(BaseModel):
    """`low` and `high` are the bounds of the share's 95 % interval; null: all customers were counted."""

    customers: int
    share: float
    low: float | None
    high: float | None


class StepOut(BaseModel):
    """A condition: whom it leaves by itself, and together with all before it."""

    step: str
    condition: WordsOut
    alone: ShareOut
    after: ShareOut


class SimulationOut(BaseModel):
    action_id: str
    channels: list[Channel]
    as_of: str
    customers: int = Field(description="All persons that are known; one of several ids counts once.")
    is_sample: bool
    sampled: int = Field(description="How many of them were looked at.")
    left: int | None = Field(description="How often the action may still be given, over all customers; null: any.")
    left_out: list[Literal["quiet_hours", "items"]] = Field(description="What decisions ask as well.")
    model_version: str | None
    funnel: list[StepOut]
