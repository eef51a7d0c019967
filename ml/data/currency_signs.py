"""Currencies that amounts name themselves, by sign or code, in a file that has no column of them."""

from collections.abc import Mapping
from typing import Final

import duckdb

from ml.data.reading import literal

_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "$": ("USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "MXN", "BRL", "ARS", "CLP", "COP"),
    "£": ("GBP", "EGP", "LBP"),
    "¥": ("CNY", "JPY"),
    "￥": ("CNY", "JPY"),
    "元": ("CNY", "TWD", "HKD"),
}
"""Signs of several currencies, the likeliest first: each means the deployment's, where that is one of them."""
_CODES: Final = (
    "CNY",
    "EUR",
    "USD",
    "GBP",
    "JPY",
    "CHF",
    "HKD",
    "TWD",
    "KRW",
    "INR",
    "AUD",
    "CAD",
    "SGD",
    "NZD",
    "PLN",
)
_SIGNS: Final[tuple[tuple[str, str], ...]] = (
    *((code, code) for code in _CODES),
    *(("RMB", "CNY"), ("US$", "USD"), ("HK$", "HKD"), ("NT$", "TWD"), ("C$", "CAD"), ("A$", "AUD"), ("S$", "SGD")),
    *(("R$", "BRL"), ("€", "EUR"), ("£", "GBP"), ("₩", "KRW"), ("₹", "INR"), ("₽", "RUB"), ("₺", "TRY"), ("円", "JPY")),
    *(("ZŁ", "PLN"), ("KČ", "CZK"), ("人民币", "CNY"), ("¥", "CNY"), ("￥", "CNY"), ("元", "CNY"), ("$", "USD")),
)
"""Sign or code → currency; what is a part of another comes behind it."""


def named_sql(column: str, currency: str) -> str:
    """The currency that a text names beside its number, in SQL; NULL: none. `currency` is the deployment's."""
    cases = " ".join(
        f"WHEN contains(upper({column}), {literal(sign)}) THEN {literal(_meant(sign, code, currency))}"
        for sign, code in _SIGNS
    )
    return f"CASE {cases} END"


def _meant(sign: str, code: str, currency: str) -> str:
    return currency if currency in _OWN.get(sign, ()) else code


def tell_currencies(
    connection: duckdb.DuckDBPyConnection, meaning: str, name: str, currency: str
) -> tuple[bool, list[str]]:
    """(Whether amounts name several currencies, sentences): those of a column of texts, and the file's name for it.

    Several: each line is in the one that it names. One alone, another than the deployment's: it is told.
    """
    values = f"SELECT DISTINCT {meaning} AS value FROM raw"
    query = f"SELECT {named_sql('value', currency)} AS code, min(value) FROM ({values})"
    found = dict(connection.execute(f"{query} GROUP BY code HAVING code IS NOT NULL ORDER BY code").fetchall())
    others = {code: value for code, value in found.items() if code != currency}
    if not others:
        return False, []
    value = next(iter(others.values()))
    if len(found) == 1:
        return False, [
            (
                f"Column {name!r} says {value!r}, and is counted as {currency} (PERENNIAL_CURRENCY): what is in another"
                " currency needs a column that says which, and --rate."
            )
        ]
    return True, [
        (
            f"Column {name!r} names several currencies ({', '.join(found)}): a line counts in {currency}"
            f" (PERENNIAL_CURRENCY), or at a rate that is given (--rate {next(iter(others))}=…)."
        )
    ]
