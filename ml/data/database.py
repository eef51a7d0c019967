"""The events of the service's database as a table of DuckDB, for training."""

import tempfile
from pathlib import Path
from typing import Final

import duckdb
from sqlalchemy.ext.asyncio import AsyncEngine

from app.customers.teaching_queries import count_refusing, export_events, export_order_items
from app.database.engine import Driver, transaction

EVENT_COLUMNS: Final = {
    "customer_id": "VARCHAR",
    "source": "VARCHAR",
    "id": "VARCHAR",
    "type": "VARCHAR",
    "occurred_us": "BIGINT",
    "kind": "VARCHAR",
    "channel": "VARCHAR",
    "reference": "VARCHAR",
    "amount_minor": "BIGINT",
    "discount_minor": "BIGINT",
    "items": "BIGINT",
    "points": "BIGINT",
    "value": "VARCHAR",
}
"""What states are made of."""

_ITEM_COLUMNS: Final = {
    "customer_id": "VARCHAR",
    "type": "VARCHAR",
    "occurred_us": "BIGINT",
    "order_id": "VARCHAR",
    "item_id": "VARCHAR",
    "quantity": "DOUBLE",
    "category": "VARCHAR",
    "store": "VARCHAR",
}


async def load_order_items(engine: AsyncEngine, connection: duckdb.DuckDBPyConnection, simulated: bool) -> int:
    """Makes the table `order_items` that `ml.data.baskets` reads, as `load_events` does; how many rows there are."""
    driver = Driver(engine)
    with tempfile.TemporaryDirectory(prefix="perennial-") as directory:
        file = Path(directory) / "order_items.csv"
        try:
            await export_order_items(await driver.connection(), file, simulated)
        finally:
            await driver.close()
        return read_csv(connection, "order_items", file, _ITEM_COLUMNS)


def read_csv(connection: duckdb.DuckDBPyConnection, table: str, file: Path, columns: dict[str, str]) -> int:
    """Makes a table of what `COPY` wrote, empty or not; how many rows there are."""
    connection.execute(  # nothing is guessed from the file: it may be empty
        f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM"
        " read_csv($file, auto_detect = false, header = false, columns = $columns)",
        {"file": str(file), "columns": columns},
    )
    ((count,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(count)


def make_empty(connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str]) -> None:
    """Makes the table, of nothing."""
    named = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
    connection.execute(f"CREATE OR REPLACE TABLE {table} ({named})")


async def load_events(engine: AsyncEngine, connection: duckdb.DuckDBPyConnection, simulated: bool) -> int:
    """Makes the table `events` that `ml.data.states` reads, from real events or those of the demo shop.

    Never both: a model is trained on one or the other. Whatever engine reads them then, nobody who refuses profiling is
    among them. Returns how many there are.
    """
    driver = Driver(engine)
    with tempfile.TemporaryDirectory(prefix="perennial-") as directory:
        file = Path(directory) / "events.csv"
        try:
            await export_events(await driver.connection(), file, tuple(EVENT_COLUMNS), simulated)
        finally:
            await driver.close()
        return read_csv(connection, "events", file, EVENT_COLUMNS)


async def count_left_out(engine: AsyncEngine) -> int:
    """How many persons refuse profiling, whose events are in neither table."""
    async with transaction(engine) as connection:
        return await count_refusing(connection)
