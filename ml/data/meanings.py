"""What the values of a column say of its meaning: words for returns and statuses, amounts of refunds, coupons."""

from collections.abc import Iterable
from typing import Final

import duckdb

from ml.data.columns import UnusableTransactions, compact
from ml.data.reading import literal
from ml.data.words import MARKS, Words, option_value, word_sql, words

_WHOLES: Final = words("sale, order, invoice, transaction, receipt, header, order header, bon, 主单, 订单")
_PARTS: Final = words(
    "sale line, sales line, line, line item, item, order line, order item, detail, 明细, 子单, 商品明细"
)
_UNSET: Final = words("null, none, nan, nat, n/a, na, undefined, valid, active, open, 有效, 生效, gültig, aktiv")
_NOT: Final = r"^((未|不|没有?|非)被?(取消|作废|作廢|撤销|删除|刪除|关闭|關閉)|(not|non|nicht|no) )"
"""How words of cancellations begin that say that there was none."""
_COUPON: Final = (
    "coupon|voucher|promo|rebate|discount|gift ?card|gutschein|rabatt|remise|réduction|descuento|cupón|sconto|buono"
    "|优惠|折扣|折让|满减|抹零|代金券|礼券|券|抵扣|クーポン|割引|値引"
)
"""Words of an item that is none: a negative number of these takes off what the receipt asks for, too."""
_COUPONS: Final = f"""
    UPDATE judged SET is_coupon = true
    WHERE reason IS NULL AND amount < 0 AND NOT is_return AND order_id IS NOT NULL
          AND (quantity > 0 OR regexp_matches(concat_ws(' ', item_id, category), '(?i){_COUPON}'))
          AND (customer_id, order_id, CAST(moment AS DATE)) IN (
              SELECT (customer_id, order_id, CAST(moment AS DATE)) FROM judged
              WHERE reason IS NULL AND quantity > 0 AND NOT is_return
              GROUP BY ALL HAVING sum(amount) >= 0 AND max(amount) > 0)"""
"""A line of a negative price on a receipt that asks for money takes off its sum: nothing came back. On a later day
something did."""


def _words(connection: duckdb.DuckDBPyConnection, meaning: str) -> set[str]:
    said = f"SELECT DISTINCT {meaning} FROM raw"
    rows = connection.execute(f"SELECT {word_sql(meaning)} FROM ({said}) WHERE trim({meaning}) <> ''").fetchall()
    return {row[0] for row in rows}


def check_return_words(connection: duckdb.DuckDBPyConnection, name: str, words: Words) -> None:
    """Raises UnusableTransactions for a word that says neither that something came back nor that it did not."""
    unknown = sorted(_words(connection, "is_return") - words.returned - words.kept)
    if unknown:
        raise UnusableTransactions(
            f"column {name!r} says {_shown(unknown)}, which is no word for returns (Return/Sale, yes/no, 是/否): say "
            f"which with --return-word {option_value(unknown[0], 'return')} or {option_value(unknown[0], 'sale')}, "
            "or name another column with --is-return"
        )


def tells_returns(connection: duckdb.DuckDBPyConnection, words: Words) -> bool:
    """Whether a column of kinds of lines says of some that they came back, or never were."""
    said = _words(connection, "is_return")
    return said == {"s", "r"} or not said.isdisjoint((words.returned | words.over) - MARKS)


def refuse_told_twice(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Raises UnusableTransactions where kinds of lines say that whole orders stand beside their own lines."""
    said = _words(connection, "is_return")
    if not said.isdisjoint(_WHOLES) and not said.isdisjoint(_PARTS):
        raise UnusableTransactions(
            f"column {name!r} says {_shown(sorted(said & (_WHOLES | _PARTS)))}: orders stand beside their own lines, "
            "and each would count twice. Say --amount-is order where the first line of each has what it came to, "
            "--amount-is line where all are added up, or leave lines of one kind in the file"
        )


def holds_amounts(connection: duckdb.DuckDBPyConnection, name: str, number: str) -> bool:
    """Whether what was taken for marks of returns are amounts: numbers, and not only 0 and 1, unless `name` says so."""
    row = connection.execute(
        f"""SELECT count(*) FILTER (WHERE number IS NULL), count(*) FILTER (WHERE abs(number) NOT IN (0, 1))
        FROM (SELECT {number} AS number
              FROM (SELECT DISTINCT is_return FROM raw) WHERE trim(CAST(is_return AS VARCHAR)) <> '')"""
    ).fetchone()
    says_amount = any(word in compact(name) for word in ("amount", "total", "金额"))
    return row is not None and not row[0] and (bool(row[1]) or says_amount)


def return_sql(column: str, words: Words) -> str:
    """Whether a word says that something came back, in SQL."""
    return f"coalesce({word_sql(column)} IN ({_list(words.returned)}), false)"


def says_sql(column: str, words: Words) -> str:
    """Whether a mark or a time is set, in SQL: something is said, neither no, a sale or a placeholder nor a count."""
    empty = f"regexp_matches({column}, '^[\\s0:./-]*$|^\\s*([2-9]|\\d[\\d.,]{{1,6}})\\s*$')"
    word, none = word_sql(column), _list(words.kept | words.sale | words.waiting | _UNSET)
    return (
        f"NOT (coalesce(trim({column}), '') = '' OR {empty} OR {word} IN ({none}) OR regexp_matches({word}, '{_NOT}'))"
    )


def tell_statuses(connection: duckdb.DuckDBPyConnection, name: str, words: Words, meaning: str = "status") -> bool:
    """Whether the column is one of orders' statuses: it is none where no word of it is known.

    Raises UnusableTransactions where some are and some are not.
    """
    said = _words(connection, meaning)
    known = said & (words.sale | words.over | words.waiting)
    unknown = sorted(said - known)
    if unknown and known:
        raise UnusableTransactions(
            f"column {name!r} says {_shown(unknown)}, and it is not known whether that is a sale: say which with "
            f"--status-word {option_value(unknown[0], 'sale')} (or =none, =waiting)"
        )
    return bool(known)


def cancelled_sql(column: str, words: Words) -> str:
    """Whether a status says that the order is none and will be none: not that it waits for something, in SQL."""
    return f"coalesce({word_sql(column)} IN ({_list(words.over)}), false)"


def no_sale_sql(column: str, words: Words) -> str:
    """Whether a status says that the order is no sale, in SQL."""
    return f"coalesce({word_sql(column)} IN ({_list(words.over | words.waiting)}), false)"


def own_currency(currency: str) -> tuple[str, ...]:
    """What a currency is called in files."""
    return (currency, *(("RMB", "人民币", "人民币元", "元", "¥", "￥", "CN¥", "CNH") if currency == "CNY" else ()))


def foreign_sql(column: str, currency: str) -> str:
    """Whether a currency is named that is not this one, in SQL."""
    return f"coalesce(upper(trim({column})) NOT IN ('', {_list(own_currency(currency))}), false)"


def mark_coupons(connection: duckdb.DuckDBPyConnection) -> None:
    """Marks the lines of `judged` that take off what their receipt asks for."""
    connection.execute(_COUPONS)


def _list(words: Iterable[str]) -> str:
    return ", ".join(literal(word) for word in sorted(words))


def _shown(words: list[str]) -> str:
    return ", ".join(repr(word) for word in words[:3]) + (" …" if len(words) > 3 else "")
