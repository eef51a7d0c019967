"""`perennial import`."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.checkout.order_versions import Versions
from app.commands.access import database, engine_of
from app.commands.file_options import reads_file
from app.commands.history import fill_history, tell_filled
from app.commands.progress import counting, say
from app.commands.recording import record_command
from app.database.engine import transaction
from app.foundation.errors import Problem, Refusal
from app.foundation.settings import Settings
from app.ingest.order_identity import FILES
from app.ingest.rules import Rules

if TYPE_CHECKING:
    from ml.data.file_reading import FileReading
    from ml.data.importing import ImportOptions

commands = typer.Typer()
_SHOWN: Final = 200
"""Characters of an event that would be rejected."""
SOMETHING_LOST: Final = 3
"""Exit status: what could be counted was, and something could not."""


@commands.command(name="import")
@reads_file
def import_command(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="parquet, CSV, NDJSON, .xlsx, .xls or .ods")
    ],
    source: Annotated[
        str,
        typer.Option(help="Source of the orders: the same one for all files of one system"),
    ] = FILES,
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="Move times by whole days: the last event is recent")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the first events, and count nothing")] = False,
    no_history: Annotated[
        bool, typer.Option("--no-history", help="Leave past months to a later 'perennial backfill'")
    ] = False,
    *,
    reading: "FileReading",
) -> None:
    """Count the orders and refunds of a file, or its CloudEvents (NDJSON). Safe to repeat, resumes.

    Columns are guessed by their names; name them where the guess is wrong. Lines of one order become one
    event; negative quantities or amounts, and lines marked as returns, become refunds. Stages at past month ends are
    worked out then. The exit status is 3 where lines or events that should have counted were left out or refused.
    """
    from ml.data.importing import ImportOptions, import_file

    columns = dict(reading.columns)
    options = ImportOptions(source, reading.timezone, shift_to_now, columns, reading.reading, reading.strict)
    if dry_run:
        _preview(file, options)
        return

    async def work(url: str, settings: Settings) -> int:
        rules = Rules.read(settings)
        async with engine_of(url) as engine:
            with counting(f"Importing {file.name}") as progress:
                count = await import_file(file, options, engine, settings, rules, progress, say)
            async with transaction(engine) as connection:
                await record_command(connection, settings, "import", target=source, calls=count.accepted)
        say(f"{count.accepted:,} accepted, {count.duplicate:,} duplicates, {count.rejected:,} rejected")
        for sentence in _tell_versions(count.versions):
            say(sentence)
        if count.erased:
            say(f"{count.erased:,} are of persons who were erased, and are not kept.")
        if count.rejected:
            say("Rejected events are kept with their reasons: GET /v1/events/rejected.")
        if count.accepted and not no_history:
            await _fill_history(url, settings)
        return count.lost + count.rejected

    with database() as (settings, url):
        lost = asyncio.run(work(url, settings))
    if lost:
        raise typer.Exit(SOMETHING_LOST)


async def _fill_history(url: str, settings: Settings) -> None:
    """What was counted stays counted, whatever becomes of this."""
    try:
        async with engine_of(url) as engine:
            say(tell_filled(await fill_history(engine, settings)))
    except Exception as error:  # noqa: BLE001 - the import is done, and its status says what became of that
        reason = error if isinstance(error, Problem | Refusal) else f"{type(error).__name__}."
        say(f"Past months were not worked out: {reason} Run 'perennial backfill' later.")


def _tell_versions(versions: Versions | None) -> Iterator[str]:
    """Of orders that were known before."""
    if versions is None:
        return
    if versions.changed:
        yield f"{versions.changed:,} orders and refunds were known with other amounts: what this file says counts now."
    if versions.named:
        yield f"{versions.named:,} orders were nobody's, and are of the customers whom this file names."
    if versions.cancelled:
        yield f"{versions.cancelled:,} orders were counted before and are none by this file: they count no more."
    if versions.elsewhere:
        yield f"{versions.elsewhere:,} orders and refunds are known from another source, and count once."


def _preview(file: Path, options: "ImportOptions") -> None:
    """Prints the first events as JSON, and says what would be refused and why."""
    from ml.data.importing import preview_file

    settings = Settings.from_environment()
    rules = Rules.read(settings)
    first, refused, lost = preview_file(file, options, settings, rules, say, time.time_ns() // 1000)
    print(json.dumps(first, indent=2, ensure_ascii=False), flush=True)
    for detail, count in Counter(rejection.problem.detail for rejection in refused).most_common():
        sample = next(rejection.raw for rejection in refused if rejection.problem.detail == detail)
        say(f"{count:,} would be rejected: {detail} The first: {sample.decode()[:_SHOWN]}")
    say("Nothing was counted (--dry-run).")
    if lost or refused:
        raise typer.Exit(SOMETHING_LOST)
