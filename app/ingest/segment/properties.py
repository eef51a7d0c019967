"""Reading the properties of a message: names, texts, numbers, and what is left out. Pure."""

import re
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote

from app.foundation.times import iso

_SEPARATORS: Final = re.compile(r"[\W_]+")
_CAMEL: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_DECIMAL: Final = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(?=$|[T ])", re.ASCII)

_LIKE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]", re.ASCII)
_EPOCH: Final = re.compile(r"\d{9,16}(\.\d{1,6})?", re.ASCII)
_UNITS_US: Final = (1, 1_000, 1_000_000)
_FIRST_US: Final = 315_532_800_000_000
_LAST_US: Final = 4_500_000_000_000_000

_PERSONAL_WORDS: Final = frozenset(
    (
        *("email", "emails", "phone", "phones", "telephone", "mobile", "msisdn", "wechat", "ip", "ssn"),
        *("address", "addresses", "street", "recipient", "recipients", "passport", "password"),
        *("birthday", "birthdate", "dob", "firstname", "lastname", "fullname", "surname", "username", "nickname"),
    )
)
_PERSONAL_PAIRS: Final = frozenset(
    (
        *(("first", "name"), ("last", "name"), ("full", "name"), ("family", "name"), ("given", "name")),
        *(("user", "name"), ("customer", "name"), ("e", "mail"), ("birth", "date"), ("date", "birth")),
    )
)


def split_words(name: str) -> list[str]:
    """`Order Completed`, `order_completed` and `orderCompleted` → the same words, in lower case."""
    words = [word for word in _SEPARATORS.split(name) if word]
    if len(words) == 1:
        words = _CAMEL.findall(words[0])
    return [word.lower() for word in words]


def write_dotted(name: str) -> str:
    """An event's name in the form of our types: words in lower case, dots between, percent-encoded past ASCII."""
    return quote(".".join(split_words(name)), safe=".")


def is_personal(name: str) -> bool:
    """Whether a member is by its name about a person rather than a purchase: `shippingAddress`, `customer_email`."""
    words = [word for word in split_words(name) if word != "of"]
    return not _PERSONAL_WORDS.isdisjoint(words) or not _PERSONAL_PAIRS.isdisjoint(pairwise(words))


def keep_said(value: Any) -> Any:
    """Without null members, empty texts and personal members, at every depth."""
    if isinstance(value, dict):
        return {
            name: keep_said(member)
            for name, member in value.items()
            if member is not None and member != "" and not is_personal(name)
        }
    if isinstance(value, list):
        return [keep_said(member) for member in value if member is not None and member != ""]
    return value


def as_object(value: Any) -> dict[str, Any]:
    """An empty one for what is none."""
    return value if isinstance(value, dict) else {}


def as_text(value: Any) -> Any:
    """An integer as its digits, what is empty as None; anything else as it is, for the contract to judge."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None if value in ("", [], {}) else value


def as_customer(value: Any) -> Any:
    """`as_text`; true and false are nobody."""
    return None if isinstance(value, bool) else as_text(value)


def as_number(value: Any) -> Any:
    """A plain decimal in a text (`"12.50"`) as the number; else as it is, to be mended and told, or refused."""
    return float(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else value


def without_sign(value: Any) -> Any:
    """The magnitude of a number or of one in a text; anything else as it is."""
    number = as_number(value)
    if isinstance(number, str):
        return number.strip().strip("-\u2212").strip()
    return abs(number) if isinstance(number, int | float) and not isinstance(number, bool) else number


def as_date(value: Any) -> str | None:
    """The day of an ISO 8601 date or time, as written; None for any other form, whose day would be a guess."""
    found = _DATE.match(value) if isinstance(value, str) else None
    return found.group() if found else None


def as_time(value: Any) -> Any:
    """Seconds, milliseconds or microseconds since 1970, a number or its digits, as the time; of years from 1980 to
    2112, in which no number can be two of these. Anything else as it is."""
    number = float(value) if isinstance(value, str) and _EPOCH.fullmatch(value.strip()) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        return value
    micros = next((number * unit for unit in _UNITS_US if _FIRST_US <= number * unit <= _LAST_US), None)
    return value if micros is None else iso(micros)


def time_of(message: dict[str, Any]) -> Any:
    """The client's own time, or the one beside it where that is none (`Invalid Date`)."""
    told = [time for time in (message.get("originalTimestamp"), message.get("timestamp")) if time]
    return _first_like_time([*told, *map(as_time, told)]) or (told[0] if told else None)


def time_of_sending(message: dict[str, Any]) -> Any:
    """When it was sent, or else received, of a message that says no more."""
    return _first_like_time([as_time(message.get(name)) for name in ("sentAt", "receivedAt")])


def _first_like_time(told: list[Any]) -> str | None:
    return next((time for time in told if isinstance(time, str) and _LIKE_TIME.match(time)), None)
