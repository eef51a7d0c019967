"""What the command line asks of the off-line side: training, told in sentences."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import ibis
import ibis.expr.types as ir
from sqlalchemy.ext.asyncio import AsyncEngine

from app.commands.progress import say
from app.database.engine import transaction
from app.foundation.settings import Settings
from app.ingest.order_identity import OrderIdentity
from app.ingest.queries import has_demo_events
from app.models.service import register
from ml.data.cutoffs import Untrainable
from ml.data.database import count_left_out, load_events
from ml.data.engines import open_engine
from ml.data.file_reading import AS_IT_IS, FileReading
from ml.data.histories import find_oddities, read_history
from ml.data.sales import load_sales, read_sales
from ml.evaluation.prospects import evaluate_prospects
from ml.learning.ranking import TooFewBaskets
from ml.training.recommending import HORIZON_DAYS, Recommending, train_recommender
from ml.training.sentiment import SentimentTraining, train_sentiment
from ml.training.sentiment_reading import of_database, of_file
from ml.training.training import Training, train

BY: Final = "training"


async def train_from_file(
    engine: AsyncEngine, path: Path, settings: Settings, reading: FileReading = AS_IT_IS, states_by: str = "duckdb"
) -> str:
    """Trains on a transactions file and registers the model; what became of it, in a sentence.

    `states_by` is one of `ml.data.engines.ENGINES`. Raises Untrainable, UnusableTransactions, UnusableEngine.
    """
    events = read_history(path, source="training", currency=settings.currency, reading=reading, say=say)
    return await _train(engine, events, path.name, settings, states_by, simulated=False)


async def train_from_database(
    engine: AsyncEngine, settings: Settings, simulated: bool, states_by: str = "duckdb"
) -> str:
    """The same on the database's real events, or on the demo shop's."""
    connection = ibis.duckdb.connect()
    if not await load_events(engine, connection.con, simulated):
        kind = "events of the demo shop" if simulated else "real events"
        raise Untrainable(f"There are no {kind} to learn from. {await say_what_to_do(engine, simulated)}")
    events = connection.table("events")
    for sentence in find_oddities(events, settings.currency, OrderIdentity.of(settings.order_identity)):
        say(sentence)
    try:
        return await _train(engine, events, "database", settings, states_by, simulated, await count_left_out(engine))
    except Untrainable as error:
        raise Untrainable(f"{error} {await say_what_to_do(engine, simulated)}") from error


async def evaluate_prospects_in_database(
    engine: AsyncEngine, simulated: bool, horizon_days: int, number: int
) -> dict[str, Any]:
    """How well first orders of prospects are foretold from the database's real events, or the demo shop's.

    Raises Untrainable, Leak.
    """
    connection = ibis.duckdb.connect()
    if not await load_events(engine, connection.con, simulated):
        kind = "events of the demo shop" if simulated else "real events"
        raise Untrainable(f"There are no {kind} to judge by. {await say_what_to_do(engine, simulated)}")
    return evaluate_prospects(connection.table("events"), horizon_days, number) | {"simulated": simulated}


async def recommend_from_file(
    engine: AsyncEngine,
    path: Path,
    settings: Settings,
    reading: FileReading = AS_IT_IS,
    horizon_days: int = HORIZON_DAYS,
    sums_by: str = "duckdb",
) -> str:
    """Makes a model of recommendations of a file of orders or of numbered baskets, and registers it; what became of it,
    in a sentence.

    `sums_by` is one of `ml.data.engines.ENGINES`. Raises Untrainable, UnusableTransactions, UnusableEngine.
    """
    with open_engine(sums_by, settings.spark_master, settings.spark_directory) as sums:
        sales = read_sales(path, say, reading, settings.currency, sums)
    return await _recommend(engine, Recommending(sales, path.name, False, horizon_days), settings)


async def recommend_from_database(
    engine: AsyncEngine,
    settings: Settings,
    simulated: bool,
    horizon_days: int = HORIZON_DAYS,
    sums_by: str = "duckdb",
) -> str:
    """The same of the database's real orders, or of the demo shop's."""
    with open_engine(sums_by, settings.spark_master, settings.spark_directory) as sums:
        sales = await load_sales(engine, simulated, sums)
    if sales is None:
        raise Untrainable(await no_orders(engine, simulated))
    training = Recommending(sales, "database", simulated, horizon_days, await count_left_out(engine))
    return await _recommend(engine, training, settings)


async def _recommend(engine: AsyncEngine, training: Recommending, settings: Settings) -> str:
    made_at = datetime.now(UTC)
    try:
        directory = train_recommender(training, settings.models_directory, made_at, say)
    except TooFewBaskets as error:
        raise Untrainable(f"Recommendations are not learned: {error}.") from error
    return await _register(engine, directory, made_at)


async def sentiment_from_file(engine: AsyncEngine, path: Path, settings: Settings, columns: Mapping[str, str]) -> str:
    """Learns how writers feel of a file of texts with labels, and registers it; what became of it, in a sentence.

    `columns`: `text` and `label` → name, where named. Raises UnusableTransactions, Refusal.
    """
    return await _learn_sentiment(engine, of_file(path, columns, say), settings)


async def sentiment_from_database(engine: AsyncEngine, settings: Settings, simulated: bool) -> str:
    """The same of the database's real feedback, or of the demo shop's."""
    return await _learn_sentiment(engine, await of_database(engine, simulated), settings)


async def _learn_sentiment(engine: AsyncEngine, training: SentimentTraining, settings: Settings) -> str:
    made_at = datetime.now(UTC)
    directory = train_sentiment(training, settings.models_directory, made_at)
    return await _register(engine, directory, made_at)


async def _register(engine: AsyncEngine, directory: Path, made_at: datetime) -> str:
    seconds = (datetime.now(UTC) - made_at).total_seconds()
    async with transaction(engine) as connection:
        registered = await register(connection, directory, time.time_ns() // 1000, BY)
    return f"{registered.sentence} It was made in {seconds:.1f} s."


async def no_orders(engine: AsyncEngine, simulated: bool) -> str:
    """Why recommendations cannot be learned of the database, and the way out, in sentences."""
    kind = "orders of the demo shop" if simulated else "real orders"
    return f"There are no {kind} with items to learn from. {await say_what_to_do(engine, simulated)}"


async def say_what_to_do(engine: AsyncEngine, simulated: bool) -> str:
    """The way out for whoever cannot train on the database's events of a kind, in sentences."""
    if simulated:
        return "'perennial demo' fills an empty database with the demo shop; without '--simulated' real events teach."
    async with transaction(engine) as connection:
        is_demo = await has_demo_events(connection)
    shop = (
        "This database has the demo shop's events: 'perennial train --simulated' learns from them. " if is_demo else ""
    )
    return f"{shop}'perennial import FILE' brings in real ones; 'perennial train --data FILE' learns from a file alone."


async def _train(
    engine: AsyncEngine,
    events: ir.Table,
    source: str,
    settings: Settings,
    states_by: str,
    simulated: bool,
    refusing: int | None = None,
) -> str:
    made_at = datetime.now(UTC)
    with open_engine(states_by, settings.spark_master, settings.spark_directory) as states:
        horizon_days = settings.churn_horizon_days
        told = (source, simulated, horizon_days, settings.digits, settings.calendar, refusing)
        training = Training(states.take(events), *told)
        directory = train(training, settings.models_directory, made_at, say)
    return await _register(engine, directory, made_at)
