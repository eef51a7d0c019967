"""`perennial keys`: create, list, rotate, link, revoke."""

import asyncio
import re
import time
from datetime import datetime
from typing import Annotated, Final

import typer

from app.commands.access import database, engine_of
from app.commands.progress import say
from app.commands.recording import record_command
from app.console.sessions import link_of, make_code
from app.database.engine import transaction
from app.foundation.settings import Settings
from app.foundation.times import iso, to_us
from app.http.auth import (
    SCOPES,
    KeyRow,
    Scope,
    create_key,
    list_keys,
    revoke_key,
)
from app.http.key_lives import Successor, rotate_key

_UNITS_US: Final = {"d": 86_400_000_000, "h": 3_600_000_000}

commands = typer.Typer(name="keys", help="API keys: create, list, rotate, link, revoke.", no_args_is_help=True)


@commands.command(name="create")
def create_key_command(
    name: Annotated[str, typer.Argument(help="Who it is for")],
    scope: Annotated[list[str], typer.Option(help=f"One of {', '.join(SCOPES)}; may be repeated")],
    expires: Annotated[str | None, typer.Option(help="After 90d or 12h, or at a time; else never")] = None,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    scopes: list[Scope] = [known for known in SCOPES if known in scope]
    if unknown := set(scope) - set(SCOPES):
        raise typer.BadParameter(f"unknown scope {', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}")

    now_us = time.time_ns() // 1000
    expires_us = None if expires is None else _read_end(expires, now_us)

    async def work(url: str, settings: Settings) -> str:
        async with engine_of(url) as engine, transaction(engine) as connection:
            key_id, key = await create_key(connection, name, scopes, now_us, expires_us)
            await record_command(connection, settings, "keys create", target=key_id)
        say(f"Key {key_id} for {name}: {', '.join(scopes)}" + _until(expires_us))
        return key

    with database(as_owner=True) as (settings, url):
        print(asyncio.run(work(url, settings)))


@commands.command(name="list")
def list_keys_command() -> None:
    """List the keys, those that are valid no more too."""

    async def work(url: str) -> None:
        async with engine_of(url) as engine, transaction(engine) as connection:
            for row in await list_keys(connection):
                print(_line(row))

    with database(as_owner=True) as (_, url):
        asyncio.run(work(url))


def _line(row: KeyRow) -> str:
    state = row.state(time.time_ns() // 1000)
    told = f"revoked {iso(row.revoked_us)}" if row.revoked_us is not None else state
    if row.revoked_us is None and row.expires_us is not None:
        told += f" {'until' if state == 'valid' else 'since'} {iso(row.expires_us)}"
    used = "never used" if row.last_used_us is None else f"used {iso(row.last_used_us)}"
    return f"{row.key_id}\t{row.name}\t{','.join(row.scopes)}\t{iso(row.created_us)}\t{told}\t{used}"


@commands.command(name="rotate")
def rotate_key_command(
    key_id: Annotated[str, typer.Argument(help="As listed")],
    overlap: Annotated[str, typer.Option(help="How long the old key is valid too: 7d, 12h")] = "7d",
    expires: Annotated[str | None, typer.Option(help="Of the new key: after 90d, or at a time; else never")] = None,
) -> None:
    """Make a key that follows another, of its name and scopes, and print it; for a while both are valid."""
    now_us = time.time_ns() // 1000
    overlap_us = _read_end(overlap, now_us) - now_us
    expires_us = None if expires is None else _read_end(expires, now_us)

    async def work(url: str, settings: Settings) -> Successor | None:
        async with engine_of(url) as engine, transaction(engine) as connection:
            made = await rotate_key(connection, key_id, now_us, overlap_us, expires_us)
            if made is not None:
                await record_command(connection, settings, "keys rotate", target=f"{key_id} {made.key_id}")
            return made

    with database(as_owner=True) as (settings, url):
        made = asyncio.run(work(url, settings))
    if made is None:
        say("There is no valid key of this id.")
        raise typer.Exit(1)
    say(f"Key {made.key_id} for {made.name}{_until(expires_us)}; {key_id} is valid until {iso(made.both_until_us)}")
    print(made.key)


def _until(expires_us: int | None) -> str:
    return "" if expires_us is None else f", until {iso(expires_us)}"


def _read_end(text: str, now_us: int) -> int:
    """A time to come, written as a time or as days or hours from now."""
    after = re.fullmatch(r"(\d{1,5})([dh])", text.strip())
    if after:
        return now_us + int(after[1]) * _UNITS_US[after[2]]
    try:
        end_us = to_us(datetime.fromisoformat(text.strip()))
    except (TypeError, ValueError) as error:  # a time without a zone, or none
        raise typer.BadParameter(f"write 90d, 12h or a time like 2027-01-31T00:00:00Z, not {text!r}") from error
    if end_us <= now_us:
        raise typer.BadParameter(f"{text} is over")
    return end_us


@commands.command(name="link")
def link_key_command(
    key_id: Annotated[str, typer.Argument(help="As listed")],
    url: Annotated[
        str | None, typer.Option(help="Where browsers find the service; else at its own host and port")
    ] = None,
) -> None:
    """Print a link that signs in to the console once, with a key, within a quarter of an hour."""

    async def work(database_url: str, settings: Settings) -> str | None:
        now_us = time.time_ns() // 1000
        async with engine_of(database_url) as engine, transaction(engine) as connection:
            if key_id not in {row.key_id for row in await list_keys(connection) if row.state(now_us) == "valid"}:
                return None
            code = await make_code(connection, key_id, now_us)
            await record_command(connection, settings, "keys link", target=key_id)
        return link_of(url or f"http://{settings.host}:{settings.port}", code)

    with database(as_owner=True) as (settings, database_url):
        link = asyncio.run(work(database_url, settings))
    if link is None:
        say("There is no valid key of this id.")
        raise typer.Exit(1)
    print(link)


@commands.command(name="revoke")
def revoke_key_command(key_id: Annotated[str, typer.Argument(help="As listed")]) -> None:
    """Revoke a key; running services refuse it within seconds."""

    async def work(url: str, settings: Settings) -> bool:
        async with engine_of(url) as engine, transaction(engine) as connection:
            is_done = await revoke_key(connection, key_id, time.time_ns() // 1000)
            if is_done:
                await record_command(connection, settings, "keys revoke", target=key_id)
            return is_done

    with database(as_owner=True) as (settings, url):
        if not asyncio.run(work(url, settings)):
            say("There is no valid key of this id.")
            raise typer.Exit(1)
        say("Revoked.")
