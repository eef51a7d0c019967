"""`perennial train sentiment` and `evaluate sentiment`: how writers of feedback feel."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from app.commands.access import database, engine_of
from app.commands.policies import commands
from app.commands.progress import say
from app.foundation.errors import Refusal
from app.foundation.settings import Settings

__all__ = ["commands", "train_sentiment_command"]

Texts = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="File of texts with labels")]
TextColumn = Annotated[str | None, typer.Option("--text-column", help="Its column of texts")]
LabelColumn = Annotated[str | None, typer.Option("--label-column", help="Its column of labels")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


@commands.command(name="sentiment")
def evaluate_sentiment_command(
    data: Texts,
    test: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="File of the same columns to judge by")],
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    as_json: AsJson = False,
) -> None:
    """How often texts are called what their writers felt, learnt from another file."""
    from ml.data.reviews import read_alike
    from ml.evaluation.figures import render_sentiment
    from ml.evaluation.sentiment import evaluate_sentiment

    known, asked = read_alike([data, test], _columns(text_column, label_column), say)
    result = evaluate_sentiment(known, asked)
    print(json.dumps(result, indent=2) if as_json else render_sentiment(result), flush=True)


def train_sentiment_command(
    data: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="File of texts with labels (default: the database)")
    ] = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Learn from the demo shop's feedback")] = False,
) -> None:
    """Learn how writers of texts feel, from the feedback in the database or from a file, and register it."""
    from ml.training.commands import sentiment_from_database, sentiment_from_file

    columns = _columns(text_column, label_column)
    if data is None and columns:
        raise Refusal("--text-column and --label-column are of a file: name it with --data.")

    async def work(url: str, settings: Settings) -> str:
        async with engine_of(url) as engine:
            if data is not None:
                return await sentiment_from_file(engine, data, settings, columns)
            return await sentiment_from_database(engine, settings, simulated)

    with database() as (settings, url):
        say(asyncio.run(work(url, settings)))


def _columns(text_column: str | None, label_column: str | None) -> dict[str, str]:
    named = {"text": text_column, "label": label_column}
    return {meaning: name for meaning, name in named.items() if name is not None}
