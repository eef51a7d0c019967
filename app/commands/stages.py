"""`perennial sweep` and `backfill`."""

import asyncio
import time
from typing import Annotated

import typer

from app.commands.access import database, engine_of
from app.commands.history import MONTHS, context_in_force, fill_history, tell_filled
from app.commands.progress import counting, say
from app.foundation.settings import Settings
from app.stages.sweep import SweepReport, sweep

commands = typer.Typer()


@commands.command(name="sweep")
def sweep_command() -> None:
    """Judge everybody now, and record the changes of stage that silence made; one sweep runs at a time."""

    async def work(url: str, settings: Settings) -> SweepReport:
        async with engine_of(url) as engine:
            watching = await context_in_force(engine, settings)
            with counting("Sweeping customers") as progress:
                return await sweep(engine, watching, time.time_ns() // 1000, report_progress=progress)

    with database() as (settings, url):
        report = asyncio.run(work(url, settings))
    if report.outcome == "done":
        say(f"{report.customers:,} customers judged, {report.transitions:,} transitions recorded")
    else:
        say("Another process is sweeping.")


@commands.command()
def backfill(
    months: Annotated[int, typer.Option(min=1, max=240, help="How many month ends back from the last event")] = MONTHS,
    again: Annotated[bool, typer.Option("--again", help="Also of whom it was worked out before")] = False,
) -> None:
    """Work out the stages at past month ends, before the record begins, and join them on to it, marked.

    Everybody is judged now first. Safe to stop and to repeat.
    """

    async def work(url: str, settings: Settings) -> str:
        async with engine_of(url) as engine:
            return tell_filled(await fill_history(engine, settings, months, again=again))

    with database() as (settings, url):
        say(asyncio.run(work(url, settings)))
