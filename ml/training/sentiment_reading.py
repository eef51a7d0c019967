"""Where texts to learn sentiment of come from: a file, or the feedback in the database."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from app.customers.teaching_queries import find_refusing_ids
from app.database.engine import transaction
from app.foundation.errors import Refusal
from app.ingest.queries import DEMO_SOURCES
from ml.data.reviews import label_of, read_feedback, read_reviews
from ml.data.transactions import Say
from ml.training.sentiment import SentimentTraining


def of_file(path: Path, columns: Mapping[str, str], say: Say) -> SentimentTraining:
    """Raises UnusableTransactions."""
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return SentimentTraining(read_reviews(path, columns, say), path.name, at, at)


async def of_database(engine: AsyncEngine, simulated: bool) -> SentimentTraining:
    """Real feedback, or the demo shop's; none of who refuses profiling. Raises Refusal where there is none."""
    async with transaction(engine) as connection:
        refusing = await find_refusing_ids(connection)
        rows = [row for row in await read_feedback(connection) if row.customer_id not in refusing]
    rows = [row for row in rows if row.source.startswith(DEMO_SOURCES) == simulated]
    if not rows:
        kind = "feedback of the demo shop" if simulated else "real feedback"
        raise Refusal(
            f"There is no {kind} with words and a figure. 'perennial train sentiment --data FILE' learns of a file."
        )
    told = [(row.text, label_of(row.metric, row.score)) for row in rows]
    first, last = (datetime.fromtimestamp(row.occurred_us / 1e6, UTC) for row in (rows[0], rows[-1]))
    return SentimentTraining(told, "database", first, last, simulated)
