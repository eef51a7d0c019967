"""Events in structured mode whose data are bytes: `data_base64`, as the CloudEvents JSON format has it."""

import base64
import binascii
from typing import Any

from app.foundation.errors import Unreadable, violation
from app.http.strict_json import read_json


def has_bytes(raw: Any) -> bool:
    """Whether it is an event whose data came as bytes."""
    return isinstance(raw, dict) and "data_base64" in raw


def without_bytes(raw: dict[str, Any]) -> dict[str, Any]:
    """The event without them: what they hold is not known, and not kept."""
    return {name: member for name, member in raw.items() if name != "data_base64"}


def read_bytes_as_data(raw: dict[str, Any]) -> dict[str, Any]:
    """The event with its bytes, which are JSON, as its data. Raises Malformed for others, and where there are both."""
    if "data" in raw:
        raise violation(("data_base64",), "An event has its data as `data` or as `data_base64`, not as both.")
    try:
        return {**without_bytes(raw), "data": read_json(base64.b64decode(raw["data_base64"], validate=True))}
    except (Unreadable, binascii.Error, TypeError, ValueError):
        raise violation(("data_base64",), "It is no JSON in base64.") from None
