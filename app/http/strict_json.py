"""Reading JSON strictly: what a parser lets through and a database or another reader would not."""

import re
from typing import Any, Final

import jiter

from app.foundation.errors import Unreadable, violation

MAX_DEPTH: Final = 32

_DIGITS_ALIKE: Final = bytes(
    ord("0") if chr(byte) in "123456789" else ord("e") if chr(byte) == "E" else byte for byte in range(256)
)
_LARGE_NUMBERS: Final = (b"0" * 19, b"e000", b"e+000")
"""With digits alike, the bytes without which a body holds no number out of range."""
_LARGE_NUMBER: Final = re.compile(rb"(?:^|[:\[,])\s*-?(?:\d{19}|\d[\d.]*[eE]\+?\d{3})")
"""The same where numbers stand: ids have such bytes too, of times in nanoseconds and of UUIDs."""

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_PROSE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
PROSE_MEMBERS: Final = frozenset(("text", "comment", "reason", "cause"))
"""Members that hold what people write: line breaks and tabs are theirs to use."""

_INTEGERS: Final = range(-(2**63), 2**63)


def read_json(body: bytes) -> Any:
    """The value of a JSON body.

    Raises Unreadable for what is not I-JSON (RFC 7493): bad UTF-8, lone surrogates, NaN, Infinity,
    a member named twice, numbers beyond float64 or 64-bit integers; and for nesting past 32 levels.
    """
    try:
        value = jiter.from_json(body, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        raise Unreadable(_reason(str(error))) from None
    alike = body.translate(_DIGITS_ALIKE)
    may_be_deep = body.count(b"{") + body.count(b"[") > MAX_DEPTH
    if may_be_deep or (any(part in alike for part in _LARGE_NUMBERS) and _LARGE_NUMBER.search(body)):
        _check_bounds(value, 1)
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
    words = f"{known.group(1) if known else 'not valid JSON'} {place.group() if place else ''}"
    return f"The body is not JSON as it is taken here: {' '.join(words.split())}."


def _check_bounds(value: Any, depth: int) -> None:
    if isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise Unreadable(f"The body is nested deeper than {MAX_DEPTH} levels.")
        for member in value.values() if isinstance(value, dict) else value:
            _check_bounds(member, depth + 1)
    elif (isinstance(value, int) and value not in _INTEGERS) or value in (float("inf"), float("-inf")):
        raise Unreadable("The body holds a number out of range.")


def check_texts(value: Any, written: bytes, within: tuple[str, ...] = ()) -> None:
    """Raises Malformed for a control character in a text or in the name of a member.

    `written` is the value as JSON, looked through first: no text has one where nothing is escaped.
    """
    if b"\\" in written or b"\x7f" in written or b"\xc2" in written:
        _check_texts(value, within, _CONTROL)


def _check_texts(value: Any, path: tuple[int | str, ...], control: re.Pattern[str]) -> None:
    if isinstance(value, str):
        if control.search(value):
            raise violation(path, "A text holds a control character.")
    elif isinstance(value, dict):
        for key, member in value.items():
            if _CONTROL.search(key):
                raise violation(path, "The name of a member holds a control character.")
            of_key = _CONTROL_IN_PROSE if key in PROSE_MEMBERS else _CONTROL
            _check_texts(member, (*path, "*"), of_key)  # its name is the client's text
    elif isinstance(value, list):
        for index, member in enumerate(value):
            _check_texts(member, (*path, index), control)


def clean_texts(value: Any, control: re.Pattern[str] = _CONTROL) -> Any:
    """The value with a space for whatever `check_texts` would refuse."""
    if isinstance(value, str):
        return control.sub(" ", value)
    if isinstance(value, dict):
        return {
            _CONTROL.sub(" ", key): clean_texts(member, _CONTROL_IN_PROSE if key in PROSE_MEMBERS else _CONTROL)
            for key, member in value.items()
        }
    return [clean_texts(member, control) for member in value] if isinstance(value, list) else value


def write_whole(value: Any) -> Any:
    """The value with whole numbers written as such: 509.0 is 509, as JSON Schema has it."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and int(value) in _INTEGERS else value
    if isinstance(value, dict):
        return {name: write_whole(member) for name, member in value.items()}
    return [write_whole(member) for member in value] if isinstance(value, list) else value


def is_plain_text(value: Any) -> bool:
    """Whether it is a text that a customer or an event may be named by: no control characters."""
    return isinstance(value, str) and _CONTROL.search(value) is None
