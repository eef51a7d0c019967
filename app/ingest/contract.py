"""The contract of events as it is published: one schema for each type, told apart by `type`.

It says what `admit` checks. That an event is validated in two steps, its envelope and then its data by type, costs
less than one union of all types would; so the union is made for the published schema alone, when it is asked for.
"""

import re
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model
from pydantic_core import CoreSchema
from typing_extensions import TypeAliasType

from app.http.times import Time
from app.lifecycle.event_data import Text, UnknownData
from app.lifecycle.event_types import EVENT_TYPES, EventType
from app.lifecycle.events import ORDER_CANCELLED, ORDER_TYPES, ORDER_UPDATED
from app.lifecycle.json_schema import A_VALUE, having, rules, where

Identifier = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x20-\x7e]+$")]
"""Printable ASCII: what identifies an event for ever."""
TypeName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]

EXAMPLE_ENVELOPE: Final = {
    "specversion": "1.0",
    "id": "till3-000123",
    "source": "/pos/store-12/till-3",
    "subject": "C-1001",
    "time": "2026-11-22T10:15:00+08:00",
}


class Envelope(BaseModel):
    """What every event has, whatever its type."""

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    id: Identifier
    source: Identifier
    type: TypeName
    subject: Text | None = None
    """Who it is about; without it, the first of `data.identifiers`."""
    time: Time


_IDENTIFIED: Final = having({"data": having({"identifiers": {"type": "array", "minItems": 1}})})
"""A purchase alone may be of nobody."""


def example_of(declared: EventType) -> dict[str, Any]:
    """A whole event of a type."""
    of_shop = {"source": "/shopify/tea.example.com"} if declared.name in (ORDER_UPDATED, ORDER_CANCELLED) else {}
    return {**EXAMPLE_ENVELOPE, **of_shop, "type": declared.name, "data": declared.example}


@cache
def published_event() -> CoreSchema:
    """Any event: of a known type, with the schema of its data, or of another one with data as they come."""
    known = reduce(or_, map(_published, EVENT_TYPES.values()))
    told_apart = Annotated[known, Field(discriminator="type")]  # type: ignore[valid-type]
    KnownEventIn = TypeAliasType("KnownEventIn", told_apart)  # noqa: N806
    return TypeAdapter(KnownEventIn | _unknown()).core_schema


def _published(declared: EventType) -> Any:
    """`order.completed` is OrderCompletedEventIn. Data may be left out where nothing is required of them."""
    is_required = any(field.is_required() for field in declared.data.model_fields.values())
    members: dict[str, Any] = {
        "type": (Literal[declared.name], ...),
        "data": (declared.data, ... if is_required else Field(default_factory=declared.data)),
    }
    name = "".join(map(str.title, re.split(r"\W", declared.name))) + "EventIn"
    return _extended(name, declared.data.__doc__, example_of(declared), members)


def _unknown() -> Any:
    """Not of a known type, so that an event has one schema."""
    others = Field(json_schema_extra={"not": {"enum": [*sorted(EVENT_TYPES)]}})
    members: dict[str, Any] = {
        "type": (Annotated[TypeName, others], ...),
        "data": (UnknownData, Field(default_factory=UnknownData)),
    }
    example = {**EXAMPLE_ENVELOPE, "type": "shelf.emptied", "data": {"shelf": 7}}
    return _extended("UnknownEventIn", "Of another type: kept and counted, not scored.", example, members)


def _extended(name: str, says: str | None, example: dict[str, Any], members: dict[str, Any]) -> Any:
    of_somebody = {} if example["type"] in ORDER_TYPES else rules(where({"subject": A_VALUE}, {}, _IDENTIFIED))
    options = {"json_schema_extra": {"examples": [example], **of_somebody}}
    return create_model(name, __base__=Envelope, __cls_kwargs__=options, __doc__=says, __module__=__name__, **members)
