"""Units of money that a column's name says: `金额(万元)` is in tens of thousands, `amount_cents` in hundredths."""

import re
import unicodedata
from typing import Final

_BRACKETED: Final = re.compile(r"[(\[【]\s*(?:单位|單位|unit|in)?\s*[::]?\s*([^)\]】]+?)\s*[)\]】]")
_ENDING: Final = re.compile(
    r"(?<!per)((?:[\s_-]+in)?[\s_-]+(cents?|pence|centimes?|c[eé]ntimos?|centesimi|fen)|(in)?(cents|pence))$"
)
"""`discount per cent` is no money."""
_FACTORS: Final = (
    (re.compile(r"(人民币)?分|cents?|pence|centimes?|c[eé]ntimos?|centesimi|p|¢"), 0.01),
    (re.compile(r"角"), 0.1),
    (
        re.compile(
            r"千元?|仟元|t\s?(€|eur|usd|gbp)|(€|\$|£|eur|usd|gbp)?\s?k(€|eur|usd|gbp)?|thousands?|'?000s?|tsd\.?\s?(€|eur)?"
        ),
        1e3,
    ),
    (re.compile(r"[万萬]元?|10k"), 1e4),
    (re.compile(r"百[万萬]元?|mio\.?\s?(€|eur)?|(€|\$|£)m(n|illions?)?|millions?|mn"), 1e6),
    (re.compile(r"[亿億]元?"), 1e8),
)


def unit_of(name: str) -> float:
    """What an amount of 1 in the column is, in major units."""
    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    if _ENDING.search(plain):
        return 0.01
    said = [each.group(1) for each in _BRACKETED.finditer(plain)]
    return next((factor for word in said for form, factor in _FACTORS if form.fullmatch(word)), 1.0)


def without_unit(name: str) -> str:
    """A name in lower case without a unit at its end: `amount_cents` is `amount`."""
    return _ENDING.sub("", name)
