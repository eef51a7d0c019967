"""`perennial import`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from app.commands.access import database, engine_of
from app.commands.progress import counting, say
from app.foundation.settings import Settings
from app.ingest.admission import Rules
from app.ingest.identity_key import read_identity_key

commands = typer.Typer()


@commands.command(name="import")
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
    from ml.data.importing import ImportOptions, import_file

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
            with counting(f"Importing {file.name}") as progress:
                count = await import_file(file, options, engine, settings, rules, progress)
        say(f"{count.accepted:,} accepted, {count.duplicate:,} duplicates, {count.rejected:,} rejected")
        if count.rejected:
            say("Rejected events are kept with their reasons: GET /v1/events/rejected.")

    with database() as (settings, url):
        asyncio.run(work(url, settings))
