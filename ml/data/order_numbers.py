"""What an order of a file is known by: its number alone, or its number and day where numbers begin anew.

A shop counts its orders once for ever; a till may begin its receipts at 1 each morning. Which of the two it is, is told
by the numbers of sales: whether one stands on several days, or for several customers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import duckdb

from ml.data.columns import Columns, UnusableTransactions

ONCE: Final = "once"
DAILY: Final = "daily"
ORDER_NUMBERS: Final = (ONCE, DAILY)
_ANEW_SHARE: Final = 0.02
"""Of the numbers of a file that stand for several orders, from which on they begin anew; below it they are slips."""
_STORE_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True)
class _Numbers:
    """How many numbers of sales a file has, how many of these are of several days or customers, and one such."""

    count: int
    of_several: int
    example: str | None
    days: int
    customers: int

    @property
    def begin_anew(self) -> bool:
        return self.of_several > 0 and self.of_several >= _ANEW_SHARE * self.count


def settle_numbers(
    connection: duckdb.DuckDBPyConnection,
    columns: Columns,
    wanted: str | None,
    *,
    by_number: str | None,
    say: Callable[[str], None],
) -> bool:
    """Makes `order_id` in `judged` what lines of one order have in common: the number, or the number and the day.

    `wanted` is one of ORDER_NUMBERS, None: it is told by the numbers. `by_number`: the source whose orders the service
    knows by their numbers alone; None: it is not such a source. Returns whether days are
    parted: then `number` in `judged` is the number. Raises UnusableTransactions where its numbers begin anew.
    """
    if columns.order_id is None:
        return False
    numbers = _count(connection)
    if by_number and (wanted == DAILY or (wanted is None and numbers.begin_anew)):
        raise UnusableTransactions(
            f"orders of source {by_number!r} are known by their number alone, and {_told(numbers, columns.order_id)}: "
            f"name another --source, or say --order-numbers {ONCE}"
        )
    if wanted is None:
        say(_decided(numbers, columns.order_id) if numbers.of_several else f"Each {columns.order_id!r} is one order.")
    is_parted = wanted == DAILY or (wanted is None and numbers.begin_anew)
    if is_parted:
        _part_days(connection, columns, say)
    return is_parted


def _count(connection: duckdb.DuckDBPyConnection) -> _Numbers:
    row = connection.execute(
        """WITH numbers AS (
            SELECT order_id, min(hash(customer_id)) <> max(hash(customer_id))
                             OR CAST(min(moment) AS DATE) <> CAST(max(moment) AS DATE) AS is_several
            FROM judged WHERE reason IS NULL AND order_id IS NOT NULL AND NOT is_return AND amount >= 0
                              AND coalesce(quantity >= 0, true)
            GROUP BY order_id)
        SELECT count(*), count(*) FILTER (WHERE is_several), min(order_id) FILTER (WHERE is_several) FROM numbers"""
    ).fetchone()
    count, of_several, example = row or (0, 0, None)
    days, customers = 0, 0
    if of_several:
        found = "SELECT count(DISTINCT moment::DATE), count(DISTINCT customer_id) FROM judged WHERE order_id = ?"
        ((days, customers),) = connection.execute(found, [example]).fetchall()
    return _Numbers(count, of_several, example, days, customers)


def _told(numbers: _Numbers, name: str) -> str:
    of = f"{numbers.of_several:,} of {numbers.count:,} in column {name!r}"
    example = f"{numbers.example!r} on {numbers.days:,} days, of {numbers.customers:,} customers"
    return f"{of} stand on several days or for several customers ({example})"


def _decided(numbers: _Numbers, name: str) -> str:
    told = f"Order numbers: {_told(numbers, name)}"
    if numbers.begin_anew:
        return (
            f"{told}. So they begin anew, and an order is number, customer and day; --order-numbers {ONCE} says that a "
            "number is one order of its customer."
        )
    return (
        f"{told}. The others do not: a number is one order of its customer, on its first day; "
        f"--order-numbers {DAILY} parts the days."
    )


def _part_days(connection: duckdb.DuckDBPyConnection, columns: Columns, say: Callable[[str], None]) -> None:
    """Puts the day behind the number, and the store where one number of a customer's is of several in a day."""
    connection.execute("ALTER TABLE judged ADD COLUMN number VARCHAR")
    connection.execute("UPDATE judged SET number = order_id WHERE order_id IS NOT NULL")
    connection.execute("UPDATE judged SET order_id = order_id || '/' || moment::DATE WHERE order_id IS NOT NULL")
    if columns.channel is None:
        return
    ((orders, of_several),) = connection.execute(
        """SELECT count(*), count(*) FILTER (WHERE is_several)
        FROM (SELECT min(channel) <> max(channel) AND min(moment) <> max(moment) AS is_several
              FROM judged WHERE reason IS NULL AND order_id IS NOT NULL GROUP BY customer_id, order_id)"""
    ).fetchall()
    if of_several and of_several >= _STORE_SHARE * orders:
        say(f"Numbers of one day are of several stores too: an order is known by column {columns.channel!r} as well.")
        connection.execute("UPDATE judged SET order_id = order_id || '/' || channel WHERE channel IS NOT NULL")
