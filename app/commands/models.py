"""`perennial train`, `retrain`, and `models`: list, show, compare, promote, rollback, register."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.commands.access import database, engine_of
from app.commands.calendar import CalendarOption, name_calendar
from app.commands.file_options import reads_file, refuse_without_file
from app.commands.policies import train_policy_command
from app.commands.progress import say
from app.commands.recording import record_command
from app.commands.sentiment import train_sentiment_command
from app.database.engine import transaction
from app.decisions.fairness_gate import gates_of
from app.decisions.policy_watch import REALISED, describe_realised
from app.foundation.settings import Settings
from app.models import rendering, service
from app.models.gates import COMMAND_LINE, Gates, at_gate
from app.models.kinds import SCORE

if TYPE_CHECKING:
    from ml.data.file_reading import FileReading

commands = typer.Typer()
registry = typer.Typer(help="The registry of models: which one serves, and which did.", no_args_is_help=True)
commands.add_typer(registry, name="models")
training = typer.Typer(invoke_without_command=True)
commands.add_typer(training, name="train")

Told = TypeVar("Told")
Version = Annotated[str, typer.Argument(help="As listed")]
Reason = Annotated[str, typer.Option(help="Why; it is kept")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
By = Annotated[str, typer.Option(help="Who you are; it is kept")]
NICENESS = 10
"""Of a scheduled retraining: tills come first."""


@training.callback()
@reads_file
def train(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Transactions file (default: the database)"),
    ] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Train on the demo shop's events")] = False,
    states_by: Annotated[str, typer.Option("--engine", help="What makes states of events: duckdb or spark")] = "duckdb",
    calendar: CalendarOption = None,
    *,
    reading: "FileReading",
) -> None:
    """Make a model from the database's events or from a file, and register it."""
    if context.invoked_subcommand is not None:
        return
    refuse_without_file(data, reading)
    from ml.training.commands import train_from_database, train_from_file

    async def work(url: str, settings: Settings) -> str:
        settings = name_calendar(settings, calendar)
        async with engine_of(url) as engine:
            if data is not None:
                return await train_from_file(engine, data, settings, reading, states_by)
            return await train_from_database(engine, settings, simulated, states_by)

    with database() as (settings, url):
        say(asyncio.run(work(url, settings)))


@training.command()
@reads_file
def recommend(
    data: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Transactions or numbered baskets (default: the database)"),
    ] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Learn from the demo shop's orders")] = False,
    horizon: Annotated[int, typer.Option(min=1, help="In how many days the next basket counts")] = 30,
    sums_by: Annotated[str, typer.Option("--engine", help="What sums order lines up: duckdb or spark")] = "duckdb",
    *,
    reading: "FileReading",
) -> None:
    """Make a model of recommendations from the database's orders or from a file, and register it."""
    from ml.training.commands import recommend_from_database, recommend_from_file

    async def work(url: str, settings: Settings) -> str:
        async with engine_of(url) as engine:
            if data is not None:
                return await recommend_from_file(engine, data, settings, reading, horizon, sums_by)
            return await recommend_from_database(engine, settings, simulated, horizon, sums_by)

    refuse_without_file(data, reading)
    with database() as (settings, url):
        say(asyncio.run(work(url, settings)))


training.command(name="policy")(train_policy_command)
training.command(name="sentiment")(train_sentiment_command)


@commands.command()
def retrain(
    every_days: Annotated[
        int, typer.Option(min=0, help="Do nothing where a model was made within so many days; 0: always do")
    ] = 0,
    kind: Annotated[Literal["score", "recommend", "policy"], typer.Option(help="Which models")] = SCORE,
) -> None:
    """Train on the database's real events, and promote the model if it is not worse than the champion."""
    from ml.training.retraining import retrain as retrain_model

    async def work(url: str, settings: Settings) -> str:
        async with engine_of(url) as engine:
            return await retrain_model(engine, settings, every_days, kind)

    if every_days:
        os.nice(NICENESS)
    with database() as (settings, url):
        say(asyncio.run(work(url, settings)))


def _ask(work: Callable[[AsyncConnection], Awaitable[Told]]) -> Told:
    """One transaction's answer."""

    async def ask(url: str) -> Told:
        async with engine_of(url) as engine, transaction(engine) as connection:
            return await work(connection)

    with database() as (_, url):
        return asyncio.run(ask(url))


def _change(command: str, target: str, work: Callable[[AsyncConnection, Gates], Awaitable[Told]]) -> Told:
    """What may be held up at a gate, and is recorded where it is done."""

    async def change(url: str, settings: Settings) -> Told:
        async with engine_of(url) as engine, at_gate(engine) as connection:
            told = await work(connection, gates_of(settings))
            await record_command(connection, settings, f"models {command}", target=target)
            return told

    with database() as (settings, url):
        return asyncio.run(change(url, settings))


def _name(by: str) -> str:
    """Whom the registry keeps: on its word, since a terminal knows nobody."""
    return f"{told} at {COMMAND_LINE}" if (told := by.strip()) else COMMAND_LINE


@registry.command(name="list")
def list_models(as_json: AsJson = False) -> None:
    """Every model, the latest first."""
    models = _ask(rendering.list_models)
    if as_json:
        print(json.dumps(models, indent=2))
    elif models:
        _print_table(models)
    else:
        say("No model is registered: 'perennial train' makes one, 'perennial models register DIRECTORY' takes one in.")


def _print_table(models: list[dict[str, Any]]) -> None:
    from rich.console import Console  # the service loads this module, and does without tables
    from rich.table import Table

    table = Table(box=None)
    for name in ("version", "kind", "state", "horizon", "data until", "registered"):
        table.add_column(name, overflow="fold")
    for model in models:
        state = (
            model["state"] + (" (demo)" if model["simulated"] else "") + ("" if model["readable"] else ", unreadable")
        )
        horizon = f"{model['horizon_days']} days" if model["horizon_days"] else "–"
        named = (model["version"], model["kind"], state, horizon)
        table.add_row(*named, model["data_until"][:10], model["registered_at"][:19])
    Console(width=120).print(table)


@registry.command()
def show(version: Version, as_json: AsJson = False) -> None:
    """A model's card, and the changes of its state."""
    model = _ask(lambda connection: rendering.describe_model(connection, version))
    if as_json:
        print(json.dumps(model, indent=2, ensure_ascii=False))
        return
    _print_table([model])
    print()
    for change in model["changes"]:
        print(f"{change['at'][:19]}  {change['act']}: {change['state']}, by {change['made_by']}. {change['reason']}")
    for word in model["approvals"]:
        print(f"{word['at'][:19]}  approved by {word['made_by']}. {word['reason']} {word['sentence']}")
    if realised := next((told for told in model["reports"] if told["kind"] == REALISED), None):
        print(f"{realised['at'][:19]}  {describe_realised(realised['report'])}.")
    print(f"\n{model['card'] or 'It has no card.'}")


@registry.command()
def compare(
    versions: Annotated[list[str], typer.Argument(help="Two or more, as listed")], as_json: AsJson = False
) -> None:
    """Models side by side: their hold-outs, and their scores of the same customers."""
    wanted = list(dict.fromkeys(versions))
    if len(wanted) < 2:
        raise typer.BadParameter("name two different versions at least")
    compared = _ask(lambda connection: rendering.compare_models(connection, wanted))
    if as_json:
        print(json.dumps(compared, indent=2))
        return
    _print_table(compared["models"])
    for model in compared["models"]:
        print(f"\n{model['version']}, hold-out: {json.dumps(model['metrics'])}")
    for pair in compared["shadow"]:
        print(f"\n{_describe_shadow(pair)}")


def _describe_lists(lists: dict[str, Any]) -> str:
    told = (
        f"Of {lists['lists']:,} lists that {lists['champion']} gave, {lists['challenger']} would have shown "
        f"{lists['agreement_at_10']:.0%} of the first ten items, the same first one in {lists['same_first']:.0%}."
    )
    if not lists["judged"]:
        return f"{told} No next basket has come yet."
    hits = ", ".join(f"{version} {rate:.3f}" for version, rate in lists["phr_at_10"].items())
    return f"{told} Of {lists['judged']:,} next baskets hit: {hits}."


def _describe_choices(choices: dict[str, Any]) -> str:
    told = (
        f"Of {choices['decisions']:,} decisions {choices['champion']} and {choices['challenger']} would decide "
        f"{choices['agreement']:.0%} alike, the likeliest action is the same in {choices['same_first']:.0%}."
    )
    if choices["lead"] is None:
        return f"{told} Too few have a final reward to say what either brings."
    lead = choices["lead"]
    warned = f" ({', '.join(choices['warnings'])})" if choices["warnings"] else ""
    return (
        f"{told} By {choices['judged']:,} whose reward is final {choices['challenger']} would bring "
        f"{lead['value']:+.4f} a decision ({lead['low']:+.4f} to {lead['high']:+.4f}){warned}."
    )


def _describe_shadow(pair: dict[str, Any]) -> str:
    if pair["lists"] is not None:
        return _describe_lists(pair["lists"])
    if pair["choices"] is not None:
        return _describe_choices(pair["choices"])
    if not pair["customers"]:
        return f"{pair['first']} and {pair['second']} were not asked of the same customers yet."
    told = (
        f"Of {pair['customers']:,} scores of the same customers {pair['second']} is {pair['mean_difference']:+.4f} "
        f"from {pair['first']}, {pair['mean_absolute_difference']:.4f} either way."
    )
    if pair["left_out"] is not None:
        return f"{told} Who was right is left out. {pair['left_out']}"
    if not pair["matured"]:
        return f"{told} No horizon has passed yet."
    errors = "; ".join(
        f"{version}: Brier {error['brier']:.4f}, log-loss {error['log_loss']:.4f}"
        for version, error in pair["errors"].items()
    )
    return f"{told} Of {pair['matured']:,} whose horizon has passed: {errors}."


@registry.command()
def promote(version: Version, reason: Reason = "", by: By = "") -> None:
    """Put a model in force; running services answer by it within five seconds."""

    async def work(connection: AsyncConnection, gates: Gates) -> service.Promoted:
        return await service.promote(connection, version, _now_us(), _name(by), reason, gates)

    _say_promoted(_change("promote", version, work))


@registry.command()
def approve(
    version: Version,
    by: By,
    reason: Annotated[str, typer.Option(help="Why what it would do is right all the same; it is kept")],
) -> None:
    """Give the word of a second person for a policy that would treat some customers otherwise than the champion."""
    if not (by.strip() and reason.strip()):
        raise typer.BadParameter("say who you are, and why")

    async def work(connection: AsyncConnection, gates: Gates) -> dict[str, Any]:
        return await service.approve(connection, version, _now_us(), _name(by), reason, gates)

    told = _change("approve", version, work)
    say(f"{told['sentence']} {told['made_by']} approves. Somebody else may put it in force within 30 days.")


@registry.command()
def rollback(
    reason: Reason = "",
    kind: Annotated[Literal["score", "recommend", "policy", "sentiment"], typer.Option(help="Of which models")] = SCORE,
) -> None:
    """Go back to the model that was in force before; again, to the one before that."""

    async def work(connection: AsyncConnection, _: Gates) -> service.Promoted:
        return await service.rollback(connection, _now_us(), COMMAND_LINE, reason, kind)

    _say_promoted(_change("rollback", kind, work))


def _say_promoted(promoted: service.Promoted) -> None:
    before = "" if promoted.replaced is None else f" in the place of {promoted.replaced}"
    say(f"{promoted.version} is in force{before}; running services answer by it within five seconds.")


@registry.command()
def register(
    directory: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="An artefact, models/<version>")],
) -> None:
    """Take an artefact into the registry, of another installation say."""

    async def work(connection: AsyncConnection, gates: Gates) -> service.Registered:
        return await service.register(connection, directory, _now_us(), COMMAND_LINE, gates=gates)

    say(_change("register", directory.name, work).sentence)


def _now_us() -> int:
    return time.time_ns() // 1000
