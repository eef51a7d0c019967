"""`perennial keys`: create, list, revoke."""

import asyncio
import time
from typing import Annotated

import typer

from app.commands.access import database, engine_of
from app.commands.progress import say
from app.database.engine import transaction
from app.foundation.times import iso
from app.http.auth import (
    SCOPES,
    Scope,
    create_key,
    list_keys,
    revoke_key,
)

commands = typer.Typer(name="keys", help="API keys: create, list, revoke.", no_args_is_help=True)


@commands.command(name="create")
def create_key_command(
    name: Annotated[str, typer.Argument(help="Who it is for")],
    scope: Annotated[list[str], typer.Option(help=f"One of {', '.join(SCOPES)}; may be repeated")],
) -> None:
    """Make a key and print it; it cannot be shown again."""
    scopes: list[Scope] = [known for known in SCOPES if known in scope]
    if unknown := set(scope) - set(SCOPES):
        raise typer.BadParameter(f"unknown scope {', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}")

    async def work(url: str) -> str:
        async with engine_of(url) as engine, transaction(engine) as connection:
            key_id, key = await create_key(connection, name, scopes, time.time_ns() // 1000)
        say(f"Key {key_id} for {name}: {', '.join(scopes)}")
        return key

    with database() as (_, url):
        print(asyncio.run(work(url)))


@commands.command(name="list")
def list_keys_command() -> None:
    """List the keys, revoked ones too."""

    async def work(url: str) -> None:
        async with engine_of(url) as engine, transaction(engine) as connection:
            for row in await list_keys(connection):
                state = "valid" if row.revoked_us is None else f"revoked {iso(row.revoked_us)}"
                print(f"{row.key_id}\t{row.name}\t{','.join(row.scopes)}\t{iso(row.created_us)}\t{state}")

    with database() as (_, url):
        asyncio.run(work(url))


@commands.command(name="revoke")
def revoke_key_command(key_id: Annotated[str, typer.Argument(help="As listed")]) -> None:
    """Revoke a key; running services refuse it within seconds."""

    async def work(url: str) -> bool:
        async with engine_of(url) as engine, transaction(engine) as connection:
            return await revoke_key(connection, key_id, time.time_ns() // 1000)

    with database() as (_, url):
        if not asyncio.run(work(url)):
            say("There is no valid key of this id.")
            raise typer.Exit(1)
        say("Revoked.")
