"""The events of the service's database as a table of DuckDB, for training."""

import tempfile
from pathlib import Path
from typing import Final

import duckdb
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.engine import Driver
from app.ingest.queries import export_events

_COLUMNS: Final = {
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


async def load_events(engine: AsyncEngine, connection: duckdb.DuckDBPyConnection, simulated: bool) -> int:
    """Makes the table `events` that `ml.data.states` reads, from real events or those of the demo shop.

    Never both: a model is trained on one or the other. Returns how many there are.
    """
    driver = Driver(engine)
    with tempfile.TemporaryDirectory(prefix="perennial-") as directory:
        file = Path(directory) / "events.csv"
        try:
            await export_events(await driver.connection(), file, tuple(_COLUMNS), simulated)
        finally:
            await driver.close()
        connection.execute(  # nothing is guessed from the file: it may be empty
            "CREATE OR REPLACE TABLE events AS SELECT * FROM"
            " read_csv($file, auto_detect = false, header = false, columns = $columns)",
            {"file": str(file), "columns": _COLUMNS},
        )
    ((count,),) = connection.execute("SELECT count(*) FROM events").fetchall()
    return int(count)
