"""`perennial verify` and `rebuild`."""

import asyncio
from typing import Annotated

import typer

from app.commands.access import database, engine_of
from app.commands.progress import counting, say
from app.customers import verification
from app.foundation.settings import Settings
from app.loyalty.verification import verify_points

commands = typer.Typer()


@commands.command()
def verify() -> None:
    """Recompute every state and all points, and report each difference; exit code 1 if there is one."""

    async def work(url: str, settings: Settings) -> int:
        customers = differences = 0
        async with engine_of(url) as engine:
            with counting("Verifying customers") as progress:
                async for batch in verification.verify(engine):
                    customers += batch.customers
                    differences += _tell(batch)
                    progress(customers, None)
            with counting("Verifying points") as progress:
                async for batch in verify_points(engine, settings):
                    differences += _tell(batch)
                    progress(batch.customers, None)
        say(f"{customers:,} customers verified, {differences:,} differences")
        return differences

    with database() as (settings, url):
        if asyncio.run(work(url, settings)):
            say("'perennial rebuild' writes the states anew from the events.")
            raise typer.Exit(1)


def _tell(batch: verification.VerifiedBatch) -> int:
    """Prints the differences; how many."""
    for found in batch.differences:
        print(f"{found.customer_id}\t{found.measure}\t{found.kept}\t{found.recomputed}", flush=True)  # before the sum
    return len(batch.differences)


@commands.command()
def rebuild(
    measures: Annotated[
        list[str] | None, typer.Option("--measure", help="Write this measure and no other; may be given again")
    ] = None,
) -> None:
    """Write every state anew from the events. The service may go on counting meanwhile."""

    async def work(url: str, settings: Settings) -> None:
        customers = 0
        async with engine_of(url) as engine:
            ranges = (
                verification.fill(engine, measures) if measures else verification.rebuild(engine, settings.items_kept)
            )
            with counting("Rebuilding customers") as progress:
                async for written in ranges:
                    customers += written
                    progress(customers, None)
        say(f"{customers:,} customers rebuilt")

    with database() as (settings, url):
        asyncio.run(work(url, settings))
