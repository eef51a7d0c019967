"""`perennial train`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from app.commands.access import database, engine_of
from app.config import Settings
from app.progress import say

commands = typer.Typer()


@commands.command()
def train(
    data: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Transactions file (default: the database)"),
    ] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Train on the demo shop's events")] = False,
    timezone: Annotated[str, typer.Option(help="Zone of the file's times that carry none")] = "UTC",
) -> None:
    """Make the churn model from the database's events or from a file, and put it in force."""
    from ml.commands import train_from_database, train_from_file

    async def work(url: str, settings: Settings) -> str:
        async with engine_of(url) as engine:
            return await train_from_database(engine, settings, simulated)

    if data is not None:
        say(train_from_file(data, Settings.from_environment(), timezone))
        return
    with database() as (settings, url):
        say(asyncio.run(work(url, settings)))
