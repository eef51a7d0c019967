"""`perennial score`: everybody's score as a table."""

import asyncio
import time

import typer

from app.commands.access import database, engine_of
from app.commands.progress import counting, say
from app.database.engine import transaction
from app.foundation.errors import Refusal
from app.foundation.settings import Settings
from app.models.artefact import ArtefactRefused
from app.models.service import load_champion
from app.scores.publishing import Published, publish_scores
from app.scores.scoring import Scoring

commands = typer.Typer()


@commands.command(name="score")
def score_command() -> None:
    """Score every customer now, and publish the table `scores` in one swap; one runs at a time."""

    async def work(url: str, settings: Settings) -> tuple[Published, Scoring]:
        async with engine_of(url) as engine:
            try:
                async with transaction(engine) as connection:
                    scoring = Scoring.of(settings, await load_champion(connection))
            except ArtefactRefused as error:
                raise Refusal(f"The model in force is refused: {error}") from error
            with counting("Scoring customers") as progress:
                return await publish_scores(engine, scoring, time.time_ns() // 1000, report_progress=progress), scoring

    began = time.monotonic()
    with database(as_owner=True) as (settings, url):
        published, scoring = asyncio.run(work(url, settings))
    if published.outcome == "runs elsewhere":
        say("Another process is publishing scores.")
        return
    made_by = "the rules, for want of a model" if scoring.model is None else scoring.model.version
    say(f"{published.customers:,} customers scored in {time.monotonic() - began:.1f} s by {made_by}")
