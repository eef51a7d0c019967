"""Reading JSON strictly: what a parser lets through and a database or another reader would not."""

import re
from typing import Any, Final

import jiter

from app.errors import Malformed, Unreadable, pointer

MAX_DEPTH: Final = 32

_SUSPECT: Final = re.compile(rb"\\u00[01789]|\\[bfnrt]|\x7f|\xc2[\x80-\x9f]|[eE]\+?[0-9]{3}|[0-9]{19}")
"""Bytes without which the body holds no control character and no number out of range."""

_MAX_NUMBER: Final = 2**63

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_PROSE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PROSE_MEMBERS: Final = frozenset(("text", "comment", "reason", "cause"))
"""Members that hold what people write: line breaks and tabs are theirs to use."""


def read_json(body: bytes) -> Any:
    """The value of a JSON body.

    Raises Unreadable for what is not I-JSON (RFC 7493): bad UTF-8, lone surrogates, NaN, Infinity,
    a member named twice, numbers beyond float64 or 64-bit integers; and for nesting past 32 levels.
    Raises Malformed for control characters in texts.
    """
    try:
        value = jiter.from_json(body, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        raise Unreadable(_reason(str(error))) from None
    is_deep = body.count(b"{") + body.count(b"[") > MAX_DEPTH
    if is_deep or _SUSPECT.search(body):
        _walk(value, (), _CONTROL)
    return value


def _reason(message: str) -> str:
    """The parser's message, without any text of the body it may quote."""
    place = re.search(r"at line \d+ column \d+$", message)
    what = message[: place.start()] if place else message
    known = re.match(
        r"(Detected duplicate key|recursion limit exceeded|number out of range|invalid unicode code point"
        r"|lone leading surrogate|trailing characters|EOF while parsing|expected [\w ]+|invalid number"
        r"|control character|invalid escape|trailing comma|key must be a string)",
        what,
    )
    words = known.group(1) if known else "not valid JSON"
    return (
        f"The body is not JSON as it is taken here: {words} {place.group() if place else ''}".rstrip() + "."
    )


def _walk(value: Any, path: tuple[int | str, ...], control: re.Pattern[str]) -> None:
    if len(path) >= MAX_DEPTH and isinstance(value, dict | list):
        raise Unreadable(f"The body is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, str):
        if control.search(value):
            raise Malformed("A text holds a control character.", pointer=_where(path))
    elif isinstance(value, dict):
        for key, member in value.items():
            if _CONTROL.search(key):
                raise Malformed("The name of a member holds a control character.", pointer=_where(path))
            _walk(member, (*path, key), _CONTROL_IN_PROSE if key in _PROSE_MEMBERS else _CONTROL)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            _walk(member, (*path, index), control)
    elif isinstance(value, float | int) and not -_MAX_NUMBER < value < _MAX_NUMBER:
        raise Unreadable("The body holds a number out of range.")


def _where(path: tuple[int | str, ...]) -> str:
    """A pointer that names positions and not members, whose names are the client's text."""
    return pointer(tuple(part if isinstance(part, int) else "*" for part in path))
