"""Numbers as tills, accountants and spreadsheets write them → DOUBLE, in DuckDB.

Currency signs and codes are passed over, `(12.50)`, `12.50-`, `12.50 CR` and `12,50 H` (Haben) are negative, `12,50 S`
(Soll) is not, `1.2万` is 12000 and `1.2k` 1200, thousands may be parted by commas, dots, blanks or apostrophes. Whether
a comma or a dot is the decimal sign is told by all columns of a file.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import duckdb

from ml.data.columns import UnusableTransactions

_WIDE: Final = "０１２３４５６７８９．，－（）−–＋△▲٠١٢٣٤٥٦٧٨٩٫٬"
_NARROW: Final = "0123456789.,-()--+--0123456789.,"
_BESIDE: Final = (
    r"""[\s\x{a0}\x{202f}\x{2009}’''`元円圆块整"]|人民币|[A-Z]{0,2}\p{Sc}|RMB|PKR|\bRs\b\.?|kr\.?|zł|^=|^s?fr\.|&#?\w+;"""
    r"|TL$|^TL|Kč|Ft$|руб\.?|р\.|грн\.?|원"
)
_NO_CENTS: Final = r"[.,:]-+$"
"""`5.-` and `5,–` are five francs and no cents, not a negative."""
_UNITS: Final = (("万", 1e4), ("萬", 1e4), ("千", 1e3), ("亿", 1e8), ("億", 1e8))
_UNIT: Final = "[万萬千亿億]$"
_THOUSAND: Final = r"\d(k|tsd\.?)$"
_BEHIND: Final = r"(\d)(k|tsd\.?|[SH])$"
"""Right behind a digit: the k of thousands, S and H of debit and credit."""
_NEGATIVE: Final = r"(?i)^\(.*\)$|^-|-$|CR$|^CR|\dH$"
_SIGNS: Final = r"(?i)[-+()]|CR$|DR$|^CR|^DR"
_DOTS: Final = r"^(\d+|\d{1,3}(,\d{2,3})*,\d{3})?(\.\d*)?([eE][+-]?\d+)?$"
_COMMAS: Final = r"^(\d+|\d{1,3}(\.\d{3})+)?(,\d*)?([eE][+-]?\d+)?$"
_ONLY_COMMAS: Final = r"^\d*,(\d{1,2}|\d{4,})$|\.\d{3},\d|\.\d{3}\.\d{3}|^0+,\d+$|^\d{4,},\d+$"
_ONLY_DOTS: Final = r"^\d*\.(\d{1,2}|\d{4,})$|,\d{3}\.\d|,\d{3},\d{3}|^0+\.\d+$|^\d{4,}\.\d+$"
_EITHER: Final = r"^\d{1,3}[.,]\d{3}$"


def _bare(column: str) -> str:
    """The text without what stands beside a number; its sign is still there."""
    narrow = f"translate(trim({column}), '{_WIDE}', '{_NARROW}')"
    alone = f"regexp_replace(regexp_replace({narrow}, '{_BESIDE}', '', 'gi'), '{_NO_CENTS}', '')"
    return f"regexp_replace({alone}, '^([-+(]*)[A-Za-z]{{3}}', '\\1')"


def _stripped(column: str) -> str:
    """The digits of a number: without a code of a currency behind it, its sign and its unit."""
    uncoded = f"regexp_replace({column}, '([ABD-QS-Z][A-Z][A-Z]|C[A-Z][A-QS-Z]|CAD|R[A-Z][A-Z])$', '')"
    unsigned = f"regexp_replace(regexp_replace({uncoded}, '{_SIGNS}', '', 'g'), '{_BEHIND}', '\\1', 'i')"
    return f"regexp_replace({unsigned}, '{_UNIT}', '')"


def _unit(bare: str) -> str:
    """What a number's unit stands for: 1.2万 is 1.2 times 10,000."""
    cases = " ".join(f"WHEN contains({bare}, '{sign}') THEN {factor:.0f}" for sign, factor in _UNITS)
    return f"CASE {cases} WHEN regexp_matches({bare}, '(?i){_THOUSAND}') THEN 1000 ELSE 1 END"


_PIECES: Final = (
    "件|个|個|盒|瓶|袋|包|箱|只|支|条|双|套|份|杯|张|台|本|罐|公斤|千克|斤|kg|pcs?|pieces?|ea|each|units?|stk|stück|st|szt|unités?"
    "|unidades?|uds?|pz|x|点|個入り|本入り|つ|개"
)


def without_pieces(column: str) -> str:
    """A number of pieces without the word for them (`2件`, `3 pcs`), in SQL."""
    return f"regexp_replace(trim({column}), '(?i)(\\d)\\s*({_PIECES})\\.?$', '\\1')"


def number_sql(column: str, decimal: str) -> str:
    """The number that a column of texts says; NULL: none. `decimal` is the sign before the fractions."""
    bare = _bare(column)
    body = _stripped(bare)
    whole, form = (".", _COMMAS) if decimal == "," else (",", _DOTS)
    digits = f"replace(replace({body}, '{whole}', ''), '{decimal}', '.')"
    value = f"CASE WHEN regexp_matches({body}, '{form}') THEN try_cast({digits} AS DOUBLE) END"
    sign = f"CASE WHEN regexp_matches({bare}, '{_NEGATIVE}') THEN -1 ELSE 1 END"
    signed = f"({value}) * {_unit(bare)} * {sign}"
    plain = f"try_cast({column} AS DOUBLE)"
    return signed if decimal == "," else f"coalesce({plain}, {signed})"


def plain_columns(connection: duckdb.DuckDBPyConnection, meanings: Iterable[str]) -> set[str]:
    """Those of the columns of `raw` whose every text is a number as programs write it: `number_sql` of each would be
    slow for nothing, since DuckDB works out what is common to its cases before it knows which holds."""
    return {meaning for meaning in meanings if not _count_odd(connection, meaning)}


def _count_odd(connection: duckdb.DuckDBPyConnection, meaning: str) -> int:
    odd = "try_cast(value AS DOUBLE) IS NULL AND trim(value) <> ''"
    ((count,),) = connection.execute(
        f"SELECT count(*) FILTER (WHERE {odd}) FROM (SELECT DISTINCT {meaning} AS value FROM raw)"
    ).fetchall()
    return int(count)


def tell_decimal_sign(
    connection: duckdb.DuckDBPyConnection, columns: dict[str, str], separator: str | None
) -> tuple[str, Sequence[str]]:
    """(The decimal sign of the columns of numbers in `raw`, sentences): `columns` maps meanings to the file's names.

    Raises UnusableTransactions where values contradict one another, or may be read either way.
    """
    commas: list[str] = []
    dots: list[str] = []
    either: list[str] = []
    for meaning, name in columns.items():
        for found, value in zip((commas, dots, either), _evidence(connection, meaning), strict=True):
            if value is not None:
                found.append(f"{value!r} in column {name!r}")
    if commas and dots:
        raise UnusableTransactions(
            f"numbers have decimal commas ({commas[0]}) and decimal dots ({dots[0]}): say which with --decimal-sign"
        )
    if either and not commas and not dots and separator == ";":
        raise UnusableTransactions(f"{either[0]} may be a thousand or a fraction: say which with --decimal-sign")
    sign = "," if commas else "."
    told = [f"The decimal sign is {sign!r}, as in {commas[0]}."] if commas else []
    if not commas and either and "," in either[0].partition(" in column ")[0]:
        told = [f"The comma of {either[0]} parts thousands; --decimal-sign says otherwise."]
    return sign, told


def _evidence(connection: duckdb.DuckDBPyConnection, meaning: str) -> tuple[str | None, ...]:
    """A value that only has a decimal comma, one that only has a decimal dot, one that may be either."""
    forms = (_ONLY_COMMAS, _ONLY_DOTS, _EITHER)
    sought = ", ".join(f"min(value) FILTER (WHERE regexp_matches(body, '{form}'))" for form in forms)
    body = _stripped(_bare("value"))
    row = connection.execute(
        f"""SELECT {sought} FROM (SELECT value, {body} AS body FROM (SELECT DISTINCT {meaning} AS value FROM raw))"""
    ).fetchone()
    return row or (None, None, None)
