"""Amounts in texts that name their currency: `¥1,299.00`, `12.50 EUR`."""

import re
from typing import Final

from app.lifecycle.amounts import read_number

_SIGNS: Final = {
    **dict.fromkeys(("CN¥", "CN￥", "¥", "￥", "元", "RMB", "人民币"), "CNY"),
    "US$": "USD",
    "HK$": "HKD",
    "NT$": "TWD",
    "CA$": "CAD",
    "A$": "AUD",
    "NZ$": "NZD",
    "MX$": "MXN",
    "JP¥": "JPY",
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₩": "KRW",
    "zł": "PLN",
    "Kč": "CZK",
    "₺": "TRY",
    "₽": "RUB",
    "R$": "BRL",
}
"""Signs of one currency; `$` is of twenty. `¥` is the yen's too, where the data say so."""
_YEN: Final = frozenset(("¥", "￥"))
_LONGEST: Final = 64
_WRITTEN: Final = re.compile(
    r"(?P<before>{0})?\s*(?P<number>[-+]?[\d.,'’\s]*\d[\d.,]*)\s*(?P<behind>{0})?".format(
        "|".join([*map(re.escape, _SIGNS), "[A-Z]{3}"])
    )
)


def read_money(text: str, currency: str | None) -> tuple[float, str] | None:
    """(The number, the currency) of a text that names one; None: it names none, two, or another than is said beside it.

    `currency`: what is said beside it.
    """
    found = _WRITTEN.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    named = [each for each in (found["before"], found["behind"]) if each] if found else []
    number = read_number(found["number"]) if found else None
    if number is None or len(named) != 1:
        return None
    (sign,) = named
    meant = "JPY" if sign in _YEN and currency == "JPY" else _SIGNS.get(sign, sign)
    return (number, meant) if currency in (None, "", meant) or (currency, meant) == ("RMB", "CNY") else None
