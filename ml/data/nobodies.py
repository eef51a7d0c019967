"""Words in a file that stand where there is nothing: customers and order numbers that are none."""

from typing import Final

import duckdb

from app.lifecycle.placeholders import MASKS, is_placeholder
from ml.data.columns import Columns
from ml.data.leavings import NO_CUSTOMER, NO_NUMBER, NOBODY
from ml.data.reading import literal

_SURELY_IDS: Final = r"^([1-9]|[\p{L}\p{N}+].*[1-9@])"
"""Nearly every id: none of the words has such a digit, or an `@`. Python looks at the others alone."""


def settle_placeholders(connection: duckdb.DuckDBPyConnection, columns: Columns) -> None:
    """Takes from the lines of `judged` customers that are nobody (`guest`), and numbers that are none (`N/A`).

    So an order has the same identity in each file, however it says that it is nobody's.
    """
    if _forget(connection, "customer_id"):
        connection.execute(
            f"UPDATE judged SET reason = {literal(NO_CUSTOMER)} WHERE customer_id IS NULL AND reason IS NULL"
        )
    if columns.order_id is not None:
        _forget(connection, "order_id", told=(NO_NUMBER, columns.order_id))


def keep_nobody(connection: duckdb.DuckDBPyConnection, columns: Columns) -> None:
    """Lets lines of `judged` count that name no customer, as those of `''`, where other lines name some."""
    nobody = f"reason = {literal(NO_CUSTOMER)}"
    query = f"SELECT count(customer_id), count(*) FILTER (WHERE {nobody}) FROM judged"
    ((known, unknown),) = connection.execute(query).fetchall()
    if not known or not unknown:
        return
    connection.execute(
        f"""INSERT INTO left_out
        SELECT row, {literal(NOBODY)}, {literal(columns.customer_id)}, NULL, false, false
        FROM judged WHERE {nobody}"""
    )
    connection.execute(f"UPDATE judged SET customer_id = '', reason = NULL WHERE {nobody}")


def name_refunds(connection: duckdb.DuckDBPyConnection, columns: Columns) -> None:
    """Gives what came back in `judged` and names nobody the customer of its order, where its number is one customer's.

    For files whose numbers are of one order each.
    """
    if columns.order_id is None:
        return
    is_refund = "(is_return OR amount < 0 OR coalesce(quantity < 0, false))"
    is_nobodys = f"(customer_id = '' OR reason = {literal(NO_CUSTOMER)})"
    connection.execute(
        f"""UPDATE judged SET customer_id = known.customer_id, reason = NULL
        FROM (SELECT order_id, min(customer_id) AS customer_id FROM judged
              WHERE reason IS NULL AND customer_id <> '' AND order_id IS NOT NULL AND NOT {is_refund}
              GROUP BY order_id HAVING count(DISTINCT customer_id) = 1) AS known
        WHERE judged.order_id = known.order_id AND {is_nobodys.replace("customer_id", "judged.customer_id")}
              AND {is_refund}"""
    )
    connection.execute(
        f"""DELETE FROM left_out USING judged
        WHERE left_out.row = judged.row AND left_out.reason = {literal(NOBODY)} AND judged.customer_id <> ''"""
    )


def _forget(connection: duckdb.DuckDBPyConnection, name: str, told: tuple[str, str] | None = None) -> bool:
    """Whether there were any. `told`: the reason and the column with which each line that counts is told."""
    masked = " OR ".join(f"contains({name}, {literal(mask)})" for mask in MASKS)
    doubtful = f"{name} IS NOT NULL AND (NOT regexp_matches({name}, '{_SURELY_IDS}') OR {masked})"
    said = connection.execute(f"SELECT DISTINCT {name} FROM judged WHERE {doubtful}").fetchall()
    is_number = name == "order_id"  # orders may be numbered from 0
    empty = [word for (word,) in said if is_placeholder(word) and not (is_number and word.isdecimal())]
    if not empty:
        return False
    is_empty = f"{name} IN ({', '.join(map(literal, empty))})"
    if told is not None:
        connection.execute(
            f"""INSERT INTO left_out SELECT row, {literal(told[0])}, {literal(told[1])}, {name}, false, false
            FROM judged WHERE reason IS NULL AND {is_empty}"""
        )
    connection.execute(f"UPDATE judged SET {name} = NULL WHERE {is_empty}")
    return True
