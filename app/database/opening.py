"""Which database a process works on: the one that is configured, or the embedded one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import make_url

from app.database.roles import Roles, check_access, ensure_roles
from app.database.schema import migrate
from app.foundation.errors import UnusableSettings
from app.foundation.settings import Settings

EMBEDDED: Final = "postgres"
"""The directory of the embedded server, within `home`."""


@contextmanager
def open_database(settings: Settings, *, as_owner: bool = False) -> Iterator[str]:
    """The URL of a migrated database, for as long as the block lasts: as the role of the service, or as its owner.

    Without PERENNIAL_DATABASE_URL a real Postgres is started under `home`, or attached to where another
    process has started it. Raises EmbeddedPostgresError where none can be had, UnusableDatabase where the role may not
    do what is needed.
    """
    if settings.database_url is not None:
        owner_url = settings.database_owner_url or settings.database_url
        migrate(owner_url, as_owner=as_owner)
        if not as_owner:
            check_access(settings.database_url)
        yield owner_url if as_owner else settings.database_url
        return
    if settings.database_owner_url is not None:
        raise UnusableSettings("PERENNIAL_DATABASE_OWNER_URL is there without PERENNIAL_DATABASE_URL.")
    from app.database.embedded import start_embedded  # an installation with a database of its own lacks the wheel

    with start_embedded(settings.home / EMBEDDED) as server:
        migrate(server.url)
        roles = Roles(owner=make_url(server.url).username or "")
        ensure_roles(server.url, roles)
        yield server.url if as_owner else server.url_for(server.database, roles.app)
