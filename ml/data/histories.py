"""A transactions file as a history to learn from, with a word on what is odd in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir

from app.ingest.order_identity import UNNUMBERED, OrderIdentity
from app.lifecycle.events import ORDER_COMPLETED, ORDER_REFUNDED, ORDER_VOIDED, SALES, minor_digits
from app.lifecycle.strays import Strays
from ml.data.cutoffs import FALL_BACK, strays_of, to_time
from ml.data.file_reading import AS_IT_IS, FileReading
from ml.data.orders import settle_returns
from ml.data.transactions import UnusableTransactions

_ODD_SHARE: Final = 0.2
_TOLD_TWICE_WITHIN_US: Final = 10 * 60 * 1_000_000
"""Two orders of one number, customer and amount so near each other are rarely two."""
_ENOUGH_ORDERS: Final = 100
Say = Callable[[str], None]


def read_history(path: Path, *, source: str, currency: str, reading: FileReading = AS_IT_IS, say: Say) -> ir.Table:
    """The events of a transactions file, in a DuckDB of their own.

    Says what was left out and what is odd. Raises UnusableTransactions with the sentence that says what is
    missing and what serves instead.
    """
    connection = ibis.duckdb.connect()
    try:
        reading.load(connection.con, path, source=source, currency=currency, say=say)
    except UnusableTransactions as error:
        reason = str(error).rstrip(".")
        if not reason.startswith(path.name):
            reason = reason[0].upper() + reason[1:]
        raise UnusableTransactions(f"{reason}. {FALL_BACK}") from error
    settle_returns(connection.con)
    events = connection.table("events")
    for sentence in find_oddities(events, currency, OrderIdentity().including(source)):
        say(sentence)
    return events


def find_oddities(events: ir.Table, currency: str, identity: OrderIdentity) -> list[str]:
    """Orders dated far before all others, orders told twice, refunds without an order; and an order or a refund that
    outweighs all the orders: means and totals of spend say more about it than anyone."""
    orders = events.filter(events.type == ORDER_COMPLETED)
    found = orders.aggregate(
        count=orders.count(), total_minor=orders.amount_minor.sum(), last_us=orders.occurred_us.max()
    )
    row = found.to_pyarrow().to_pylist()[0]
    odd = [*_describe_strays(strays_of(orders, row["last_us"])), *_describe_doubles(orders)] if row["count"] else []
    odd += _describe_lost_refunds(events, identity)
    if row["count"] < _ENOUGH_ORDERS or not row["total_minor"]:
        return odd
    kinds = (("order", orders), ("refund", events.filter(events.type == ORDER_REFUNDED)))
    said = (_describe_greatest(kind, these, row["total_minor"], currency) for kind, these in kinds)
    return odd + [sentence for sentence in said if sentence is not None]


def _describe_strays(strays: Strays | None) -> list[str]:
    if strays is None:
        return []
    first, beginning = to_time(strays.first_us), to_time(strays.beginning_us)
    are_dated = "order is dated" if strays.number == 1 else "orders are dated"
    sentence = (
        f"{strays.number} {are_dated} years before all others, the first on {first:%Y-%m-%d}; the history begins on "
        f"{beginning:%Y-%m-%d}. Clocks and typing errors make such times: rhythms leave them out."
    )
    return [sentence]


def _describe_doubles(orders: ir.Table) -> list[str]:
    """Orders that seem to be told twice, under two ids: those of a source without identity count twice."""
    nearby = ibis.window(
        group_by=[orders.customer_id, orders.source, orders.reference, orders.amount_minor], order_by=orders.occurred_us
    )
    told = orders.filter(orders.reference.notnull(), orders.amount_minor > 0)
    gaps = told.select(told.source, told.occurred_us, gap_us=told.occurred_us - told.occurred_us.lag().over(nearby))
    doubles = gaps.filter(gaps.gap_us <= _TOLD_TWICE_WITHIN_US)
    found = doubles.aggregate(
        count=doubles.count(), source=doubles.source.argmin(doubles.occurred_us), first_us=doubles.occurred_us.min()
    )
    row = found.to_pyarrow().to_pylist()[0]
    if not row["count"]:
        return []
    are_told = "order seems" if row["count"] == 1 else "orders seem"
    sentence = (
        f"{row['count']:,} {are_told} to be told twice, the first on {to_time(row['first_us']):%Y-%m-%d} by "
        f"{row['source']}: the same customer, number and amount within ten minutes, under another id. Each counts. If "
        "numbers of that source never begin anew, name it in PERENNIAL_ORDER_IDENTITY."
    )
    return [sentence]


def _describe_lost_refunds(events: ir.Table, identity: OrderIdentity) -> list[str]:
    """Refunds that name an order that never came, by sources whose orders have an identity."""
    orders = events.filter(events.type.isin((*SALES, ORDER_VOIDED)))
    folder = events.source + "/"
    names_order = events.reference.notnull() & ~events.reference.re_search(UNNUMBERED)
    is_covered = ibis.or_(*(folder.startswith(each) for each in identity.folders))
    refunds = events.filter(events.type == ORDER_REFUNDED, names_order, is_covered)
    lost = refunds.anti_join(orders, ["source", "reference"])
    found = lost.aggregate(
        count=lost.count(), source=lost.source.argmin(lost.occurred_us), first_us=lost.occurred_us.min()
    )
    row = found.to_pyarrow().to_pylist()[0]
    if not row["count"]:
        return []
    name = "refund names an order" if row["count"] == 1 else "refunds name orders"
    sentence = (
        f"{row['count']:,} {name} that never came, the first on {to_time(row['first_us']):%Y-%m-%d} by "
        f"{row['source']}: they lower the spend, but no order is known as given back. Bring the orders, or mend the "
        "numbers."
    )
    return [sentence]


def _describe_greatest(kind: str, these: ir.Table, total_minor: int, currency: str) -> str | None:
    """Of the greatest of these events, where it is so large a part of all spend."""
    greatest = these.aggregate(minor=these.amount_minor.max(), at_us=these.occurred_us.argmax(these.amount_minor))
    row = greatest.to_pyarrow().to_pylist()[0]
    if row["minor"] is None or row["minor"] <= _ODD_SHARE * total_minor:
        return None
    amount, share = row["minor"] / 10 ** minor_digits(currency), row["minor"] / total_minor
    day = f"{to_time(row['at_us']):%Y-%m-%d}"
    return (
        f"One {kind} of {amount:,.2f} {currency} is {share:.0%} of all spend, on {day}: totals and means of spend hang "
        "on it. Trust the figures of rank (spearman, normalised_gini) instead of mae and bias, "
        "or take it out if it is wrong."
    )
