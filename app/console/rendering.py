"""Templates → pages. They hold no words and no figures of their own: these are of `sentences` and `formats`."""

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.console.assets import Asset, load_assets
from app.console.formats import Formats
from app.console.sentences import LANGUAGES, say
from app.console.terms import name_term

DIRECTORY: Final = Path(__file__).parent / "templates"
SHARED: Final = ("base.html", "parts.html", "search.html", "customer_score.html", "customer_timeline.html")
"""What other templates extend, import or include: read first, and those when they are asked for."""


class Templates:
    """Each is read and compiled for the first who asks, in a thread: a till is not to wait for it, nor a shop without a
    console to have it in memory."""

    def __init__(self) -> None:
        self._read: set[str] = set()
        self._making: asyncio.Task[tuple[Environment, Mapping[str, Asset]]] | None = None

    async def render(self, template: str, formats: Formats, told: Mapping[str, Any]) -> str:
        """A page in the language of the formats."""
        environment, assets = await self._made()
        if template not in self._read:
            await asyncio.to_thread(environment.get_template, template)
            self._read.add(template)
        language = formats.language
        return environment.get_template(template).render(
            {
                "say": partial(say, language),
                "term": partial(name_term, language),
                "show": formats,
                "language": language,
                "languages": LANGUAGES,
                "assets": assets,
                **told,
            }
        )

    async def find_asset(self, url: str) -> Asset | None:
        """None: there is no such file, or not with these bytes."""
        _, assets = await self._made()
        return next((asset for asset in assets.values() if asset.url == url), None)

    async def _made(self) -> tuple[Environment, Mapping[str, Asset]]:
        if self._making is None:
            self._making = asyncio.create_task(asyncio.to_thread(_make), name="make console")
        return await asyncio.shield(self._making)


def make_environment() -> Environment:
    """Escapes whatever it is given."""
    environment = Environment(
        loader=FileSystemLoader(DIRECTORY),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["pretty"] = lambda value: orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return environment


def _make() -> tuple[Environment, Mapping[str, Asset]]:
    environment = make_environment()
    for name in SHARED:
        environment.get_template(name)
    for language in LANGUAGES:  # reads what babel knows of them
        formats = Formats(language, ZoneInfo("UTC"), "EUR")
        formats.money(1.0)
        formats.moment("2026-11-22T00:00:00Z")
    return environment, load_assets()
