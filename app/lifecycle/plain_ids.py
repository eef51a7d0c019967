"""Customer ids that are somebody's phone or e-mail: they are kept as the identifier that they are, by its hash.

An id is taken for one where it says so (`phone:…`, `tel:…`, `email:…`), or unmistakably is one: an e-mail address, or
a number with its `+`. A row of digits is an id, however much it looks like a number: cards have eleven digits, too.
Where a retailer's ids *are* phones, a setting says so; then mobile numbers of its country are taken for phones.
"""

import re
from typing import Final, NamedTuple

from app.lifecycle.identifiers import identifier_forms, normalise_kind
from app.lifecycle.phones import is_mobile
from app.lifecycle.placeholders import show_visible

_MAY_BE: Final = re.compile("[@+:\uff20\uff0b\uff1a]")
"""One of these is in whatever is taken for a phone or an e-mail; full-width ones too."""
_SAID: Final = re.compile(r"(?i)(phone|tel|mobile|e-?mail|mailto)\s*:\s*(.+)")
_NUMBER: Final = re.compile(r"\+[\d\s().\-/]{7,30}")
_ADDRESS: Final = re.compile(r"(?:[^<>@]*<)?[^\s@<>,;:]+@[^\s@<>,;:]+\.[^\s@<>,;:]+>?")
_DIGITS: Final = re.compile(r"\d[\d\s\-]{6,18}")
_LETTER: Final = re.compile(r"[^\W\d_]")
_LEAST_DIGITS: Final = 7
_KINDS: Final = {"mailto": "email"}


class PlainId(NamedTuple):
    """The identifier that a customer id is."""

    kind: str
    value: str


def read_plain_id(customer_id: str, country_code: str = "", *, ids_are_phones: bool = False) -> PlainId | None:
    """None: it is an id of the retailer's own. `country_code`: digits, of numbers written without one."""
    if not _MAY_BE.search(customer_id) and not ids_are_phones:
        return None
    plain = show_visible(customer_id).strip()
    if said := _SAID.fullmatch(plain):
        return _read_said(said.group(1).lower(), said.group(2), country_code)
    if _NUMBER.fullmatch(plain) and sum(map(str.isdigit, plain)) >= _LEAST_DIGITS:
        return PlainId("phone", plain)
    if _ADDRESS.fullmatch(plain) and identifier_forms("email", plain):
        return PlainId("email", plain)
    if ids_are_phones and _DIGITS.fullmatch(plain):
        forms = identifier_forms("phone", plain, country_code)
        return PlainId("phone", plain) if forms and is_mobile(forms[0], country_code) else None
    return None


def _read_said(word: str, value: str, country_code: str) -> PlainId | None:
    """What says that it is one and cannot be one is an id; digits are what they are said to be."""
    kind = normalise_kind(_KINDS.get(word, word))
    is_one = bool(identifier_forms(kind, value, country_code)) or (kind == "phone" and not _LETTER.search(value))
    return PlainId(kind, value) if is_one else None
