"""`perennial sweep`."""

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
from app.stages.service import stage_context
from app.stages.sweep import SweepReport, sweep

commands = typer.Typer()


@commands.command(name="sweep")
def sweep_command() -> None:
    """Judge everybody now, and record the changes of stage that silence made; one sweep runs at a time."""

    async def work(url: str, settings: Settings) -> SweepReport:
        async with engine_of(url) as engine:
            try:
                async with transaction(engine) as connection:
                    watching = stage_context(settings, await load_champion(connection))
            except ArtefactRefused as error:
                raise Refusal(f"The model in force is refused: {error}") from error
            with counting("Sweeping customers") as progress:
                return await sweep(engine, watching, time.time_ns() // 1000, report_progress=progress)

    with database() as (settings, url):
        report = asyncio.run(work(url, settings))
    if report.outcome == "done":
        say(f"{report.customers:,} customers judged, {report.transitions:,} transitions recorded")
    else:
        say("Another process is sweeping.")
