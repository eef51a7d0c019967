"""Ids that spreadsheets and forms have changed: digits in exponents, e-mail addresses in several forms, phones."""

from collections.abc import Callable, Iterator
from typing import Final

import duckdb

from app.lifecycle.emails import normalise_email
from app.lifecycle.placeholders import show_visible
from ml.data.columns import Columns, compact
from ml.data.leavings import DIGITS_LOST, DIGITS_REPAIRED
from ml.data.reading import literal

_EXPONENT: Final = r"^\s*''?(\d)(?:[.,](\d*))?[eE]\+(\d{1,2})\s*$"
_IDS: Final = ("customer_id", "order_id", "item_id")
_UNSEEN: Final = r"^[\t\r\n\x{a0}\x{3000}\x{200b}-\x{200f}\x{feff}]+|[\t\r\n\x{a0}\x{3000}\x{200b}-\x{200f}\x{feff}]+$"
_WRAPPED: Final = rf"{_UNSEEN}|^=\"|^''[+\d]"
_PLAIN_MAIL: Final = r"[a-z0-9._%+-]+@[a-z0-9-]+(\.[a-z0-9-]+)+"
_PHONES: Final = frozenset(
    ("phone", "mobile", "billingphone", "手机号", "手机号码", "会员手机号", "客户手机号", "手机", "电话", "联系电话")
)
"""Names of columns whose ids are phones."""


def mend_ids(
    connection: duckdb.DuckDBPyConnection, columns: Columns, types: dict[str, str], say: Callable[[str], None]
) -> None:
    """Gives customers and orders of `raw` the ids that they had, and none where its digits are lost.

    What is repaired or lost is in `left_out`, as lines that were changed.
    """
    for meaning in _IDS:
        if types.get(meaning) == "VARCHAR":
            _unwrap(connection, meaning)
    for meaning, name in (("customer_id", columns.customer_id), ("order_id", columns.order_id)):
        if name is not None and types.get(meaning) == "VARCHAR":
            _undo_exponents(connection, meaning, name)
    if types.get("customer_id") != "VARCHAR":
        return
    if _has(connection, "contains(customer_id, '@')") and (count := _join_mails(connection)):
        say(
            f"Column {columns.customer_id!r} has e-mail addresses: {count:,} that {'is' if count == 1 else 'are'} "
            "written otherwise become what they would be compared by, `a@b.de` of `Name <A@b.de>`."
        )
    if compact(columns.customer_id) in _PHONES:
        _strip_phones(connection)


def join_refunds(connection: duckdb.DuckDBPyConnection, columns: Columns) -> None:
    """Gives refunds in `judged` the number of the order that they are of, where an export puts a word behind it."""
    if columns.export and columns.export.refund_marks and columns.order_id:
        marks = "|".join(columns.export.refund_marks)
        joined = f"regexp_replace(order_id, '(?i)\\s+({marks})\\s*$', '')"
        connection.execute(f"UPDATE judged SET order_id = {joined} WHERE amount < 0")


def _unwrap(connection: duckdb.DuckDBPyConnection, meaning: str) -> None:
    """`="00123"`, `\'00123` and what cannot be seen beside an id keep spreadsheets from taking it for a number."""
    if _has(connection, f"regexp_matches({meaning}, '{_WRAPPED}')"):
        bare = f"regexp_replace({meaning}, '{_UNSEEN}', '', 'g')"
        text = f"regexp_replace(regexp_replace({bare}, '^=\"(.*)\"$', '\\1'), '^''([+\\d])', '\\1')"
        connection.execute(f"UPDATE raw SET {meaning} = {text} WHERE regexp_matches({meaning}, '{_WRAPPED}')")


def _has(connection: duckdb.DuckDBPyConnection, condition: str) -> bool:
    return bool(connection.execute(f"SELECT EXISTS (SELECT 1 FROM raw WHERE {condition})").fetchall()[0][0])


def _undo_exponents(connection: duckdb.DuckDBPyConnection, meaning: str, name: str) -> None:
    """`1.3800138000E+10` is 13800138000; of `1.38E+10` nobody knows what it was."""
    is_one = f"regexp_matches({meaning}, '{_EXPONENT}')"
    if not _has(connection, is_one):
        return
    first, fraction, shift = (f"regexp_extract({meaning}, '{_EXPONENT}', {group})" for group in (1, 2, 3))
    power = f"CAST({shift} AS INTEGER)"
    whole = f"length({fraction}) >= {power} AND trim(substr({fraction}, {power} + 1), '0') = ''"
    connection.execute(
        f"""INSERT INTO left_out
        SELECT rowid + 1, CASE WHEN {whole} THEN {literal(DIGITS_REPAIRED)} ELSE {literal(DIGITS_LOST)} END,
               {literal(name)}, {meaning}, false, false
        FROM raw WHERE {is_one}"""
    )
    repaired = f"CASE WHEN {whole} THEN {first} || substr({fraction}, 1, {power}) END"
    connection.execute(f"UPDATE raw SET {meaning} = {repaired} WHERE {is_one}")


def _join_mails(connection: duckdb.DuckDBPyConnection) -> int:
    """Writes e-mail addresses as identifiers are compared; how many lines that changed."""
    plain = f"regexp_full_match(lower(trim(customer_id)), '{_PLAIN_MAIL}')"
    ((count,),) = connection.execute(
        "SELECT count(*) FROM raw WHERE contains(customer_id, '@')"
        f" AND NOT regexp_full_match(customer_id, '{_PLAIN_MAIL}')"
    ).fetchall()
    if not count:
        return 0
    connection.execute(
        f"UPDATE raw SET customer_id = lower(trim(customer_id)) WHERE contains(customer_id, '@') AND {plain}"
    )
    odd = connection.execute(
        f"SELECT DISTINCT customer_id FROM raw WHERE contains(customer_id, '@') AND NOT {plain}"
    ).fetchall()
    pairs = list(_normalised(value for (value,) in odd))
    if pairs:
        connection.execute("CREATE OR REPLACE TEMP TABLE mails (written VARCHAR, address VARCHAR)")
        connection.executemany("INSERT INTO mails VALUES (?, ?)", pairs)
        connection.execute(
            "UPDATE raw SET customer_id = mails.address FROM mails WHERE raw.customer_id = mails.written"
        )
        connection.execute("DROP TABLE mails")
    return int(count)


def _normalised(written: Iterator[str]) -> Iterator[tuple[str, str]]:
    for value in written:
        address = normalise_email(show_visible(value))
        if address and "." in address.partition("@")[2]:
            yield value, address


def _strip_phones(connection: duckdb.DuckDBPyConnection) -> None:
    """Phones without the blanks and signs between their digits: 139-1234-5678 is 13912345678."""
    is_written = "regexp_full_match(customer_id, '\\s*''?\\+?[\\d\\s().-]{6,}') AND NOT suffix(trim(customer_id), '.0')"
    connection.execute(
        f"UPDATE raw SET customer_id = regexp_replace(customer_id, '[\\s().''-]', '', 'g') WHERE {is_written} "
        "AND regexp_matches(trim(customer_id), '\\D')"
    )
