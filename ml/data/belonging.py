"""Line rows: lines of an order whose other columns stand on its first row alone, as shop systems export them."""

from typing import Final

import duckdb

from ml.data.sums import sum_sql

_OF_ORDERS: Final = (
    *("order_id", "customer_id", "timestamp", "status", "payment", "currency", "channel"),
    "cancelled_at",
)


def strip_marks(connection: duckdb.DuckDBPyConnection, types: dict[str, str]) -> None:
    """Takes marks of an encoding out of ids in `raw`: they stand where files were put together."""
    for name in ("customer_id", "order_id"):
        if types.get(name) == "VARCHAR":
            query = f"SELECT coalesce(bool_or(contains({name}, chr(65279))), false) FROM raw"
            if connection.execute(query).fetchall()[0][0]:
                connection.execute(f"UPDATE raw SET {name} = replace({name}, chr(65279), '')")


def fill_line_rows(connection: duckdb.DuckDBPyConnection, types: dict[str, str]) -> None:
    """Gives line rows of `raw` what the row says that they belong to.

    One belongs to the row above where it says less of its order than it might, and nothing else: its number, customer
    and time are those of the row above, or empty. Where they all are, something is bought in it, and no sum.
    """
    if types.get("order_id") != "VARCHAR" or types.get("timestamp") != "VARCHAR":
        return
    told = [name for name in ("timestamp", "customer_id", "status", "currency") if types.get(name) == "VARCHAR"]
    lacks = " OR ".join(f"{name} IS NULL OR {name} IN ('', ' ')" for name in told)
    if connection.execute(f"SELECT EXISTS (SELECT 1 FROM raw WHERE {lacks})").fetchall()[0][0]:
        _fill(connection, types, f"({lacks})")


def _fill(connection: duckdb.DuckDBPyConnection, types: dict[str, str], lacks: str) -> None:
    known = [name for name in _OF_ORDERS if types.get(name) == "VARCHAR"]
    same = " AND ".join(
        f"(coalesce(trim({name}), '') = '' OR {name} = {_above(name)})"
        for name in ("order_id", "customer_id", "timestamp")
        if name in known
    )
    is_bare = " AND ".join(f"coalesce(trim({name}), '') = ''" for name in ("order_id", "customer_id"))
    is_line = (
        f"coalesce({lacks} AND {same} AND {_above('order_id')} IS NOT NULL"
        f" AND (NOT ({is_bare}) OR {_is_bought(types)}), false)"
    )
    filled = ", ".join(
        f"CASE WHEN is_line AND coalesce(trim({name}), '') = '' THEN first_value({name}) OVER of_order "
        f"ELSE {name} END AS {name}"
        for name in known
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE raw AS
        SELECT * EXCLUDE (is_line, place, row) REPLACE ({filled})
        FROM (SELECT *, sum(CASE WHEN is_line THEN 0 ELSE 1 END) OVER (ORDER BY row) AS place
              FROM (SELECT *, {is_line} AS is_line FROM (SELECT *, rowid AS row FROM raw)))
        WINDOW of_order AS (PARTITION BY place ORDER BY row)
        ORDER BY row"""
    )


def _is_bought(types: dict[str, str]) -> str:
    """Whether a row names an item, in SQL; in a file without items, whether it has pieces and a price."""
    named = [name for name in ("item_id", "category") if name in types]
    if named:
        return f"(({' OR '.join(map(_says, named))}) AND NOT ({' OR '.join(sum_sql(_text(name)) for name in named)}))"
    return f"({_says('quantity')} AND {_says('unit_price')})" if {"quantity", "unit_price"} <= types.keys() else "false"


def _text(name: str) -> str:
    return f"CAST({name} AS VARCHAR)"


def _says(name: str) -> str:
    """Whether a column has something, in SQL."""
    return f"coalesce(trim({_text(name)}), '') <> ''"


def _above(name: str) -> str:
    """What the nearest row above that says anything says."""
    return f"lag(nullif(trim({name}), '') IGNORE NULLS) OVER (ORDER BY row)"
