"""`perennial import-items`."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from app.commands.access import database, engine_of
from app.commands.importing import SOMETHING_LOST
from app.commands.progress import say
from app.commands.recording import record_command
from app.database.engine import transaction
from app.foundation.errors import Problem, Refusal
from app.foundation.settings import Settings
from app.items.schemas import MOST_ITEMS
from app.items.service import Row, admit_items, put_items

commands = typer.Typer()
_SHOWN: Final = 3
_NAMED: Final = 10
"""Ids of items that are refused for one reason."""


@commands.command(name="import-items")
def import_items_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, JSON, NDJSON, parquet, .xlsx, .xls")],
    column: Annotated[list[str], typer.Option(help="MEANING=NAME, as item_id=SKU; repeat it")] = [],  # noqa: B006
    timezone: Annotated[str, typer.Option(help="Zone of times that carry none")] = "UTC",
    encoding: Annotated[str | None, typer.Option(help="Of a text, where it is told wrongly")] = None,
    sheet: Annotated[str | None, typer.Option(help="Of a workbook, where another is read")] = None,
    decimal_sign: Annotated[str | None, typer.Option(help="'.' or ','")] = None,
    date_order: Annotated[str | None, typer.Option(help="Of dates like 9/3/2026: dmy, mdy or ymd")] = None,
    category_sign: Annotated[str | None, typer.Option(help="Between the levels of a category, as '>'")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Import nothing where an item is refused")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the first items, and put none")] = False,
) -> None:
    """Put the items of a file into the catalogue. Safe to repeat.

    Columns are guessed by their names. Items that are not in the file stay as they are. The exit status is 3 where
    some were refused.
    """
    from ml.data.items import ItemReading, read_items

    reading = ItemReading(encoding, sheet, decimal_sign, date_order, category_sign, timezone, _columns(column))
    raws = read_items(file, reading, say)
    if not raws:
        raise Refusal(f"{file.name} has no items.")
    if dry_run:
        admitted = asyncio.run(admit_items(raws, Settings.from_environment().digits))
        print(json.dumps(raws[:_SHOWN], indent=2, ensure_ascii=False), flush=True)
        refused = _tell_refused(raws, admitted)
        say("Nothing was put (--dry-run).")
    else:
        with database() as (settings, url):
            admitted = asyncio.run(admit_items(raws, settings.digits))
            refused = _tell_refused(raws, admitted)
            if refused and strict:
                raise Refusal(f"{refused:,} items are refused: nothing was put (--strict).")
            put = [each for each in admitted if not isinstance(each, Problem)]
            counts = asyncio.run(_put(url, settings, put))
        told = ", ".join(f"{counts[status]:,} {status}" for status in ("created", "updated", "unchanged"))
        say(f"{told}, {refused:,} rejected")
    if refused:
        raise typer.Exit(SOMETHING_LOST)


def _columns(given: Sequence[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if any(not sign for _, sign, _ in pairs):
        raise Refusal("--column is written MEANING=NAME, as item_id=SKU.")
    return {meaning: name for meaning, _, name in pairs}


async def _put(url: str, settings: Settings, rows: Sequence[Row]) -> Counter[str]:
    """How many came to each status."""
    counts: Counter[str] = Counter()
    async with engine_of(url) as engine:
        for at in range(0, len(rows), MOST_ITEMS):
            async with transaction(engine) as connection:
                piece = rows[at : at + MOST_ITEMS]
                counts.update(await put_items(connection, piece, time.time_ns() // 1000))
                await record_command(connection, settings, "import-items", calls=len(piece))
    return counts


def _tell_refused(raws: Sequence[Any], admitted: Sequence[Row | Problem]) -> int:
    """Says why items are refused, with the ids of some and the first of each reason; how many there are."""
    refused: dict[str, list[Any]] = {}
    for raw, each in zip(raws, admitted, strict=True):
        if isinstance(each, Problem):
            refused.setdefault(each.detail, []).append(raw)
    for detail, theirs in sorted(refused.items(), key=lambda reason: -len(reason[1])):
        sample = json.dumps(theirs[0], ensure_ascii=False)[:200]
        ids = [str(raw["item_id"]) for raw in theirs[:_NAMED] if isinstance(raw, dict) and raw.get("item_id")]
        named = f" ({', '.join(ids)}{', …' if len(theirs) > _NAMED else ''})" if ids else ""
        say(f"{len(theirs):,} refused{named}: {detail} The first: {sample}")
    return sum(map(len, refused.values()))
