"""The `perennial` command."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.commands import (
    evaluation,
    keys,
    models,
    scores,
)
from app.commands import (
    monitoring as watch,
)
from app.commands.access import database, engine_of
from app.commands.demo_shop import is_prepared
from app.commands.progress import counting, say
from app.customers import verification
from app.database.engine import transaction
from app.database.opening import open_database
from app.foundation.errors import Problem, Refusal
from app.foundation.settings import Settings
from app.http.auth import SCOPES, create_key, is_valid_key
from app.ingest.admission import Rules
from app.ingest.identity_key import read_identity_key

app = typer.Typer(
    name="perennial",
    help="Customers who come back: events in; stage, churn risk, value and next best action out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(keys.commands, name="keys")
app.add_typer(evaluation.commands, name="evaluate")
app.add_typer(models.commands)
app.add_typer(scores.commands)
app.add_typer(watch.commands)


@app.command()
def run() -> None:
    """Start everything: database, a simulated demo shop when it is empty, a model, a key, the service."""
    from app.runtime.server import serve

    settings = Settings.from_environment()
    settings.home.mkdir(parents=True, exist_ok=True)
    say("Starting the database …")
    with open_database(settings) as url:
        if not asyncio.run(_is_prepared(url)):
            # in a process of its own: the service loads neither scikit-learn nor DuckDB
            subprocess.run([sys.executable, "-m", "app", "demo"], check=True)
        key = _keep_dev_key(url, settings.home / "dev-api-key")
        customer_id = asyncio.run(_some_customer(url))
        serve(settings, url, on_ready=lambda: _greet(settings, key, customer_id))


@app.command()
def demo() -> None:
    """Fill an empty database with a simulated shop, and train a model on it."""
    from ml.demo import prepare_demo

    with database() as (settings, url):
        asyncio.run(prepare_demo(url, settings))


async def _is_prepared(url: str) -> bool:
    async with engine_of(url) as engine:
        return await is_prepared(engine)


def _greet(settings: Settings, key: str, customer_id: str) -> None:
    base = f"http://{settings.host}:{settings.port}"
    now = datetime.now(UTC).isoformat(timespec="seconds")
    event = {
        "specversion": "1.0",
        "id": f"hello-{time.time_ns()}",
        "source": "/demo/terminal",
        "type": "order.completed",
        "subject": customer_id,
        "time": now,
        "data": {"order_id": f"DEMO-{time.time_ns()}", "total": 88.5, "channel": "store"},
    }
    head = f"curl -s -H 'Authorization: Bearer {key}'"
    json_head = f"{head} -H 'Content-Type: application/json'"
    checkout = json.dumps({"event": event, "channel": "store", "max_actions": 2})
    print(
        f"\nPerennial serves on {base}  (API: {base}/docs, health: {base}/health)\n"
        f"API key, also in {settings.home / 'dev-api-key'}:\n  {key}\n\nTry:\n"
        f"  {head} '{base}/v1/customers/{customer_id}/score'\n"
        f"  {json_head} '{base}/v1/checkouts' -d '{checkout}'\n"
        f"  {head} '{base}/v1/customers/{customer_id}'\n\nCtrl-C stops it.",
        flush=True,
    )


async def _some_customer(url: str) -> str:
    from app.customers.queries import find_frequent_customer

    async with engine_of(url) as engine, transaction(engine) as connection:
        return await find_frequent_customer(connection) or "C-1001"


def _keep_dev_key(url: str, path: Path) -> str:
    """The key in the file if it is valid, else a new one with every scope."""
    kept = path.read_text().strip() if path.exists() else ""

    async def renew() -> str:
        async with engine_of(url) as engine, transaction(engine) as connection:
            if kept and await is_valid_key(connection, kept):
                return kept
            _, key = await create_key(connection, "development", SCOPES, time.time_ns() // 1000)
            return key

    key = asyncio.run(renew())
    path.touch(mode=0o600)
    path.write_text(key + "\n")
    return key


@app.command(name="serve")
def serve_command() -> None:
    """Serve the API on PERENNIAL_HOST:PERENNIAL_PORT; brings the schema up to date first."""
    from app.decisions.queries import fill_catalogue
    from app.lifecycle.default_actions import DEFAULT_ACTIONS
    from app.runtime.server import serve

    async def prepare(url: str) -> None:
        async with engine_of(url) as engine, transaction(engine) as connection:
            await fill_catalogue(connection, DEFAULT_ACTIONS, time.time_ns() // 1000)

    with database() as (settings, url):
        asyncio.run(prepare(url))
        serve(settings, url, lambda: say(f"Perennial serves on http://{settings.host}:{settings.port}"))


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    with database():
        say("The schema is up to date.")


@app.command(name="import")
def import_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="parquet, CSV or NDJSON")],
    source: Annotated[
        str | None,
        typer.Option(help="Source of the events (default: /import/ and the name of FILE without its ending)"),
    ] = None,
    timezone: Annotated[str, typer.Option(help="Zone of times that carry none")] = "UTC",
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="Move times by whole days: the last event is recent")
    ] = False,
    customer_id: Annotated[str | None, typer.Option(help="Column of the customer")] = None,
    timestamp: Annotated[str | None, typer.Option(help="Column of the time")] = None,
    order_id: Annotated[str | None, typer.Option(help="Column of the order")] = None,
    amount: Annotated[str | None, typer.Option(help="Column of the amount of a line or order")] = None,
    quantity: Annotated[str | None, typer.Option(help="Column of the quantity")] = None,
    unit_price: Annotated[str | None, typer.Option(help="Column of the unit price")] = None,
    item_id: Annotated[str | None, typer.Option(help="Column of the product")] = None,
    category: Annotated[str | None, typer.Option(help="Column of the category")] = None,
    discount: Annotated[str | None, typer.Option(help="Column of the discount")] = None,
    channel: Annotated[str | None, typer.Option(help="Column of the channel")] = None,
    is_return: Annotated[str | None, typer.Option(help="Column that marks returns")] = None,
) -> None:
    """Count the orders and refunds of a file, or its CloudEvents (NDJSON). Safe to repeat, resumes.

    Columns are guessed by their names; name them where the guess is wrong. Lines of one order become one
    event; negative quantities or amounts, and lines marked as returns, become refunds.
    """
    from ml.importing import ImportOptions, import_file

    columns = {
        "customer_id": customer_id,
        "timestamp": timestamp,
        "order_id": order_id,
        "amount": amount,
        "quantity": quantity,
        "unit_price": unit_price,
        "item_id": item_id,
        "category": category,
        "discount": discount,
        "channel": channel,
        "is_return": is_return,
    }
    options = ImportOptions(source or f"/import/{file.stem}", timezone, shift_to_now, columns)

    async def work(url: str, settings: Settings) -> None:
        rules = Rules.of(settings, read_identity_key(settings))
        async with engine_of(url) as engine:
            with counting(f"Importing {file.name}") as tell:
                count = await import_file(file, options, engine, settings, rules, tell)
        say(f"{count.accepted:,} accepted, {count.duplicate:,} duplicates, {count.rejected:,} rejected")
        if count.rejected:
            say("Rejected events are kept with their reasons: GET /v1/events/rejected.")

    with database() as (settings, url):
        asyncio.run(work(url, settings))


@app.command()
def verify() -> None:
    """Recompute every state from the events and report each difference; exit code 1 if there is one."""

    async def work(url: str) -> int:
        customers = differences = 0
        async with engine_of(url) as engine:
            with counting("Verifying customers") as tell:
                async for batch in verification.verify(engine):
                    customers += batch.customers
                    differences += len(batch.differences)
                    for found in batch.differences:
                        print(f"{found.customer_id}\t{found.measure}\t{found.kept}\t{found.recomputed}")
                    tell(customers, None)
        say(f"{customers:,} customers verified, {differences:,} differences")
        return differences

    with database() as (_, url):
        if asyncio.run(work(url)):
            say("'perennial rebuild' writes the states anew from the events.")
            raise typer.Exit(1)


@app.command()
def rebuild() -> None:
    """Write every state anew from the events. The service may go on counting meanwhile."""

    async def work(url: str) -> None:
        customers = 0
        async with engine_of(url) as engine:
            with counting("Rebuilding customers") as tell:
                async for written in verification.rebuild(engine):
                    customers += written
                    tell(customers, None)
        say(f"{customers:,} customers rebuilt")

    with database() as (_, url):
        asyncio.run(work(url))


@app.command(name="sweep")
def sweep_command() -> None:
    """Judge everybody now, and record the changes of stage that silence made; one sweep runs at a time."""
    from app.models.artefact import ArtefactRefused
    from app.models.service import load_champion
    from app.stages.service import watch
    from app.stages.sweep import SweepReport, sweep

    async def work(url: str, settings: Settings) -> SweepReport:
        async with engine_of(url) as engine:
            try:
                async with transaction(engine) as connection:
                    watching = watch(settings, await load_champion(connection))
            except ArtefactRefused as error:
                raise Refusal(f"The model in force is refused: {error}") from error
            with counting("Sweeping customers") as tell:
                return await sweep(engine, watching, time.time_ns() // 1000, tell=tell)

    with database() as (settings, url):
        report = asyncio.run(work(url, settings))
    if report.outcome == "done":
        say(f"{report.customers:,} customers judged, {report.transitions:,} transitions recorded")
    else:
        say("Another process is sweeping.")


def main() -> None:
    """Entry point: what can be said in a sentence is, without a traceback."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # leave through the blocks that clean up
    try:
        app()
    except (Problem, Refusal) as error:
        say(f"perennial: {error}")
        sys.exit(2)
    except subprocess.CalledProcessError as error:  # it has said why
        sys.exit(error.returncode)
