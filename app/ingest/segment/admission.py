"""A message of Segment → an event to be counted, or why there is none, and what was mended of it."""

from collections.abc import Sequence
from typing import Any, Final

from app.ingest.admission import Rejection, Rules, admit_with_warnings
from app.ingest.segment.mapping import Ignored, map_message
from app.ingest.segment.properties import as_object, as_time
from app.lifecycle.events import Event
from app.lifecycle.mending import MENDED, NOTHING, Warned, as_lines

Outcome = Event | Rejection | Ignored
_TIMES: Final = ("timestamp", "receivedAt", "sentAt")
"""Of relays and of sending: other ones at each attempt, and so no part of the content."""


def admit_message(message: Any, source: str, rules: Rules, now_us: int) -> tuple[Outcome, Sequence[Warned]]:
    """Its event, as `admit_with_warnings`, with the times that a wrong clock is put right by."""
    listed, warnings = _list_lines(message)
    mapped = map_message(listed, source)
    if isinstance(mapped, Ignored):
        return mapped, ()
    beside = {name: as_time(message[name]) for name in _TIMES if name in message} if isinstance(message, dict) else {}
    outcome, more = admit_with_warnings({**beside, **mapped}, rules, now_us)
    return outcome, [*warnings, *more]


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
