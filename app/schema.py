"""The database's schema: which revision this version needs, and bringing a database to it."""

from pathlib import Path
from typing import Final

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from app.db import CONNECTION_LOST
from app.errors import NotReady, Refusal

HEAD_REVISION: Final = "0003"

_ROOT = Path(__file__).resolve().parent.parent


class UnusableDatabase(Refusal):
    """No database, or not one of ours; the sentence says why."""


def migrate(database_url: str) -> None:
    """Brings the schema to `HEAD_REVISION`. Concurrent calls wait for each other (advisory lock).

    Raises UnusableDatabase.
    """
    config = Config(str(_ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    config.attributes["database_url"] = database_url
    try:
        command.upgrade(config, HEAD_REVISION)
    except CommandError as error:
        raise UnusableDatabase(f"The schema is not one of this version: {error}") from error
    except (SQLAlchemyError, NotReady, asyncpg.PostgresError, *CONNECTION_LOST) as error:
        reason = str(error).splitlines()[0]
        raise UnusableDatabase(f"The database cannot be used: {reason}") from error
