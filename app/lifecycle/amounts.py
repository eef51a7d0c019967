"""Numbers as programs, shops and people write them in a text."""

import re
import unicodedata
from math import isfinite
from typing import Final

_SPACES: Final = re.compile(r"(?<=\d)[ '’](?=\d{3}(\D|$))")
"""NFKC has made the other spaces this one."""
_PLAIN: Final = re.compile(r"[+-]?(?:\d{1,16}(?:\.\d{0,40})?|\.\d{1,40})(?:e[+-]?\d{1,3})?")
_POINT_GROUPS: Final = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d{0,40}|[+-]?\d{1,3}(?:\.\d{3}){2,}")
_SPACED: Final = re.compile(r"[+-]?\d{1,3}(?:[ '’]\d{3})+,\d{1,2}")
"""`1 299,50`: where blanks part thousands, the comma does not."""
_COMMA_GROUPS: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{2,3})*,\d{3}\.\d{0,40}|[+-]?\d{1,3}(?:,\d{3}){2,}")


def read_number(text: str) -> float | None:
    """The number in a text that can mean one number alone; None: it is none, or may mean two.

    `" 12.50 "`, `".50"`, `"12."`, `"3.3000000000000003"`, `"1,299.00"`, `"1.299,00"`, `"1 299.00"`, `"1,299,000"`,
    `"1 299,50"`.
    Not `"1,299"` and `"12,50"`, which are two numbers in two countries, nor anything with a currency.
    """
    plain = unicodedata.normalize("NFKC", text).strip().lower().replace("\u2212", "-")
    written = _SPACES.sub("", plain)
    if _SPACED.fullmatch(plain):
        written = written.replace(",", ".")
    elif _COMMA_GROUPS.fullmatch(written):
        written = written.replace(",", "")
    elif _POINT_GROUPS.fullmatch(written):
        written = written.replace(".", "").replace(",", ".")
    number = float(written) if _PLAIN.fullmatch(written) else None
    return number if number is not None and isfinite(number) else None
