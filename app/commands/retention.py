"""`perennial retain`."""

import asyncio
import time

import typer

from app.commands.access import database
from app.commands.progress import counting, say
from app.database.engine import create_survey_engine
from app.foundation.errors import Refusal
from app.foundation.settings import Settings
from app.privacy.retention import RetentionReport, retain

commands = typer.Typer()


@commands.command(name="retain")
def retain_command() -> None:
    """Delete what is older than PERENNIAL_RETENTION says, or go on with it; one such run at a time."""

    async def work(url: str, settings: Settings) -> RetentionReport:
        engine = create_survey_engine(url)
        try:
            with counting("Rows that are too old") as progress:
                return await retain(engine, settings.kept_for, time.time_ns() // 1000, report_progress=progress)
        finally:
            await engine.dispose()

    with database() as (settings, url):
        if not settings.kept_for.days:
            raise Refusal("Everything is kept for ever: PERENNIAL_RETENTION says nothing else.")
        report = asyncio.run(work(url, settings))
    if report.outcome == "done":
        told = ", ".join(f"{count:,} of {kind}" for kind, count in report.rows.items())
        say(f"Left: {told or 'nothing'}.")
    else:
        say("Another process is at it.")
