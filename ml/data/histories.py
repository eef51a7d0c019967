"""A transactions file as a history to learn from, with a word on what is odd in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir

from app.lifecycle.events import ORDER_COMPLETED, minor_digits
from ml.data.cutoffs import FALL_BACK
from ml.data.transactions import AS_TOLD, UnusableTransactions, load_orders

_ODD_SHARE: Final = 0.2
_ENOUGH_ORDERS: Final = 100
Say = Callable[[str], None]


def read_history(path: Path, *, source: str, currency: str, timezone: str, say: Say, **columns: str | None) -> ir.Table:
    """The events of a transactions file, in a DuckDB of their own.

    Says what was left out and what is odd. Raises UnusableTransactions with the sentence that says what is
    missing and what serves instead.
    """
    connection = ibis.duckdb.connect()
    try:
        load_orders(
            connection.con,
            path,
            source=source,
            currency=currency,
            timezone=timezone,
            reading=AS_TOLD,
            say=say,
            **columns,
        )
    except UnusableTransactions as error:
        reason = str(error).rstrip(".")
        if not reason.startswith(path.name):
            reason = reason[0].upper() + reason[1:]
        raise UnusableTransactions(f"{reason}. {FALL_BACK}") from error
    events = connection.table("events")
    for sentence in find_oddities(events, currency):
        say(sentence)
    return events


def find_oddities(events: ir.Table, currency: str) -> list[str]:
    """An order that outweighs all the others: means and totals of spend say more about it than about anyone."""
    orders = events.filter(events.type == ORDER_COMPLETED)
    found = orders.aggregate(
        count=orders.count(), most_minor=orders.amount_minor.max(), total_minor=orders.amount_minor.sum()
    )
    row = found.to_pyarrow().to_pylist()[0]
    if row["count"] < _ENOUGH_ORDERS or row["most_minor"] <= _ODD_SHARE * row["total_minor"]:
        return []
    most, share = row["most_minor"] / 10 ** minor_digits(currency), row["most_minor"] / row["total_minor"]
    sentence = (
        f"One order of {most:,.2f} {currency} is {share:.0%} of all spend: totals and means of spend hang on it. "
        "Trust the figures of rank (spearman, normalised_gini) instead of mae and bias, or take it out if it is wrong."
    )
    return [sentence]
