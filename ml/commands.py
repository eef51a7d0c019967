"""What the command line asks of the off-line side: training and evaluation, told in sentences."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from app.config import Settings
from app.progress import say
from ml.cutoffs import Untrainable
from ml.database import load_events
from ml.train import Training, train
from ml.transactions import load_orders


def train_from_file(path: Path, settings: Settings, timezone: str) -> str:
    """Trains on a transactions file; what was made, in a sentence. Raises Untrainable."""
    connection = ibis.duckdb.connect()
    load_orders(connection.con, path, source="training", currency=settings.currency, timezone=timezone)
    training = Training(connection.table("events"), path.name, False, settings.churn_horizon_days)
    return _train(training, settings)


async def train_from_database(engine: AsyncEngine, settings: Settings, simulated: bool) -> str:
    """Trains on the database's real events, or on the demo shop's. Raises Untrainable."""
    connection = ibis.duckdb.connect()
    count = await load_events(engine, connection.con, simulated)
    if not count:
        other = "real" if simulated else "simulated ones; '--simulated' trains on the demo shop's"
        raise Untrainable(f"There are no such events in the database, only {other} events, or none at all.")
    training = Training(connection.table("events"), "database", simulated, settings.churn_horizon_days)
    return _train(training, settings)


def _train(training: Training, settings: Settings) -> str:
    made_at = datetime.now(UTC)
    directory = train(training, settings.models_directory, made_at, say)
    seconds = (datetime.now(UTC) - made_at).total_seconds()
    return f"Model {directory.name}, made in {seconds:.1f} s, in force; running services load it within seconds."


def render_evaluation(result: dict[str, Any]) -> str:
    """An evaluation as a table for a terminal."""
    table = Table(title=f"{result['n']:,} customers, {result['base_rate']:.1%} without a purchase in the horizon")
    table.add_column("model")
    names = list(next(iter(result["models"].values())))
    for name in names:
        table.add_column(name, justify="right")
    for model, metrics in result["models"].items():
        figures = ["–" if metrics[name] is None else f"{metrics[name]:.4f}" for name in names]
        table.add_row(model, *figures)
    console = Console(width=110)
    with console.capture() as captured:
        console.print(table)
    return captured.get()
