"""A message of Segment → an event to be counted, or why there is none, and what was mended of it."""

from collections.abc import Sequence
from typing import Any, Final

from app.ingest.admission import admit_with_warnings
from app.ingest.refusals import Rejection
from app.ingest.rules import Rules
from app.ingest.segment.mapping import Ignored, map_message
from app.ingest.segment.properties import as_object, as_time
from app.lifecycle.events import Event
from app.lifecycle.mending import MENDED, Warned
from app.lifecycle.wrappings import NOTHING, as_lines, read_object

Outcome = Event | Rejection | Ignored
_TIMES: Final = ("timestamp", "receivedAt", "sentAt")
"""Of relays and of sending: other ones at each attempt, and so no part of the content."""
_OBJECTS: Final = ("properties", "traits", "context")


def admit_message(message: Any, source: str, rules: Rules, now_us: int) -> tuple[Outcome, Sequence[Warned]]:
    """Its event, as `admit_with_warnings`, with the times that a wrong clock is put right by."""
    read, unwrapped = _read_objects(message)
    listed, warnings = _list_lines(read)
    mapped = map_message(listed, source)
    if isinstance(mapped, Ignored):
        return mapped, ()
    beside = {name: as_time(message[name]) for name in _TIMES if name in message} if isinstance(message, dict) else {}
    outcome, more = admit_with_warnings({**beside, **mapped}, rules, now_us)
    return outcome, [*unwrapped, *warnings, *more]


def _read_objects(message: Any) -> tuple[Any, list[Warned]]:
    """The message with properties and traits that came as JSON in a text as the objects that it says."""
    texts = [name for name in _OBJECTS if isinstance(message, dict) and isinstance(message.get(name), str)]
    found = {name: value for name in texts if (value := read_object(message[name])) is not NOTHING}
    if not found:
        return message, []
    return {**message, **found}, [Warned(("data",), MENDED, "It is a text, and was read as JSON.")]


def _list_lines(message: Any) -> tuple[Any, list[Warned]]:
    """The message with its products as a list, so that each is read as a line."""
    properties = as_object(as_object(message).get("properties"))
    products = properties.get("products")
    if products is None or products == "" or isinstance(products, list):
        return message, []
    lines = as_lines(products)
    if lines is NOTHING:
        return message, []
    warned = Warned(("data", "products"), MENDED, "It is no list, and was read as one.")
    return {**message, "properties": {**properties, "products": lines}}, [warned]
