"""`perennial evaluate policy` and `train policy`: policies, judged on and learned of the decisions that were made."""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.commands.access import database, engine_of
from app.commands.evaluation import commands
from app.commands.progress import say
from app.database.engine import transaction
from app.decisions.catalogue_queries import read_catalogue
from app.decisions.fairness_gate import gates_of
from app.decisions.outcome_queries import Rewarding, read_log
from app.foundation.settings import Settings
from app.ingest.queries import has_demo_events
from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.events import DAY_US
from app.lifecycle.learned_effects import LearnedEffects
from app.models import queries
from app.models.artefact import ArtefactRefused
from app.models.kinds import POLICY
from app.models.policy_artefact import PolicyModel
from app.models.service import Registered, load_stored, register

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
    from ml.data.decisions import read_decisions
    from ml.evaluation.figures import render_policies
    from ml.evaluation.policy import evaluate_policies

    with database() as (settings, url):
        read = asyncio.run(_read(url, settings, days))
    result = evaluate_policies(read_decisions(read.rows, read.groups), read.champion)
    print(json.dumps(result, indent=2) if as_json else render_policies(result), flush=True)


def train_policy_command(days: Days = 180, as_json: AsJson = False) -> None:
    """Learn what actions add from the decisions made and what came of them, and register it."""
    from ml.data.decisions import read_decisions
    from ml.evaluation.figures import render_policies
    from ml.training.policies import PolicyTraining, train_policy

    with database() as (settings, url):
        read = asyncio.run(_read(url, settings, days))
        log = read_decisions(read.rows, read.groups)
        catalogue = {"digest": read.catalogue.digest, "version": read.catalogue.version}
        since, until = (datetime.fromtimestamp(us / 1e6, UTC) for us in (read.since_us, read.until_us))
        days_ahead = settings.attribution_days
        training = PolicyTraining(log, read.groups, since, until, days_ahead, catalogue, read.is_demo, read.champion)
        directory = train_policy(training, settings.models_directory, datetime.now(UTC))
        registered = asyncio.run(_register(url, settings, directory))
    manifest = json.loads((directory / "manifest.json").read_bytes())
    if as_json:
        told = {name: manifest[name] for name in ("training", "actions", "metrics")}
        print(json.dumps({"version": registered.version, "state": registered.state, **told}, indent=2), flush=True)
    else:
        print(render_policies(manifest["metrics"]), flush=True)
    say(registered.sentence)


class _Read(NamedTuple):
    """Rows of the learning log that were decided in `[since_us, until_us)`, and the catalogue; `is_demo`: the demo
    shop's events are in the database. `champion`: what was learned that is in force, None: nothing that can be read."""

    rows: Sequence[Any]
    catalogue: ActionCatalogue
    since_us: int
    until_us: int
    is_demo: bool
    champion: LearnedEffects | None

    @property
    def groups(self) -> dict[str, str]:
        """Action → group."""
        return {action.action_id: action.group for action in self.catalogue.actions}


async def _read(url: str, settings: Settings, days: int) -> _Read:
    now_us = time.time_ns() // 1000
    since_us = now_us - days * DAY_US
    async with engine_of(url) as engine, transaction(engine) as connection:
        catalogue = await read_catalogue(connection)
        rows = await read_log(connection, since_us, now_us, now_us, Rewarding.of(settings))
        is_demo, champion = await has_demo_events(connection), await _read_champion(connection)
        return _Read(rows, catalogue, since_us, now_us, is_demo, champion)


async def _read_champion(connection: AsyncConnection) -> LearnedEffects | None:
    held = await queries.read_champion(connection, POLICY)
    try:
        model = None if held is None else await load_stored(connection, held.version)
    except ArtefactRefused:
        return None
    return model.effects if isinstance(model, PolicyModel) else None


async def _register(url: str, settings: Settings, directory: Path) -> Registered:
    async with engine_of(url) as engine, transaction(engine) as connection:
        return await register(connection, directory, time.time_ns() // 1000, BY, gates=gates_of(settings))
