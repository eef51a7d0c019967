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


_WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("美元", "美金", "US$", "US DOLLAR", "US DOLLARS", "美ドル"), "USD"),
    **dict.fromkeys(("欧元", "歐元", "€", "EURO", "EUROS"), "EUR"),
    **dict.fromkeys(("日元", "日币", "日圆", "日本円", "円", "YEN"), "JPY"),
    **dict.fromkeys(("港币", "港元", "港幣", "HK$", "HKD$"), "HKD"),
    **dict.fromkeys(("英镑", "英鎊", "£", "POUND", "POUNDS"), "GBP"),
    **dict.fromkeys(("台币", "新台币", "臺幣", "新臺幣", "NT$"), "TWD"),
    **dict.fromkeys(("韩元", "韓元", "₩"), "KRW"),
    **dict.fromkeys(("瑞士法郎", "SFR", "FR."), "CHF"),
    **dict.fromkeys(("澳元", "澳币", "A$"), "AUD"),
    **dict.fromkeys(("加元", "加币", "C$"), "CAD"),
    **dict.fromkeys(("新加坡元", "新币", "S$"), "SGD"),
}
"""What columns of currencies say for codes, in capitals."""


def coded_sql(column: str) -> str:
    """What a column of currencies says, its words as codes, in SQL."""
    cases = " ".join(f"WHEN {literal(word)} THEN {literal(code)}" for word, code in _WORDS.items())
    return f"CASE upper(trim({column})) {cases} ELSE {column} END"


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
