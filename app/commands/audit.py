"""`perennial audit`: verify, list, tip."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncConnection
from typer.core import TyperGroup

from app.audit import queries
from app.audit.acts import ACTS
from app.audit.chain import Chain, Link, open_chain
from app.audit.reading import Wanted, read_rows
from app.audit.rendering import render_row
from app.audit.verification import Finding, Verdict, compare_tip, read_link
from app.commands.access import database
from app.commands.offers import commands as offers
from app.commands.progress import say
from app.database.engine import create_survey_engine, transaction
from app.foundation.settings import Settings
from app.foundation.times import to_us
from app.ingest.pseudonyms import ask_for
from app.ingest.rules import Rules

MOST_SHOWN: Final = 100
Told = TypeVar("Told")


class Subcommands(TyperGroup):
    """What is no command here is a file: `perennial audit FILE` was the name of what is `compare-offers` now."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As its base, with that."""
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        former = typer.main.get_command(offers)
        return former.name, former, args


commands = typer.Typer(
    name="audit",
    cls=Subcommands,
    help="Who read, changed, exported and erased whom: verify, list, tip.",
    no_args_is_help=True,
    context_settings={"ignore_unknown_options": True},
)


def _ask(work: Callable[[AsyncConnection, Chain], Awaitable[Told]]) -> Told:
    async def ask(url: str, chain: Chain) -> Told:
        engine = create_survey_engine(url)
        try:
            async with transaction(engine) as connection:
                return await work(connection, chain)
        finally:
            await engine.dispose()

    with database() as (settings, url):
        return asyncio.run(ask(url, open_chain(settings)))


@commands.command()
def verify(
    tip: Annotated[list[str], typer.Option(help="As it was written down: SEQ:HASH; may be repeated")] = [],  # noqa: B006
) -> None:
    """Check the chain row by row, and tips that were written down; the exit status is 1 where it is not as it was."""
    tips = [_read_tip(each) for each in tip]

    async def work(connection: AsyncConnection, chain: Chain) -> tuple[Verdict, list[Finding]]:
        verdict = Verdict(chain)
        found = [each async for each in verdict.look(queries.read_chain(connection))]
        for told in tips:
            sentence = compare_tip(told, await queries.find_row(connection, told.seq), verdict.first)
            if sentence is not None:
                found.append(Finding(told.seq, sentence))
        return verdict, found

    verdict, found = _ask(work)
    for each in found[:MOST_SHOWN]:
        print(f"{each.seq}\t{each.sentence}")
    if verdict.rows and verdict.unsealed == verdict.rows:
        say("No row has the seal that this key makes: is PERENNIAL_AUDIT_KEY that of the service?")
    first = verdict.first.seq if verdict.first is not None else 0
    say(f"{verdict.rows:,} rows, {first:,} to {verdict.tip.seq:,}: " + (_count(found) or "as they were written."))
    print(verdict.tip)
    if found:
        raise typer.Exit(1)


def _count(found: list[Finding]) -> str:
    return f"{len(found):,} places are not as they were written." if found else ""


def _read_tip(text: str) -> Link:
    try:
        return read_link(text)
    except ValueError as error:
        raise typer.BadParameter("a tip is written SEQ:HASH, as 'perennial audit tip' prints it") from error


@commands.command()
def tip() -> None:
    """Print the end of the chain, to be kept where nobody who writes to the database can change it."""
    print(_ask(lambda connection, _: queries.read_tip(connection)))


@commands.command(name="list")
def list_command(
    customer: Annotated[str | None, typer.Option(help="Any id of the person")] = None,
    by: Annotated[str | None, typer.Option(help="As it is told: 'key 1f2e3d4c'")] = None,
    act: Annotated[str | None, typer.Option(help=f"One of {', '.join(ACTS)}")] = None,
    since: Annotated[str | None, typer.Option(help="A time with its zone")] = None,
    until: Annotated[str | None, typer.Option(help="A time with its zone")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
) -> None:
    """Print the latest rows as JSON lines."""
    known = next((each for each in ACTS if each == act), None)
    if act is not None and known is None:
        raise typer.BadParameter(f"there are {', '.join(ACTS)}")
    settings = Settings.from_environment()
    asked = None if customer is None else ask_for(customer, Rules.read(settings))
    wanted = Wanted(asked, by, known, _read_time(since), _read_time(until))
    for row in _ask(lambda connection, chain: read_rows(connection, chain, wanted, None, limit)):
        print(json.dumps(render_row(row)))


def _read_time(text: str | None) -> int | None:
    try:
        return None if text is None else to_us(datetime.fromisoformat(text.strip()))
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(f"write a time like 2027-01-31T00:00:00Z, not {text!r}") from error
