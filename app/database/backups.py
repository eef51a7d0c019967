"""A backup of all that is stored, as one file, and its restoration into an empty database.

A zip with a table's rows (Postgres' binary COPY) a member, and `manifest.json`: the schema's revision and how many rows
each has. All tables are as of one moment, whatever is counted meanwhile.
"""

import asyncio
import json
import os
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import Table

from app.database.engine import create_engine
from app.database.schema import HEAD_REVISION
from app.database.tables import metadata
from app.foundation.errors import Refusal

FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_KEPT: Final = ("events", "customer_states", "decisions")
"""A database in which any of these has rows is not written over."""


class UnusableBackup(Refusal):
    """The file is no backup, or none for this database; the sentence says why."""


async def write_backup(url: str, path: Path, created_at: str) -> dict[str, int]:
    """Table → rows written. The file is there whole or not at all, and for its owner alone."""
    fresh = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        async with _connection(url) as connection:
            rows = await _copy_out(connection, file, created_at)
    fresh.replace(path)
    return rows


async def restore_backup(url: str, path: Path) -> dict[str, int]:
    """Table → rows restored, all in one transaction. Raises UnusableBackup."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read(_MANIFEST))
            _check(manifest)
            async with _connection(url) as connection, connection.transaction():
                await _refuse_kept(connection)
                return await _copy_in(connection, archive, manifest["rows"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UnusableBackup(f"{path.name} is no backup, or not whole: {error}") from error


@asynccontextmanager
async def _connection(url: str) -> "AsyncIterator[asyncpg.Connection[Any]]":
    engine = create_engine(url)
    try:
        async with engine.connect() as held:
            driver = (await held.get_raw_connection()).driver_connection
            assert driver is not None
            yield driver
    finally:
        await engine.dispose()


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


async def _copy_out(connection: "asyncpg.Connection[Any]", file: Any, created_at: str) -> dict[str, int]:
    rows: dict[str, int] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            if (revision := await connection.fetchval("SELECT version_num FROM alembic_version")) != HEAD_REVISION:
                raise UnusableBackup(f"The schema is {revision}, of another version: back up with that.")
            for table in metadata.sorted_tables:
                with archive.open(table.name, "w", force_zip64=True) as member:

                    async def write(data: bytes, member: Any = member) -> None:
                        await asyncio.to_thread(member.write, data)

                    told = await connection.copy_from_table(
                        table.name, output=write, columns=_names(table), format="binary"
                    )
                rows[table.name] = int(told.split()[1])
        manifest = {"format": FORMAT, "revision": HEAD_REVISION, "created_at": created_at, "rows": rows}
        archive.writestr(_MANIFEST, json.dumps(manifest))
    return rows


def _check(manifest: Any) -> None:
    if manifest.get("format") != FORMAT:
        raise UnusableBackup("It is of another form than this version reads.")
    if manifest["revision"] != HEAD_REVISION:
        raise UnusableBackup(
            f"It is of schema {manifest['revision']}, and this version has {HEAD_REVISION}: restore it with the "
            "version that made it, and migrate then."
        )
    if manifest["rows"].keys() != metadata.tables.keys():
        raise UnusableBackup("It has other tables than this version.")


async def _refuse_kept(connection: "asyncpg.Connection[Any]") -> None:
    for name in _KEPT:
        if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {name})"):  # noqa: S608 - names of ours
            raise UnusableBackup(f"The database is not empty (table {name}): restore into a new one.")


async def _copy_in(
    connection: "asyncpg.Connection[Any]", archive: zipfile.ZipFile, rows: dict[str, int]
) -> dict[str, int]:
    await connection.execute(f"TRUNCATE {', '.join(metadata.tables)}")
    for table in metadata.sorted_tables:
        with archive.open(table.name) as member:
            told = await connection.copy_to_table(table.name, source=member, columns=_names(table), format="binary")
        if int(told.split()[1]) != rows[table.name]:
            raise UnusableBackup(
                f"Table {table.name} has {told.split()[1]} rows, and was told to have {rows[table.name]}."
            )
        for column in (each.name for each in table.columns if each.identity is not None):
            await connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column}'), max({column})) FROM {table.name}"  # noqa: S608
            )
    return rows
