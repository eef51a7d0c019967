"""Which database a process works on: the one that is configured, or the embedded one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.database.schema import migrate
from app.foundation.settings import Settings

EMBEDDED: Final = "postgres"
"""The directory of the embedded server, within `home`."""


@contextmanager
def open_database(settings: Settings) -> Iterator[str]:
    """The URL of a migrated database, for as long as the block lasts.

    Without PERENNIAL_DATABASE_URL a real Postgres is started under `home`, or attached to where another
    process has started it. Raises EmbeddedPostgresError where none can be had.
    """
    if settings.database_url is not None:
        migrate(settings.database_url)
        yield settings.database_url
        return
    from app.database.embedded import start_embedded  # an installation with a database of its own lacks the wheel

    with start_embedded(settings.home / EMBEDDED) as server:
        migrate(server.url)
        yield server.url
