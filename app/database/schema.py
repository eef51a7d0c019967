"""The database's schema: which revision this version needs, and bringing a database to it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Literal, NamedTuple

import asyncpg
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import CONNECTION_LOST, create_engine, transaction
from app.foundation.errors import NotReady, Refusal
from app.foundation.logs import log

HEAD_REVISION: Final = "0049"
OLDEST_CODE: Final = "0039"
"""The oldest version, told by the revision that it needs, whose processes go on serving on the schema of this one: what
came since then only adds to it. To be raised by a migration that does not (`tests/database/test_migrations.py`)."""

_MAY_CHANGE: Final = text(
    "SELECT has_schema_privilege(coalesce(current_schema(), 'public'), 'CREATE'), current_user::text"
)

_ROOT = Path(__file__).resolve().parent.parent.parent


class UnusableDatabase(Refusal):
    """No database, or not one of ours; the sentence says why."""


class Schema(NamedTuple):
    """The revision of a database, None where it was never migrated, and the oldest code that serves on it."""

    revision: str | None
    oldest_code: str | None = None

    @property
    def standing(self) -> Literal["fits", "behind", "ahead", "too far ahead"]:
        """As this version sees it. It serves on one that is ahead, as it must while a later version takes over."""
        if self.revision == HEAD_REVISION:
            return "fits"
        if self.revision is None or self.revision < HEAD_REVISION:
            return "behind"
        return "ahead" if self.oldest_code is not None and self.oldest_code <= HEAD_REVISION else "too far ahead"

    @property
    def sentence(self) -> str | None:
        """What to do; None: nothing."""
        if self.standing == "behind":
            return f"Schema behind: this version needs {HEAD_REVISION}. Run 'perennial migrate'."
        if self.standing == "ahead":
            return f"Schema ahead, of a later version: this one ({HEAD_REVISION}) serves on until it is replaced."
        if self.standing == "too far ahead":
            return f"Schema ahead: this version ({HEAD_REVISION}) cannot serve on it. Install the one that migrated."
        return None


_READ: Final = """
SELECT max(version_num), max(obj_description('alembic_version'::regclass, 'pg_class')) FROM alembic_version
"""


async def read_schema(connection: AsyncConnection) -> Schema:
    """Of the database."""
    known = await connection.execute(select(func.to_regclass("alembic_version")))
    if known.scalar_one() is None:
        return Schema(None)
    return Schema(*(await connection.execute(text(_READ))).one())


def say_who_may_serve(connection: Connection) -> None:
    """Leaves with a migrated schema what processes of versions before this one ask it."""
    connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{OLDEST_CODE}'"))


def migrate(database_url: str, *, as_owner: bool = False) -> None:
    """Brings the schema to `HEAD_REVISION`, or leaves one that is ahead where this version may serve on it.

    `as_owner`: who connects must be one who may change it. Concurrent calls wait for each other (advisory lock). Raises
    UnusableDatabase.
    """
    try:
        with ThreadPoolExecutor(1) as thread:  # there may be an event loop in this one
            found, may_change, role = thread.submit(asyncio.run, _look(database_url)).result()
        if found.standing == "behind":
            if not may_change:
                raise UnusableDatabase(
                    f"The schema is {found.revision or 'not there'}, this version needs {HEAD_REVISION}, and the role "
                    f"{role} may not change it: run 'perennial migrate' with the owner's PERENNIAL_DATABASE_OWNER_URL."
                )
            _upgrade(database_url)
        elif as_owner and not may_change:
            raise UnusableDatabase(f"The role {role} may not do this: set the owner's PERENNIAL_DATABASE_OWNER_URL.")
    except (SQLAlchemyError, NotReady, asyncpg.PostgresError, *CONNECTION_LOST) as error:
        cause = error.__cause__ if isinstance(error, NotReady) else error
        reason = (str(cause).splitlines() or [type(cause).__name__])[0]  # a time-out says nothing
        raise UnusableDatabase(f"The database cannot be used: {reason}") from error
    if found.standing == "too far ahead":
        raise UnusableDatabase(f"The schema is one of a later version. {found.sentence}")
    if found.standing == "ahead":
        log.warning("schema.ahead", revision=found.revision, needed=HEAD_REVISION)


async def _look(database_url: str) -> tuple[Schema, bool, str]:
    """The schema, whether who connects may make tables, and as whom."""
    engine = create_engine(database_url)
    try:
        async with transaction(engine) as connection:
            may_change, role = (await connection.execute(_MAY_CHANGE)).one()
            return await read_schema(connection), may_change, role
    finally:
        await engine.dispose()


def _upgrade(database_url: str) -> None:
    """Alembic is loaded only here: a server whose schema is up to date does without its 12 MB."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(str(_ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    config.attributes["database_url"] = database_url
    try:
        command.upgrade(config, HEAD_REVISION)
    except CommandError as error:
        raise UnusableDatabase(f"The schema is not one of this version: {error}") from error
