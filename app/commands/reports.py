"""`perennial report`: pages to send on."""

import asyncio
import time
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from app.commands.access import database
from app.commands.browsers import find_browser, take_picture
from app.commands.pages import check_page, write_page
from app.commands.recording import record_command
from app.console.formats import Formats
from app.console.month import read_month, render_month
from app.database.engine import create_survey_engine, transaction
from app.foundation.errors import Refusal
from app.foundation.settings import Settings
from app.kpis.periods import Period, next_month, today

commands = typer.Typer(name="report", help="Pages to send on.", no_args_is_help=True)


class Language(StrEnum):
    """Of what it says."""

    EN = "en"
    ZH = "zh"


@commands.callback()
def report_callback() -> None:
    """Pages to send on."""


@commands.command()
def month(
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the page here")] = None,
    png: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a picture of it here, by Chromium")] = None,
    month: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m"], help="Like 2026-10 (default: the last that is over)")
    ] = None,
    language: Annotated[Language, typer.Option(help="Of what it says")] = Language.EN,
) -> None:
    """Write a month as one page: what was, how customers moved, what worked, what to do next.

    It names the customers with whom most would be lost: send it to nobody who may not know them.
    """
    if html is None and png is None:
        raise typer.BadParameter("give --html FILE, --png FILE, or both")
    browser = None if png is None else find_browser()
    for path in (html, png):
        check_page(path)

    async def work(url: str, settings: Settings) -> str:
        now_us = time.time_ns() // 1000
        period = _read_period(month, settings, now_us)
        engine = create_survey_engine(url)
        try:
            read = await read_month(engine, period, settings, now_us)
            async with transaction(engine) as connection:  # before anything of it is told
                ids = read.customer_ids
                await record_command(connection, settings, "report month", "read", customer_ids=ids)
        finally:
            await engine.dispose()
        return await render_month(read, Formats(language.value, ZoneInfo(settings.time_zone), settings.currency))

    with database() as (settings, url):
        page = asyncio.run(work(url, settings))
    if html is not None:
        write_page(html, page)
    if png is not None and browser is not None:
        take_picture(browser, page, png)


def _read_period(month: datetime | None, settings: Settings, now_us: int) -> Period:
    """The month; of the one that is not over its days so far."""
    day = today(now_us, settings.time_zone)
    first = (day.replace(day=1) - timedelta(1)).replace(day=1) if month is None else month.date()
    if not date(1970, 2, 1) <= first <= day:
        raise Refusal("--month: Give one from 1970-02 on that has begun.")
    return Period(first, min(next_month(first), day + timedelta(1)))
