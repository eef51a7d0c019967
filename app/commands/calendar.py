"""The option that names a country, whose trade is the prior of the season."""

from typing import Annotated

import typer

from app.foundation.settings import Calendar, Settings

CalendarOption = Annotated[
    Calendar | None,
    typer.Option(help="Country whose trade is the prior of the season, for a shop in its first year"),
]


def name_calendar(settings: Settings, calendar: Calendar | None) -> Settings:
    """The settings with that country; as they are where none is named."""
    return settings if calendar is None else settings.model_copy(update={"calendar": calendar})
