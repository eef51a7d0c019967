"""Whether amounts are those of lines, or of whole orders that stand on each of their lines."""

from collections.abc import Callable
from typing import Final, NamedTuple

import duckdb

from ml.data.columns import Columns, UnusableTransactions, compact
from ml.data.leavings import NO_AMOUNT

OF_ORDER: Final = "order"
AMOUNT_IS: Final = (OF_ORDER, "line")
_ENOUGH: Final = 3
"""Orders of several lines that all have one amount: no chance any more."""
_SAY_ORDER: Final = frozenset(
    (
        *("ordertotal", "ordervalue", "orderamount", "grandtotal", "receipttotal", "invoicetotal", "baskettotal"),
        *("gesamtbetrag", "订单金额", "订单总额", "订单总金额", "总金额", "总价", "应付金额", "订单实付金额"),
    )
)
"""Names of columns that say that an amount is the order's."""

_TOTAL_ONCE: Final = """
    CREATE OR REPLACE TEMP TABLE judged AS
    SELECT * EXCLUDE (place, known, first_reason, least_back, most_back, all_back)
           REPLACE (CASE WHEN place > 1 THEN 0 ELSE amount END AS amount,
                      CASE WHEN place > 1 THEN NULL WHEN least_back = most_back THEN most_back ELSE all_back END
                          AS refunded,
                      CASE WHEN place > 1 AND (reason IS NULL OR (reason = '{no_amount}' AND known IS NOT NULL))
                           THEN first_reason ELSE reason END AS reason)
    FROM (SELECT *, row_number() OVER of_order AS place, max(amount) OVER whole AS known,
                 min(refunded) OVER whole AS least_back, max(refunded) OVER whole AS most_back,
                 sum(refunded) OVER whole AS all_back,
                 first_value(reason) OVER of_order AS first_reason
          FROM judged
          WINDOW of_order AS (PARTITION BY customer_id, coalesce(order_id, row::VARCHAR) ORDER BY row),
                 whole AS (PARTITION BY customer_id, coalesce(order_id, row::VARCHAR)))"""
"""An order's total counts on its first line alone; where that is no sale, the others are none. What was given back is
the order's, too, where its lines say the same, else that of all lines."""


class _Evidence(NamedTuple):
    """Of orders of several lines, how many there are whose…"""

    repeated: int
    """lines (quantity × price) add up to the one amount that stands on each of them."""
    of_lines: int
    """lines add up to the sum of their amounts, which are not all the same."""
    first: int
    """amount stands on one line alone."""
    beyond: int
    """amount is the same on each line, where quantity × price is not."""
    varied: int
    """amounts are not all the same."""
    alike: int
    """amounts are all the same."""
    totals: int
    """…and how many different amounts there are of these."""


def settle_totals(
    connection: duckdb.DuckDBPyConnection, columns: Columns, wanted: str | None, say: Callable[[str], None]
) -> None:
    """Changes `judged` where amounts are their orders' totals: each counts on its order's first line alone.

    `wanted` is one of AMOUNT_IS, None: it is told by the values. Raises UnusableTransactions where they contradict.
    """
    if columns.amount is None or columns.order_id is None:
        return
    of_order = wanted == OF_ORDER if wanted else columns.has_totals or _is_total(connection, columns.amount)
    if of_order:
        say(f"Column {columns.amount!r} is the total of the order: it counts once an order.")
        connection.execute(_TOTAL_ONCE.format(no_amount=NO_AMOUNT))


def _is_total(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    found = _gather(connection)
    if found.repeated and found.of_lines:
        raise UnusableTransactions(
            f"column {name!r} is the order's total in {found.repeated:,} orders and the line's in {found.of_lines:,}: "
            "name the column of the lines' amounts with --amount, or say --amount-is order or line"
        )
    if found.repeated or (found.first and not found.of_lines):
        return True
    if found.of_lines or found.varied or not found.alike:
        return False
    if found.beyond or compact(name) in _SAY_ORDER:
        return True
    if found.alike >= _ENOUGH and found.totals > 1:
        raise UnusableTransactions(
            f"column {name!r} says the same on every line of each of {found.alike:,} orders: say whether that is what "
            "the order came to (--amount-is order) or each of its lines (--amount-is line)"
        )
    return False


def _gather(connection: duckdb.DuckDBPyConnection) -> _Evidence:
    row = connection.execute(
        """SELECT count(*) FILTER (WHERE same AND abs(priced - total) <= slack AND abs(priced - added) > slack),
               count(*) FILTER (WHERE NOT same AND abs(priced - added) <= slack AND told = lines),
               count(*) FILTER (WHERE told = 1),
               count(*) FILTER (WHERE same AND told = lines AND cheapest <> dearest AND abs(priced - added) > slack),
               count(*) FILTER (WHERE NOT same AND told > 1),
               count(*) FILTER (WHERE same AND told = lines AND total <> 0),
               count(DISTINCT total) FILTER (WHERE same AND told = lines AND total <> 0)
        FROM (SELECT min(amount) = max(amount) AS same, max(amount) AS total, sum(amount) AS added,
                     sum(quantity * unit_price) AS priced, count(*) AS lines, count(amount) AS told,
                     min(quantity * unit_price) AS cheapest, max(quantity * unit_price) AS dearest,
                     0.01 * count(*) AS slack
              FROM judged WHERE order_id IS NOT NULL GROUP BY customer_id, order_id HAVING count(*) > 1)"""
    ).fetchone()
    return _Evidence(*(row or (0,) * len(_Evidence._fields)))
