"""Events on the wire: CloudEvents 1.0 with the data of each type."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from app.ingest.checking import make_check
from app.ingest.contract import Envelope, example_of, published_event
from app.lifecycle.event_data import UnknownData
from app.lifecycle.event_types import EVENT_TYPES
from app.lifecycle.events import ORDER_COMPLETED


class EventIn(Envelope):
    """A CloudEvent. `source` and `id` together identify it for ever; other attributes are ignored."""

    data: Annotated[dict[str, Any], Field(default_factory=dict)]

    @classmethod
    def __get_pydantic_json_schema__(cls, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Of all types: what is checked here and then, by type, of `data`."""
        any_event = handler(published_event())
        return {
            "title": cls.__name__,
            "description": cls.__doc__,
            "oneOf": any_event["anyOf"],
            "example": example_of(EVENT_TYPES[ORDER_COMPLETED]),
        }


class WarningOut(BaseModel):
    """A detail that was mended, cut or left out so that the event could be taken; `pointer` leads to it."""

    pointer: str
    code: Literal["mended", "cut", "dropped", "nobody", "clock"]
    detail: str


class ResultOut(BaseModel):
    """What became of one event, in the order they were sent. `warnings` are there where a detail was mended; `erased`:
    of somebody who was, and not kept."""

    status: Literal["accepted", "duplicate", "rejected", "erased"]
    problem: dict[str, Any] | None = None
    warnings: list[WarningOut] | None = None


class ReceiptOut(BaseModel):
    """What became of the events. `erased` is there where there are any."""

    accepted: int
    duplicate: int
    rejected: int
    erased: int | None = None
    results: list[ResultOut]


EVENT_IN: TypeAdapter[EventIn] = TypeAdapter(EventIn)

UNKNOWN_DATA = make_check(UnknownData)
DATA_OF_TYPE = {name: make_check(declared.data) for name, declared in EVENT_TYPES.items()}
