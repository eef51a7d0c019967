"""The database's schema: which revision this version needs, and bringing a database to it."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config

HEAD_REVISION: Final = "0001"

_ROOT = Path(__file__).resolve().parent.parent


def migrate(database_url: str) -> None:
    """Brings the schema to `HEAD_REVISION`. Concurrent calls wait for each other (advisory lock)."""
    config = Config(str(_ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    config.attributes["database_url"] = database_url
    command.upgrade(config, HEAD_REVISION)
