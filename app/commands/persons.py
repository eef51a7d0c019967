"""`perennial export-customer`, `erase` and `hash-ids`."""

import asyncio
import json
import shutil
import sys
import time
from typing import Annotated, Any

import typer

from app.commands.access import database
from app.commands.progress import say
from app.commands.recording import recording
from app.database.engine import create_survey_engine, transaction
from app.foundation.settings import Settings
from app.ingest.identity_key import read_identity_keys
from app.ingest.pseudonyms import ask_for, ids_asked_for
from app.ingest.rules import Rules
from app.lifecycle.tombstones import Tombstones
from app.privacy.erasure import SETTLE_SECONDS, erase_person, render_erasure, settle_erasure
from app.privacy.erasure_queries import read_erasure
from app.privacy.export import export_person
from app.privacy.renaming import hash_plain_ids

commands = typer.Typer()


@commands.command(name="export-customer")
def export_command(customer_id: Annotated[str, typer.Argument(help="Any id of the person")]) -> None:
    """Print all that is kept of a person as one JSON document."""

    async def work(url: str, settings: Settings) -> None:
        engine = create_survey_engine(url)
        try:
            asked = ask_for(customer_id, Rules.read(settings))
            with await export_person(engine, asked, time.time_ns() // 1000) as document:
                async with transaction(engine) as connection:  # before a byte of it is told
                    await recording(settings, "export-customer", "export")(connection, [asked])
                shutil.copyfileobj(document, sys.stdout.buffer)
            sys.stdout.flush()
        finally:
            await engine.dispose()

    with database() as (settings, url):
        asyncio.run(work(url, settings))


@commands.command(name="erase")
def erase_command(customer_id: Annotated[str, typer.Argument(help="Any id of the person")]) -> None:
    """Erase all that is kept of a person, and keep nothing that comes of them later; print the receipt."""

    async def work(url: str, settings: Settings) -> dict[str, Any]:
        keys = read_identity_keys(settings)
        tombstones, engine = Tombstones(*keys), create_survey_engine(url)
        named = ids_asked_for(customer_id, Rules.of(settings, *keys))
        try:
            record, now_us = recording(settings, "erase", "erase"), time.time_ns() // 1000
            told = await erase_person(engine, tombstones, named, "a command", now_us, record)
            if told["settled_at"] is None:
                say(f"Erased. What may be on its way is looked for in {SETTLE_SECONDS:g} seconds.")
                await asyncio.sleep(SETTLE_SECONDS)
                await settle_erasure(engine, tombstones, told["erasure_id"])
            async with transaction(engine) as connection:
                return render_erasure(await read_erasure(connection, told["erasure_id"]))
        finally:
            await engine.dispose()

    with database() as (settings, url):
        print(json.dumps(asyncio.run(work(url, settings))))


@commands.command(name="hash-ids")
def hash_command() -> None:
    """Keep whoever was kept under a phone or an e-mail in clear under its hash. Safe to repeat, resumes."""

    async def work(url: str, settings: Settings) -> int:
        engine, done = create_survey_engine(url), 0
        try:
            async for count in hash_plain_ids(engine, Rules.read(settings)):
                done = count
        finally:
            await engine.dispose()
        return done

    with database() as (settings, url):
        done = asyncio.run(work(url, settings))
    say(f"{done:,} customers were kept under a phone or an e-mail in clear, and are under its hash.")
