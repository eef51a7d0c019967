"""`perennial retain`."""

import asyncio
import time

import typer

from app.commands.access import database
from app.commands.progress import counting, say
from app.database.engine import create_survey_engine
from app.foundation.errors import Refusal
from app.foundation.settings import Settings
from app.ingest.identity_key import read_arms_key
from app.ingest.left_keys import LeftKeys
from app.privacy.retention import ANOTHER_KEY, RetentionReport, retain

commands = typer.Typer()


@commands.command(name="retain")
def retain_command() -> None:
    """Delete what is older than PERENNIAL_RETENTION says, or go on with it; one such run at a time."""

    async def work(url: str, settings: Settings) -> RetentionReport:
        engine, keys = create_survey_engine(url), LeftKeys(read_arms_key(settings))
        try:
            with counting("Rows that are too old") as progress:
                return await retain(engine, keys, settings.kept_for, time.time_ns() // 1000, report_progress=progress)
        finally:
            await engine.dispose()

    with database() as (settings, url):
        if not settings.kept_for.limits_anything:
            raise Refusal("Everything is kept for ever: PERENNIAL_RETENTION says nothing else.")
        report = asyncio.run(work(url, settings))
    if report.outcome == "another key":
        raise Refusal(ANOTHER_KEY)
    if report.outcome == "done":
        told = ", ".join(f"{count:,} of {kind}" for kind, count in report.rows.items())
        say(f"Left: {told or 'nothing'}.")
    else:
        say("Another process is at it.")
