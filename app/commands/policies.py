"""`perennial evaluate policy`: other policies, judged on the decisions that were made."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from app.commands.access import database, engine_of
from app.commands.evaluation import commands
from app.database.engine import transaction
from app.decisions.catalogue_queries import read_catalogue
from app.decisions.outcome_queries import Rewarding, read_log
from app.foundation.settings import Settings
from app.lifecycle.events import DAY_US

__all__ = ["commands"]


@commands.command(name="policy")
def evaluate_policy_command(
    days: Annotated[int, typer.Option(min=1, max=3650, help="Decisions of so many days until now")] = 180,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """What the rules without chance, and what is learned of the log, would have brought on the decisions made."""
    from ml.data.decisions import read_decisions
    from ml.evaluation.figures import render_policies
    from ml.evaluation.policy import evaluate_policies

    with database() as (settings, url):
        rows, groups = asyncio.run(_read(url, settings, days))
    result = evaluate_policies(read_decisions(rows, groups))
    print(json.dumps(result, indent=2) if as_json else render_policies(result), flush=True)


async def _read(url: str, settings: Settings, days: int) -> tuple[Sequence[Any], dict[str, str]]:
    now_us = time.time_ns() // 1000
    rewarding = Rewarding(
        settings.attribution_days * DAY_US,
        settings.reward_wait_days * DAY_US,
        settings.default_reward,
        settings.margin,
        10**settings.digits,
    )
    async with engine_of(url) as engine, transaction(engine) as connection:
        catalogue = await read_catalogue(connection)
        rows = await read_log(connection, now_us - days * DAY_US, now_us, now_us, rewarding)
    return rows, {action.action_id: action.group for action in catalogue.actions}
