"""Times as tills and spreadsheets write them → TIMESTAMPTZ, in DuckDB; what may be read two ways is not guessed.

ISO 8601 and its relatives (2026/9/3 9:05, 2026年9月3日, 20260903), days and months in the order that all of them allow,
names of months (`ml.data.months`), serial dates of Excel, seconds and milliseconds since 1970.
"""

from collections.abc import Sequence
from typing import Final

import duckdb

from ml.data.columns import UnusableTransactions
from ml.data.months import numbered
from ml.data.reading import is_number, literal

DATE_ORDERS: Final = ("dmy", "mdy", "ymd")
_PARTS: Final = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(\D.*|)$"
_ORDERED: Final = {"dmy": r"\3-\2-\1\4", "mdy": r"\3-\1-\2\4", "ymd": r"\1-\2-\3\4"}
_WORDS: Final = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}
_CLOCKS: Final = ("%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I:%M %p", "%Y-%m-%d %I:%M:%S%p", "%Y-%m-%d %I:%M%p")
_PLAIN: Final = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$"
_FIRST_SERIAL, _LAST_SERIAL = 20_000, 80_000
"""Days of Excel: 1954 to 2119."""


_NO_DATES: Final = ("0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "9999-12-31")
"""What programs write for no date at all."""

_WIDE: Final = "年月년월时時分點点　\u00a0\u202f：／．－０１２３４５６７８９"
_NARROW: Final = "----:::::   :/.-0123456789"
_WORDS_TIDYING: Final = (
    (r"\s*(GMT|UTC)\s*([+-]\d{2}):?(\d{2})$", r"\2:\3"),
    (r"\s*(GMT|UTC)\s*([+-]\d{2})$", r"\2:00"),
    (r"[(]?(星期|周|週|礼拜)[一二三四五六日天][)]?", " "),
    (r"日|号|號|일|Uhr", " "),
    (r"^(\d{4})\s*-\s*(\d{1,2})\s*-\s*(\d{1,2})", r"\1-\2-\3"),
    (r"^(\S*[-/.]\S*\d),\s*", r"\1 "),
    (r"\b(\d{1,2})\s*h\s*(\d{2})\b", r"\1:\2"),
    (r"(\s\d{1,2})\.(\d{2})\.(\d{2})(\.\d+)?(\s*[AaPp]\.?[Mm]\.?)$", r"\1:\2:\3\5"),
    (r"\b([AaPp])\.?[Mm]\.?\s*(\d{1,2}(?::\d{2}){1,2})$", r"\2 \1M"),
    (r"[秒:]\s*$", ""),
    (r"(下午|晚上|晚间|夜里|午後|午后)\s*((?:1[3-9]|2[0-3])\D.*)$", r"\2"),
    (r"中午\s*(1[01]\D.*)$", r"\1 AM"),
    (r"(上午|早上|早晨|清晨|凌晨|午前|오전)\s*(\d.*)$", r"\2 AM"),
    (r"(下午|中午|傍晚|午後|午后|오후)\s*(\d.*)$", r"\2 PM"),
    (r"(晚上|晚间|夜里)\s*((?:[1-9]|1[01])\D.*)$", r"\2 PM"),
    (r"(\d)\s*([AaPp])\.?\s?[Mm]\.?$", r"\1 \2M"),
)
_TIDYING: Final = (
    (r"^(\d{4})(\d\d)(\d\d)[ T]+(\d\d):?(\d\d)(?::?(\d\d))?$", r"\1-\2-\3 \4:\5:\6"),
    (r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\.\d+)?(Z|[+-]\d\d(?::?\d\d)?)$", r"\1-\2-\3 \4:\5:\6\8"),
    (r"^(\d{5}),(\d+)$", r"\1.\2"),
    (r":$", ""),
    (r"(\s\d{1,2})\.(\d{2})$", r"\1:\2"),
    (r"(:\d{2}(?:\.\d+)?)\s*([+-])(\d)(:?00)?$", r"\1\20\3:00"),
    (r"(:\d{2}(?:\.\d+)?)\s*([+-]\d{2}):?(\d{2})$", r"\1\2:\3"),
    (r"\s+", " "),
)
"""Pattern → replacement, in this order. Midnight in the evening (晚上12点) is of no one day: it is not read."""
_WORDED: Final = r"[^0-9TZ :/.+-]"
_DOUBTFUL_ZONE: Final = r":\d\d(\.\d+)?\s*(CST|IST|BST|EST|EDT|CDT|MST|MDT|PST|PDT|AST|SST|ECT|AMT)$"
"""Letters that stand for several zones: CST is China's and Chicago's."""


def has_words(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether times of `raw` are written with other than digits and their signs: to look for words takes its time."""
    said = "SELECT DISTINCT timestamp FROM raw"
    query = f"SELECT coalesce(bool_or(regexp_matches(timestamp, '{_WORDED}')), false) FROM ({said})"
    return bool(connection.execute(query).fetchall()[0][0])


def _tidy(column: str, *, worded: bool = True) -> str:
    """Chinese signs, AM and PM behind, a zone without a blank and with its colon."""
    text = f"translate(trim({numbered(column) if worded else column}), '{_WIDE}', '{_NARROW}')"
    for pattern, replacement in (*(_WORDS_TIDYING if worded else ()), *_TIDYING):
        text = f"regexp_replace({text}, '{pattern}', '{replacement}', 'g')"
    return f"trim({text})"


def _iso(text: str) -> str:
    """The time of a text that begins with year, month, day."""
    dashed = f"regexp_replace({text}, '^(\\d{{2,4}})[-/.](\\d{{1,2}})[-/.](\\d{{1,2}})', '\\1-\\2-\\3')"
    full = f"regexp_replace({dashed}, '^(\\d\\d)-', '20\\1-')"
    return f"coalesce(try_cast({full} AS TIMESTAMPTZ), CAST(try_strptime({full}, {list(_CLOCKS)}) AS TIMESTAMPTZ))"


def _ordered(text: str, order: str) -> str:
    """The time of a text like 9/3/2026 in an order of its parts; NULL where it is none."""
    turned = f"regexp_replace({text}, '{_PARTS}', '{_ORDERED[order]}')"
    fits = r"^\d{1,2}[-/.]\d{1,2}[-/.]\d{2}(\D|$)" if order == "ymd" else _PARTS
    return f"CASE WHEN regexp_matches({text}, '{fits}') THEN {_iso(turned)} END"


def _of_number(number: str) -> str:
    """Of a serial date, 20260903, 20260903101500, seconds or milliseconds since 1970."""
    whole = f"CAST(CAST({number} AS BIGINT) AS VARCHAR)"
    serial = f"TIMESTAMP '1899-12-30' + to_microseconds(CAST(round({number} * 86400) * 1000000 AS BIGINT))"
    return f"""CASE
        WHEN {number} BETWEEN {_FIRST_SERIAL} AND {_LAST_SERIAL} THEN CAST({serial} AS TIMESTAMPTZ)
        WHEN {number} BETWEEN 19000101 AND 21001231 THEN CAST(try_strptime({whole}, '%Y%m%d') AS TIMESTAMPTZ)
        WHEN {number} BETWEEN 19000101e6 AND 21001231235959
            THEN CAST(try_strptime({whole}, '%Y%m%d%H%M%S') AS TIMESTAMPTZ)
        WHEN {number} BETWEEN 190001010000 AND 210012312359
            THEN CAST(try_strptime({whole}, '%Y%m%d%H%M') AS TIMESTAMPTZ)
        WHEN {number} BETWEEN 3e14 AND 5e15 THEN to_timestamp({number} / 1e6)
        WHEN {number} BETWEEN 3e8 AND 5e9 THEN to_timestamp({number})
        WHEN {number} BETWEEN 3e11 AND 5e12 THEN to_timestamp({number} / 1000) END"""


def moment_sql(column: str, kind: str, order: str | None, *, worded: bool = True) -> str:
    """The time of a column of this type; NULL: none. `order` is one of DATE_ORDERS for those like 9/3/2026.

    `worded`: whether some are written with words.
    """
    if is_number(kind):
        return _of_number(f"CAST({column} AS DOUBLE)")
    if kind != "VARCHAR":
        return f"try_cast({column} AS TIMESTAMPTZ)"
    text = _tidy(column, worded=worded)
    parts = f"WHEN regexp_matches({text}, '{_PARTS}') THEN {_ordered(text, order)}" if order else ""
    return f"""CASE
        WHEN regexp_matches({column}, '{_PLAIN}') THEN try_cast({column} AS TIMESTAMPTZ)
        WHEN regexp_matches({text}, '{_DOUBTFUL_ZONE}') THEN NULL
        {parts}
        WHEN regexp_matches({text}, '^\\d{{4}}[-/.]') THEN {_iso(text)}
        WHEN regexp_matches({text}, '^\\d+(\\.\\d+)?$') THEN {_of_number(f"try_cast({text} AS DOUBLE)")}
        ELSE try_cast({text} AS TIMESTAMPTZ) END"""


def is_no_date_sql(moment: str) -> str:
    """Whether a time is of a day that stands for none, in SQL."""
    days = ", ".join(map(literal, _NO_DATES))
    here, universal = (f"strftime({each}, '%Y-%m-%d') IN ({days})" for each in (moment, f"timezone('UTC', {moment})"))
    return f"({here} OR {universal} OR {moment} < TIMESTAMPTZ '0002-01-01')"


def tell_date_order(
    connection: duckdb.DuckDBPyConnection, name: str, wanted: str | None
) -> tuple[str | None, Sequence[str]]:
    """(The order of the parts of dates like 9/3/2026 in the times of `raw`, sentences); None: none is such.

    Raises UnusableTransactions where more than one order reads all of them, or no one order does.
    """
    row = connection.execute(_ORDERS_SQL).fetchone()
    assert row is not None
    some, example, *counts, only_dmy, only_mdy = row
    if not some:
        return None, ()
    if wanted:
        return wanted, [f"Dates of column {name!r} like {example!r} are read as {_WORDS[wanted]}."]
    best = [order for order, count in zip(DATE_ORDERS, counts, strict=True) if count == max(counts)]
    if len(best) > 1 or not max(counts) or (only_dmy and only_mdy):
        forms = " or ".join(f"{_WORDS[order]} (--date-order {order})" for order in best)
        raise UnusableTransactions(f"dates of column {name!r} like {example!r} may be {forms}: say which")
    return best[0], [f"Dates of column {name!r} like {example!r} are read as {_WORDS[best[0]]}."]


_DATE: Final = f"regexp_extract({_tidy('timestamp')}, '^\\d{{1,2}}[-/.]\\d{{1,2}}[-/.](\\d{{4}}|\\d{{2}})(?:\\D|$)')"
_ORDERS_SQL: Final = f"""
    SELECT count(*), min(day), count(dmy), count(mdy), count(ymd),
           count(*) FILTER (WHERE mdy IS NULL AND dmy IS NOT NULL AND NOT contains(day, '.')),
           count(*) FILTER (WHERE dmy IS NULL AND mdy IS NOT NULL)
    FROM (SELECT day, {_ordered("day", "dmy")} AS dmy,
                 CASE WHEN NOT contains(day, '.') THEN {_ordered("day", "mdy")} END AS mdy,
                 {_ordered("day", "ymd")} AS ymd
          FROM (SELECT DISTINCT regexp_replace({_DATE}, '\\D$', '') AS day FROM raw
                WHERE regexp_matches(timestamp, '^\\s*(\\d{{1,2}}[-/.／．]|[^0-9\\s])')) WHERE day <> '')"""
