"""`perennial export-customer`."""

import asyncio
import shutil
import sys
import time
from typing import Annotated

import typer

from app.commands.access import database
from app.database.engine import create_survey_engine
from app.privacy.export import export_person

commands = typer.Typer()


@commands.command(name="export-customer")
def export_command(customer_id: Annotated[str, typer.Argument(help="Any id of the person")]) -> None:
    """Print all that is kept of a person as one JSON document."""

    async def work(url: str) -> None:
        engine = create_survey_engine(url)
        try:
            with await export_person(engine, customer_id, time.time_ns() // 1000) as document:
                shutil.copyfileobj(document, sys.stdout.buffer)
            sys.stdout.flush()
        finally:
            await engine.dispose()

    with database() as (_, url):
        asyncio.run(work(url))
