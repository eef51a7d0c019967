"""`perennial compare-offers`."""

import asyncio
import csv
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from app.commands.access import database, engine_of
from app.commands.progress import say
from app.foundation.errors import Refusal
from app.lifecycle.events import DAY_US
from app.recommendations.offers.auditing import Group, Person, compare_groups, read_told

commands = typer.Typer()
_CUSTOMER: Final = "customer_id"
_FEW: Final = 30


@commands.command(name="compare-offers")
def compare_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, UTF-8: customer_id, and attributes")],
    days: Annotated[int, typer.Option(min=1, help="Offers of so many days")] = 90,
) -> None:
    """Compare how deep offers went between groups of customers, by attributes that are in the file alone.

    Nothing of the file is kept.
    """
    rows = _read(file)
    customer_ids = list(dict.fromkeys(row[_CUSTOMER] for row in rows))
    since_us = time.time_ns() // 1000 - days * DAY_US

    async def work(url: str) -> dict[str, Person]:
        async with engine_of(url) as engine:
            return await read_told(engine, customer_ids, since_us)

    with database() as (_, url):
        told = asyncio.run(work(url))
    asked = sum(1 for person in told.values() if person.offers)
    say(f"{len(customer_ids):,} customers in the file, {asked:,} of them were told offers in {days} days")
    for attribute in rows[0]:
        if attribute != _CUSTOMER:
            _print(attribute, compare_groups(((row[_CUSTOMER], row[attribute]) for row in rows), told))


def _read(file: Path) -> list[dict[str, str]]:
    """Rows with a customer, all of the columns that the head names; the first are not empty. Raises Refusal."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened, restval="", restkey="", strict=True)
            names = reader.fieldnames or []
            rows = [{name: (row[name] or "").strip() for name in names} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refusal(f"{file.name} is no CSV in UTF-8.") from error
    if _CUSTOMER not in names or len(names) < 2 or len(set(names)) < len(names):
        raise Refusal(f"{file.name} needs the column customer_id and one of an attribute, each once.")
    kept = [row for row in rows if row[_CUSTOMER]]
    if not kept:
        raise Refusal(f"{file.name} has no customers.")
    if len(kept) < len(rows):
        say(f"{len(rows) - len(kept):,} rows without a customer are left out")
    return kept


def _print(attribute: str, groups: list[Group]) -> None:
    print(f"\n{attribute:24} {'persons':>8} {'offers':>8} {'with one':>9} {'mean depth':>18} {'of deepest':>11}")
    for group in groups:
        depth = f"{group.depth:.3f} ± {group.depth_error:.3f}"
        ratio = "–" if group.ratio is None else f"{group.ratio:.2f}"
        few = f"  fewer than {_FEW}: it says little" if group.persons < _FEW else ""
        counts = f"{group.persons:>8,} {group.offers:>8,} {group.share_deep:>9.1%}"
        print(f"{group.value or '(none)':24} {counts} {depth:>18} {ratio:>11}{few}", flush=True)
    if not groups:
        print("nobody was told an offer", flush=True)
