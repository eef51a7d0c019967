"""`perennial evaluate policy` and `train policy`: policies, judged on and learned of the decisions that were made."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.access import database, engine_of
from app.commands.evaluation import commands
from app.commands.progress import say
from app.database.engine import transaction
from app.decisions.fairness_gate import gates_of
from app.foundation.settings import Settings
from app.models.service import Registered, register

if TYPE_CHECKING:
    from ml.training.policies import PolicyTraining

__all__ = ["commands", "train_policy_command"]

Days = Annotated[int, typer.Option(min=1, max=3650, help="Decisions of so many days until now")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
BY = "training"


@commands.command(name="policy")
def evaluate_policy_command(
    days: Days = 180,
    as_json: AsJson = False,
) -> None:
    """What the rules without chance, what is learned of the log, and the champion would have brought."""
    from ml.evaluation.figures import render_policies
    from ml.evaluation.policy import evaluate_policies

    with database() as (settings, url):
        read = asyncio.run(_read(url, settings, days))
    result = evaluate_policies(read.log, read.champion)
    print(json.dumps(result, indent=2) if as_json else render_policies(result), flush=True)


def train_policy_command(days: Days = 180, as_json: AsJson = False) -> None:
    """Learn what actions add from the decisions made and what came of them, and register it."""
    from ml.evaluation.figures import render_policies
    from ml.training.policies import train_policy

    with database() as (settings, url):
        training = asyncio.run(_read(url, settings, days))
        directory = train_policy(training, settings.models_directory, datetime.now(UTC))
        registered = asyncio.run(_register(url, settings, directory))
    manifest = json.loads((directory / "manifest.json").read_bytes())
    if as_json:
        told = {name: manifest[name] for name in ("training", "actions", "metrics")}
        print(json.dumps({"version": registered.version, "state": registered.state, **told}, indent=2), flush=True)
    else:
        print(render_policies(manifest["metrics"]), flush=True)
    say(registered.sentence)


async def _read(url: str, settings: Settings, days: int) -> "PolicyTraining":
    from ml.training.policy_reading import read_training

    async with engine_of(url) as engine:
        return await read_training(engine, settings, days)


async def _register(url: str, settings: Settings, directory: Path) -> Registered:
    async with engine_of(url) as engine, transaction(engine) as connection:
        return await register(connection, directory, time.time_ns() // 1000, BY, gates=gates_of(settings))
