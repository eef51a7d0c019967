"""`perennial watch`."""

import asyncio
import time

import typer

from app.commands.access import database, engine_of
from app.commands.progress import counting, say
from app.database.engine import transaction
from app.models.loading import Held, refresh_held
from app.monitoring.queries import read_standing
from app.monitoring.reports import Standing, find_drifted
from app.monitoring.service import WatchReport, watch_models

commands = typer.Typer()


@commands.command()
def watch() -> None:
    """Ask the models of a sample of customers now, and compare what they said a horizon ago with what came."""

    async def work(url: str) -> tuple[WatchReport, Standing]:
        async with engine_of(url) as engine:
            async with transaction(engine) as connection:
                held = await refresh_held(connection, Held())
            with counting("Watching customers") as tell:
                now_us = time.time_ns() // 1000
                report = await watch_models(engine, (held.champion, held.challenger), now_us, tell=tell)
            async with transaction(engine) as connection:
                return report, await read_standing(connection)

    with database() as (_, url):
        report, standing = asyncio.run(work(url))
    if report.outcome == "runs elsewhere":
        say("Another process is watching.")
        return
    if report.outcome == "no model":
        say("There is no champion to watch: run 'perennial train'.")
    _tell(report.customers, report.matured, standing)


def _tell(customers: int, matured: int, standing: Standing) -> None:
    """What the latest reports say, in lines."""
    say(f"{customers:,} customers asked of, {matured:,} predictions matured")
    if standing.champion_drift is not None:
        say(f"Drifted: {', '.join(find_drifted(standing.champion_drift.report)) or 'no feature of weight'}")
    for outcome in (standing.champion_outcome, standing.challenger_outcome):
        if outcome is not None:
            numbers = outcome.report
            area = "–" if numbers["auc"] is None else f"{numbers['auc']:.3f}"
            told = f"Brier {numbers['brier']:.4f}, calibration error {numbers['ece']:.4f}, AUC {area}"
            say(f"{outcome.version}: {told}, of {numbers['customers']:,} customers")
