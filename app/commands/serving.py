"""`perennial run`, `demo`, `serve` and `migrate`."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime

import typer

from app.commands.access import database, engine_of
from app.commands.demo_shop import is_prepared
from app.commands.progress import say
from app.commands.recording import record_command
from app.console.sessions import link_of, make_code
from app.customers.queries import find_frequent_customer
from app.database.engine import transaction
from app.database.opening import open_database
from app.decisions.catalogue_queries import fill_action_catalogue
from app.foundation.settings import Settings
from app.http.auth import SCOPES, create_key, find_key_id, is_valid_key
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.runtime.serving import serve

commands = typer.Typer()


@commands.command()
def run() -> None:
    """Start everything: database, a simulated demo shop when it is empty, a model, a key, the service."""
    settings = Settings.from_environment()
    settings.home.mkdir(parents=True, exist_ok=True)
    say("Starting the database …")
    with open_database(settings) as url:
        if not asyncio.run(_is_prepared(url)):
            # in a process of its own: the service loads neither scikit-learn nor DuckDB
            subprocess.run([sys.executable, "-m", "app", "demo"], check=True)
        with open_database(settings, as_owner=True) as owner_url:
            new_key = _keep_dev_key(owner_url, settings)
            code = asyncio.run(_make_link(owner_url, settings))
        customer_id = asyncio.run(_some_customer(url))
        serve(settings, url, on_ready=lambda: _greet(settings, new_key, customer_id, code))


@commands.command()
def demo() -> None:
    """Fill an empty database with a simulated shop, and train a model on it."""
    from ml.demo.preparing import prepare_demo

    with database() as (settings, url):
        asyncio.run(prepare_demo(url, settings))


async def _is_prepared(url: str) -> bool:
    async with engine_of(url) as engine:
        return await is_prepared(engine)


async def _make_link(url: str, settings: Settings) -> str:
    """What signs in to the console once, with the key of `dev-api-key`."""
    key = (settings.home / "dev-api-key").read_bytes().strip()
    async with engine_of(url) as engine, transaction(engine) as connection:
        key_id = await find_key_id(connection, b"Bearer " + key)
        assert key_id is not None
        return await make_code(connection, key_id, time.time_ns() // 1000)


def _greet(settings: Settings, new_key: str | None, customer_id: str, code: str) -> None:
    """A key is shown when it is made, and never again: what a terminal prints is kept in logs and histories."""
    path = settings.home / "dev-api-key"
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
    head = f'curl -s -H "Authorization: Bearer $(cat {shlex.quote(str(path))})"'
    json_head = f"{head} -H 'Content-Type: application/json'"
    checkout = json.dumps({"event": event, "channel": "store", "max_actions": 2})
    print(
        f"\nPerennial serves on {base}  (API: {base}/docs, health: {base}/health)\n"
        f"Console, signed in once within a quarter of an hour:\n  {link_of(base, code)}\n"
        + (
            f"API key in {path}\n"
            if new_key is None
            else f"API key, shown this once and kept in {path}:\n  {new_key}\n"
        )
        + "\nTry:\n"
        f"  {head} '{base}/v1/customers/{customer_id}/score'\n"
        f"  {json_head} '{base}/v1/checkouts' -d '{checkout}'\n"
        f"  {head} '{base}/v1/customers/{customer_id}'\n\nCtrl-C stops it.",
        flush=True,
    )


async def _some_customer(url: str) -> str:
    async with engine_of(url) as engine, transaction(engine) as connection:
        return await find_frequent_customer(connection) or "C-1001"


def _keep_dev_key(url: str, settings: Settings) -> str | None:
    """Sees to it that `dev-api-key` has a valid key; a new one with every scope where it had none, else None."""
    path = settings.home / "dev-api-key"
    kept = path.read_text().strip() if path.exists() else ""

    async def renew() -> str | None:
        async with engine_of(url) as engine, transaction(engine) as connection:
            if kept and await is_valid_key(connection, kept):
                return None
            key_id, key = await create_key(connection, "development", SCOPES, time.time_ns() // 1000)
            await record_command(connection, settings, "run", target=key_id)
            return key

    key = asyncio.run(renew())
    if key is not None:
        path.touch(mode=0o600)
        path.write_text(key + "\n")
    return key


@commands.command(name="serve")
def serve_command() -> None:
    """Serve the API on PERENNIAL_HOST:PERENNIAL_PORT; brings the schema up to date first."""

    async def prepare(url: str) -> None:
        async with engine_of(url) as engine, transaction(engine) as connection:
            await fill_action_catalogue(connection, DEFAULT_ACTIONS, time.time_ns() // 1000)

    with database() as (settings, url):
        asyncio.run(prepare(url))
        if settings.database_url is not None:
            # The same process goes on without what commands and migrations have loaded, a tenth of its memory.
            # The owner's URL is left behind too.
            left = {name: value for name, value in os.environ.items() if name != "PERENNIAL_DATABASE_OWNER_URL"}
            os.execve(sys.executable, [sys.executable, "-X", "no_debug_ranges", "-m", "app.runtime"], left)  # noqa: S606 - our own
        serve(settings, url, lambda: say(f"Perennial serves on http://{settings.host}:{settings.port}"))


@commands.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    with database(as_owner=True):
        say("The schema is up to date.")
