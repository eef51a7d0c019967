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
from app.commands.progress import counting, say
from app.foundation.settings import Settings
from app.ingest.admission import Rules
from app.ingest.identity_key import read_identity_key
from app.ingest.order_identity import FILES

if TYPE_CHECKING:
    from ml.data.importing import ImportOptions

commands = typer.Typer()
_SHOWN: Final = 200
"""Characters of an event that would be rejected."""
SOMETHING_LOST: Final = 3
"""Exit status: what could be counted was, and something could not."""


@commands.command(name="import")
def import_command(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="parquet, CSV, NDJSON, .xlsx, .xls or .ods")
    ],
    source: Annotated[
        str,
        typer.Option(help="Source of the orders: the same one for all files of one system"),
    ] = FILES,
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
    is_return: Annotated[str | None, typer.Option(help="Column that marks returns, or has their amounts")] = None,
    status: Annotated[str | None, typer.Option(help="Column of the order's status")] = None,
    currency: Annotated[str | None, typer.Option(help="Column of the currency")] = None,
    channel_word: Annotated[list[str], typer.Option(help="WORD=CHANNEL, as 'Kiosk=store'; repeat it")] = [],  # noqa: B006
    status_word: Annotated[list[str], typer.Option(help="WORD=sale, none or waiting; repeat it")] = [],  # noqa: B006
    return_word: Annotated[list[str], typer.Option(help="WORD=return or sale; repeat it")] = [],  # noqa: B006
    words: Annotated[Path | None, typer.Option(help="CSV of kind,word,meaning: many of these")] = None,
    rate: Annotated[list[str], typer.Option(help="CODE=RATE, as EUR=7.85: a unit in PERENNIAL_CURRENCY")] = [],  # noqa: B006
    rates: Annotated[Path | None, typer.Option(help="CSV of date,currency,rate")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a text, where it is told wrongly: GB18030, UTF-16 …")] = None,
    sheet: Annotated[str | None, typer.Option(help="Of a workbook, where another is read")] = None,
    decimal_sign: Annotated[str | None, typer.Option(help="'.' or ','")] = None,
    date_order: Annotated[str | None, typer.Option(help="Of dates like 9/3/2026: dmy, mdy or ymd")] = None,
    order_numbers: Annotated[
        str | None, typer.Option(help="once: a number is one order; daily: they begin anew each day")
    ] = None,
    amount_is: Annotated[
        str | None, typer.Option(help="order: it stands on each line of its order; line: its own")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Import nothing where lines would be lost")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the first events, and count nothing")] = False,
) -> None:
    """Count the orders and refunds of a file, or its CloudEvents (NDJSON). Safe to repeat, resumes.

    Columns are guessed by their names; name them where the guess is wrong. Lines of one order become one
    event; negative quantities or amounts, and lines marked as returns, become refunds. The exit status is 3 where
    lines or events that should have counted were left out or refused.
    """
    from ml.data.importing import ImportOptions, import_file
    from ml.data.rates import Rates
    from ml.data.transactions import Reading
    from ml.data.words import OwnWords

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
        "status": status,
        "currency_column": currency,
    }
    own = OwnWords(tuple(channel_word), tuple(status_word), tuple(return_word), str(words) if words else None)
    given = Rates(tuple(rate), str(rates) if rates else None)
    options = ImportOptions(
        source,
        timezone,
        shift_to_now,
        columns,
        Reading(
            encoding, decimal_sign, date_order, order_numbers, amount_is=amount_is, sheet=sheet, words=own, rates=given
        ),
        strict,
    )
    if dry_run:
        _preview(file, options)
        return

    async def work(url: str, settings: Settings) -> int:
        rules = Rules.of(settings, read_identity_key(settings))
        async with engine_of(url) as engine:
            with counting(f"Importing {file.name}") as progress:
                count = await import_file(file, options, engine, settings, rules, progress, say)
        say(f"{count.accepted:,} accepted, {count.duplicate:,} duplicates, {count.rejected:,} rejected")
        for sentence in _tell_versions(count.versions):
            say(sentence)
        if count.rejected:
            say("Rejected events are kept with their reasons: GET /v1/events/rejected.")
        return count.lost + count.rejected

    with database() as (settings, url):
        lost = asyncio.run(work(url, settings))
    if lost:
        raise typer.Exit(SOMETHING_LOST)


def _tell_versions(versions: Versions | None) -> Iterator[str]:
    """Of orders that were known before."""
    if versions is None:
        return
    if versions.changed:
        yield f"{versions.changed:,} orders and refunds were known with other amounts: what this file says counts now."
    if versions.cancelled:
        yield f"{versions.cancelled:,} orders were counted before and are none by this file: they count no more."
    if versions.elsewhere:
        yield f"{versions.elsewhere:,} orders and refunds are known from another source, and count once."


def _preview(file: Path, options: "ImportOptions") -> None:
    """Prints the first events as JSON, and says what would be refused and why."""
    from ml.data.importing import preview_file

    settings = Settings.from_environment()
    rules = Rules.of(settings, read_identity_key(settings))
    first, refused, lost = preview_file(file, options, settings, rules, say, time.time_ns() // 1000)
    print(json.dumps(first, indent=2, ensure_ascii=False), flush=True)
    for detail, count in Counter(rejection.problem.detail for rejection in refused).most_common():
        sample = next(rejection.raw for rejection in refused if rejection.problem.detail == detail)
        say(f"{count:,} would be rejected: {detail} The first: {sample.decode()[:_SHOWN]}")
    say("Nothing was counted (--dry-run).")
    if lost or refused:
        raise typer.Exit(SOMETHING_LOST)
