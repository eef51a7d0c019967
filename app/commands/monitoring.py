"""`perennial monitor`."""

import asyncio
import time

import typer

from app.commands.access import database, engine_of
from app.commands.progress import counting, say
from app.database.engine import transaction
from app.decisions.policy_watch import Watched as WatchedPolicy
from app.decisions.policy_watch import describe_realised, watch_policies
from app.foundation.settings import Settings
from app.models.loading import Held, refresh_held
from app.monitoring.queries import read_latest_reports
from app.monitoring.reports import LatestReports, find_drifted
from app.monitoring.service import MonitoringReport, monitor_models
from app.recommendations.watching import BASKETS, DUE, Watched, watch

commands = typer.Typer()
_Others = tuple[Watched | None, WatchedPolicy | None]
"""What was seen of recommendations, and of policies."""


@commands.command(name="watch", hidden=True)
@commands.command()
def monitor() -> None:
    """Ask the models of a sample of customers now, and compare what they said a horizon ago with what came."""

    async def work(url: str, settings: Settings) -> tuple[MonitoringReport, LatestReports, _Others]:
        async with engine_of(url) as engine:
            async with transaction(engine) as connection:
                held = await refresh_held(connection, Held())
            with counting("Asking the models of customers") as progress:
                now_us = time.time_ns() // 1000
                report = await monitor_models(
                    engine, (held.champion, held.challenger), now_us, report_progress=progress
                )
            others = (await watch(engine, now_us), await watch_policies(engine, settings, now_us))
            async with transaction(engine) as connection:
                return report, await read_latest_reports(connection), others

    with database() as (settings, url):
        report, latest, (watched, policy) = asyncio.run(work(url, settings))
    if report.outcome == "runs elsewhere":
        say("Another process is monitoring.")
        return
    if report.outcome == "no model":
        say("There is no champion to monitor: run 'perennial train'.")
    _say_latest(report.customers, report.matured, latest)
    if watched is not None:
        _say_watched(watched)
    if policy is not None:
        _say_policy(policy)


def _say_policy(watched: WatchedPolicy) -> None:
    shadow = watched.shadow
    alike = "" if shadow is None else f"; the challenger decides {shadow['agreement']:.0%} alike"
    say(f"{watched.version}: {describe_realised(watched.realised)}{alike}")


def _say_watched(watched: Watched) -> None:
    due, baskets = watched.reports[DUE], watched.reports[BASKETS]
    told = [f"{due['items']:,} items called due"]
    if due["items"]:
        told.append(f"said {due['said']:.3f}, bought {due['bought']:.3f}, calibration error {due['ece']:.4f}")
    told.append(f"{baskets['recommendations']:,} lists met a next basket")
    if baskets["recommendations"]:
        told.append(f"{baskets['phr_at_10']:.3f} of them hit it")
    say(f"{watched.version}: {', '.join(told)}")


def _say_latest(customers: int, matured: int, latest: LatestReports) -> None:
    """What the latest reports say, in lines."""
    say(f"{customers:,} customers asked of, {matured:,} predictions matured")
    if latest.champion_drift is not None:
        say(f"Drifted: {', '.join(find_drifted(latest.champion_drift.report)) or 'no feature of weight'}")
    for outcome in (latest.champion_outcome, latest.challenger_outcome):
        if outcome is not None:
            numbers = outcome.report
            area = "–" if numbers["auc"] is None else f"{numbers['auc']:.3f}"
            told = f"Brier {numbers['brier']:.4f}, calibration error {numbers['ece']:.4f}, AUC {area}"
            say(f"{outcome.version}: {told}, of {numbers['customers']:,} customers")
