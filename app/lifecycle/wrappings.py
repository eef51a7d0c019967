"""What lists and objects of an event may come in: texts of JSON, objects of numbers, one item without its list."""

import re
from typing import Any, Final

import orjson

NOTHING: Final = object()
"""What is made of what cannot be mended."""
LINE_NAMES: Final = ("product_id", "sku", "id", "variant_id", "item_id")
"""What a line may be known by, the first that is there."""
_NUMBERED: Final = re.compile(r"\d{1,9}", re.ASCII)
_MOST_TEXTS: Final = 2


def read_object(value: Any) -> Any:
    """The object that a text of JSON says, or a text of such a text; `NOTHING` where it says none."""
    for _ in range(_MOST_TEXTS):
        if not isinstance(value, str):
            break
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return NOTHING
    return value if isinstance(value, dict) else NOTHING


def as_lines(value: Any) -> Any:
    """The lines of an order that came as something else than a list; `NOTHING` where none can be seen.

    PHP writes a list with a gap as an object of numbers, some tag managers write JSON into a text, and a line alone
    may come without its list.
    """
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return NOTHING
        return as_lines(value)
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or not value:
        return NOTHING
    if all(_NUMBERED.fullmatch(name) for name in value):
        return [value[name] for name in sorted(value, key=int)]
    if any(name in value for name in LINE_NAMES):
        return [value]
    lines = list(value.values())
    if len(lines) == 1 and isinstance(lines[0], list):
        return lines[0]
    return lines if all(isinstance(line, dict) for line in lines) else NOTHING


def as_identifiers(value: Any) -> Any:
    """One identifier without its list, a list as an object of numbers, or kinds as names: `{"phone": "+86 …"}`."""
    if not isinstance(value, dict) or not value:
        return NOTHING
    if "kind" in value and "value" in value:
        return [value]
    if all(_NUMBERED.fullmatch(name) for name in value):
        return [value[name] for name in sorted(value, key=int)]
    if all(isinstance(member, str) for member in value.values()):
        return [{"kind": kind, "value": member} for kind, member in value.items()]
    return NOTHING
