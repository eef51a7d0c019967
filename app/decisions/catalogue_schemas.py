"""The catalogue of actions on the wire."""

from typing import Any

from pydantic import BaseModel, Field

from app.lifecycle.actions import Action


class WordsOut(BaseModel):
    en: str
    zh: str


class ActionListOut(BaseModel):
    actions: list[Action]
    conditions: dict[str, WordsOut] = Field(description="Of each action that has one, its `eligibility` in words.")


class ActionVersionOut(BaseModel):
    """`version` grows with every change of any action; of an action's own the greatest is in force."""

    version: int
    changed_at: str
    changed_by: str = Field(description="Name of the API key; `anonymous`, `perennial` (the seed) or `before`.")
    definition: dict[str, Any] | None = Field(description="As it was put; null: it was removed.")


class ActionVersionPageOut(BaseModel):
    versions: list[ActionVersionOut]
    next_cursor: str | None
