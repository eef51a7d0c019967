"""`perennial backup` and `perennial restore`."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.commands.access import database
from app.commands.progress import say
from app.commands.recording import record_alone
from app.database.backups import restore_backup, write_backup

commands = typer.Typer()


@commands.command()
def backup(file: Annotated[Path, typer.Argument(help="Where it is written; what is there is replaced")]) -> None:
    """Write all that the database holds into one file, as of one moment, while the service goes on."""
    with database(as_owner=True) as (settings, url):
        asyncio.run(record_alone(url, settings, "backup", "export"))
        rows = asyncio.run(write_backup(url, file, datetime.now(UTC).isoformat(timespec="seconds")))
    say(f"{sum(rows.values()):,} rows of {len(rows)} tables, {rows['events']:,} events, are in {file}.")


@commands.command()
def restore(file: Annotated[Path, typer.Argument(help="As `perennial backup` wrote it")]) -> None:
    """Restore a backup into an empty database."""
    with database(as_owner=True) as (settings, url):
        rows = asyncio.run(restore_backup(url, file))
        asyncio.run(record_alone(url, settings, "restore"))
    say(f"{sum(rows.values()):,} rows of {len(rows)} tables, {rows['events']:,} events, are restored.")
