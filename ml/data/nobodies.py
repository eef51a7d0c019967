"""Words in a file that stand where there is nothing: customers and order numbers that are none."""

from typing import Final

import duckdb

from app.lifecycle.placeholders import is_placeholder
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


def _forget(connection: duckdb.DuckDBPyConnection, name: str, told: tuple[str, str] | None = None) -> bool:
    """Whether there were any. `told`: the reason and the column with which each line that counts is told."""
    doubtful = f"{name} IS NOT NULL AND NOT regexp_matches({name}, '{_SURELY_IDS}')"
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
