"""Migrations lead to the tables of the code, from nothing and from any number of processes at once."""

import asyncio
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from app.database.engine import create_engine
from app.database.schema import (
    _ROOT,
    HEAD_REVISION,
    UnusableDatabase,
    migrate,
)
from app.database.tables import metadata
from app.foundation.errors import NotReady


@pytest.fixture(scope="module")
def config():
    config = Config(str(_ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    return config


async def look(url, question):
    engine = create_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(question)
    finally:
        await engine.dispose()


def differences(connection):
    options = {"compare_type": True, "compare_server_default": True}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def tables(connection):
    return set(inspect(connection).get_table_names())


async def test_migrated_from_nothing_it_is_the_schema_of_the_code(make_database):
    url = make_database()
    migrate(url)
    assert await look(url, differences) == []
    assert await look(url, tables) == {*metadata.tables, "alembic_version"}


async def test_what_the_comparison_does_not_see(database_url):
    """Room on the pages of rows that are rewritten, texts compared by bytes, and one event for ever."""

    def read(connection):
        options = connection.execute(text("SELECT reloptions FROM pg_class WHERE relname = 'customer_states'")).scalar()
        collation = text(
            "SELECT count(*) FROM information_schema.columns WHERE table_name = 'customer_states'"
            " AND data_type = 'text' AND column_name <> 'customer_id' AND collation_name IS DISTINCT FROM 'C'"
        )
        unique = text("SELECT indexdef FROM pg_indexes WHERE indexname = 'uq_events_source_id'")
        return options, connection.execute(collation).scalar(), connection.execute(unique).scalar()

    options, otherwise_collated, unique = await look(database_url, read)
    assert options == ["fillfactor=70"]
    assert otherwise_collated == 0
    assert "UNIQUE" in unique
    assert "(source, id)" in unique


async def test_migrating_again_changes_nothing(database_url):
    migrate(database_url)
    assert await look(database_url, differences) == []


async def test_processes_that_migrate_at_once_wait_for_each_other(make_database):
    url = make_database()
    program = "import sys; from app.database.schema import migrate; migrate(sys.argv[1])"
    command = [sys.executable, "-c", program, url]
    processes = [await asyncio.create_subprocess_exec(*command, cwd=_ROOT) for _ in range(3)]
    async with asyncio.timeout(120):
        assert [await process.wait() for process in processes] == [0, 0, 0]
    assert await look(url, differences) == []


def test_the_revision_that_the_code_asks_for_is_the_newest(config):
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD_REVISION]


async def test_the_way_back(make_database, config):
    url = make_database()
    migrate(url)
    config.attributes["database_url"] = url
    command.downgrade(config, "base")
    assert await look(url, tables) == {"alembic_version"}
    migrate(url)
    assert await look(url, differences) == []


def test_every_primary_key_of_a_large_table_begins_with_the_customer():
    for name in ("events", "customer_states", "decisions", "offers", "persons", "stages", "stage_transitions"):
        assert next(iter(metadata.tables[name].primary_key)).name == "customer_id"


def test_a_server_that_never_answers_is_told_of_in_a_sentence(monkeypatch):
    async def give_up(_):
        raise NotReady("The database is out of reach.") from TimeoutError()

    monkeypatch.setattr("app.database.schema._find_revision", give_up)
    with pytest.raises(UnusableDatabase, match="cannot be used: TimeoutError"):
        migrate("postgresql://nobody@/none")
