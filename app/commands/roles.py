"""`perennial roles`: the owner's, the service's and the analysts' role of the database."""

from typing import Annotated

import typer
from sqlalchemy import make_url

from app.commands.access import database
from app.commands.progress import say
from app.database.roles import Roles, apply_roles, write_roles
from app.foundation.settings import Settings

commands = typer.Typer()


@commands.command(name="roles")
def roles_command(
    owner: Annotated[
        str | None, typer.Option(help="Else of PERENNIAL_DATABASE_OWNER_URL, else perennial_owner")
    ] = None,
    app: Annotated[str | None, typer.Option(help="Else of PERENNIAL_DATABASE_URL, else perennial_app")] = None,
    reader: Annotated[str, typer.Option(help="Of analysts")] = Roles().reader,
    apply: Annotated[bool, typer.Option("--apply", help="Run it as the owner, rather than print it")] = False,
) -> None:
    """Print the SQL that makes the database's roles and grants each what it needs, or run it."""
    if not apply:
        print(write_roles(_named(Settings.from_environment(), owner, app, reader)))
        return
    with database(as_owner=True) as (settings, url):
        named = _named(settings, owner or make_url(url).username, app, reader)
        apply_roles(url, named, _password(settings, named))
    say(f"{named.owner} owns the tables, {named.app} serves, {named.reader} reads.")


def _named(settings: Settings, owner: str | None, app: str | None, reader: str) -> Roles:
    """By options, else by URLs: without the owner's, the other one is the owner's."""
    usual = Roles(reader=reader)
    is_split = settings.database_owner_url is not None
    owner = owner or (_user(settings.database_owner_url) if is_split else None) or usual.owner
    app = app or (_user(settings.database_url) if is_split else None) or usual.app
    if len({owner, app, reader}) < 3:
        raise typer.BadParameter("the owner, the service and the analysts are three roles")
    return Roles(owner, app, reader)


def _user(url: str | None) -> str | None:
    return None if url is None else make_url(url).username


def _password(settings: Settings, roles: Roles) -> str | None:
    """Of the service's role, where PERENNIAL_DATABASE_URL says it beside the owner's."""
    if settings.database_owner_url is None or settings.database_url is None:
        return None
    url = make_url(settings.database_url)
    return str(url.password) if url.password is not None and url.username == roles.app else None
