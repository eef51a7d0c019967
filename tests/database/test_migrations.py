"""Migrations while others go on: they give way to who holds a table, and code of the version before goes on after."""

import asyncio
import re
from typing import NamedTuple

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.database.engine import create_engine
from app.database.schema import _ROOT, HEAD_REVISION, OLDEST_CODE, Schema, UnusableDatabase, migrate

CATALOGUE = """
SELECT 'column', c.relname, a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attnotnull THEN 'required' END, CASE WHEN a.atthasdef OR a.attidentity <> '' THEN 'filled' END)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint', c.relname, o.conname, pg_get_constraintdef(o.oid)
  FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
 WHERE o.connamespace = 'public'::regnamespace AND o.contype <> 'n'
UNION ALL
SELECT 'unique', c.relname, i.relname, pg_get_indexdef(x.indexrelid)
  FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
 WHERE c.relnamespace = 'public'::regnamespace AND x.indisunique
UNION ALL
SELECT 'index', c.relname, i.relname, ''
  FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
 WHERE c.relnamespace = 'public'::regnamespace AND NOT x.indisunique
"""
WAITS = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
 WHERE NOT granted AND datname = current_database()
"""
REWRITES = re.compile(r"\b(UPDATE (?!SET)\w|DELETE FROM|DROP (TABLE|COLUMN|TYPE)|RENAME)", re.IGNORECASE)
SAID = "version before"
CONSTANTS = re.compile("'([^']*)'::text")


class Found(NamedTuple):
    """(what, table, name) → how it is."""

    things: dict

    @property
    def tables(self):
        return {table for what, table, _ in self.things if what == "column"}


def is_wider(was, found):
    """A check of a column's values that allows those that it allowed, and others."""
    return found.startswith("CHECK") and set(CONSTANTS.findall(was)) < set(CONSTANTS.findall(found))


def narrows(before, after):
    """What code that knows the schema before may stumble on."""
    for key, was in before.things.items():
        if key[0] != "index" and after.things.get(key) != was and not is_wider(was, after.things.get(key) or ""):
            yield f"{' '.join(key)}: {was} → {after.things.get(key)}"
    for (what, table, name), found in after.things.items():
        if (what, table, name) in before.things or table not in before.tables:
            continue
        if what in ("constraint", "unique") or (what == "column" and found.endswith("required")):
            yield f"{what} {table} {name}: {found}"


def builds(before, after):
    """Indexes of tables that were there, and may be large."""
    return [key for key in after.things.keys() - before.things.keys() if "index" in key[0] and key[1] in before.tables]


@pytest.fixture(scope="module")
def config():
    config = Config(str(_ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    return config


@pytest.fixture(scope="module")
def scripts(config):
    return list(reversed(list(ScriptDirectory.from_config(config).walk_revisions())))


@pytest.fixture(scope="module")
def schemas(make_database, config, scripts):
    """Revision, from OLDEST_CODE on → the catalogue that it leaves."""
    url = make_database()
    config.attributes["database_url"] = url
    command.upgrade(config, OLDEST_CODE)

    async def look():
        engine = create_engine(url)
        async with engine.connect() as connection:
            rows = (await connection.execute(text(CATALOGUE))).all()
        await engine.dispose()
        return Found({tuple(row[:3]): row[3] for row in rows})

    found = {OLDEST_CODE: asyncio.run(look())}
    for script in scripts:
        if script.revision > OLDEST_CODE:
            command.upgrade(config, script.revision)
            found[script.revision] = asyncio.run(look())
    return found


def upgrading(script):
    """What a migration has, but for its way back."""
    return (_ROOT / script.path).read_text().partition("\ndef downgrade")[0]


def test_a_migration_that_rewrites_what_is_there_says_how_the_version_before_fares(scripts):
    rewriting = [script for script in scripts if REWRITES.search(upgrading(script))]
    assert "0020" in {script.revision for script in rewriting}
    silent = [each.revision for each in rewriting if SAID not in (each.module.__doc__ or "").replace("\n", " ")]
    assert silent == []


def test_code_that_may_serve_on_a_later_schema_stumbles_on_nothing_of_it(scripts, schemas):
    """Else OLDEST_CODE is to be raised to the migration that narrows."""
    later = [script for script in scripts if script.revision > OLDEST_CODE]
    stumbles = {each.revision: list(narrows(schemas[each.down_revision], schemas[each.revision])) for each in later}
    assert {revision: found for revision, found in stumbles.items() if found} == {}


def test_an_index_of_a_table_that_is_there_is_built_beside_its_writers(scripts, schemas):
    later = [script for script in scripts if script.revision > OLDEST_CODE]
    built = [each for each in later if builds(schemas[each.down_revision], schemas[each.revision])]
    assert [each.revision for each in built if "postgresql_concurrently=True" not in upgrading(each)] == []


def test_what_narrows_is_found():
    before = Found({("column", "a", "x"): "text", ("column", "a", "y"): "bigint", ("unique", "a", "u"): "(x)"})
    wider = Found(
        before.things
        | {
            ("column", "a", "z"): "text",
            ("column", "a", "n"): "text required filled",
            ("column", "b", "x"): "text required",
        }
    )
    assert list(narrows(before, wider)) == []
    for key, then in {
        ("column", "a", "x"): None,
        ("column", "a", "y"): "text",
        ("unique", "a", "u"): None,
        ("column", "a", "z"): "text required",
        ("constraint", "a", "c"): "CHECK (x > '')",
        ("unique", "a", "v"): "(y)",
    }.items():
        things = {**before.things, key: then}
        after = Found({each: found for each, found in things.items() if found is not None})
        assert len(list(narrows(before, after))) == 1, key


@pytest.fixture
async def old(make_database, config):
    """A database of the schema before the newest indexes on receipts, and its engine."""
    url = make_database()
    config.attributes["database_url"] = url
    command.upgrade(config, "0027")
    engine = create_engine(url)
    yield url, engine
    await engine.dispose()


async def test_a_migration_gives_way_to_who_reads_a_table_and_is_done_when_they_are(old, wait_until):
    """A till's statement is never behind it for longer than it waits for the lock itself."""
    url, engine = old
    async with engine.connect() as reader:
        await reader.execute(text("LOCK TABLE decisions IN ROW EXCLUSIVE MODE"))
        migrating = asyncio.create_task(asyncio.to_thread(migrate, url))

        async def has_given_way():
            """It waits; a moment later it does not."""
            async with engine.begin() as other:
                return (await other.execute(text(WAITS))).scalar()

        await wait_until(has_given_way)
        async with engine.begin() as till:
            await till.execute(text("INSERT INTO decisions VALUES ('C', 'd', 1, '{}', '{}')"))
        assert not migrating.done()
    await migrating
    async with engine.connect() as connection:
        revision = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
        kept = (await connection.execute(text("SELECT count(*) FROM decisions"))).scalar()
    assert (revision, kept) == (HEAD_REVISION, 1)


async def test_one_that_never_gets_its_lock_says_so_and_is_begun_again_by_the_next(old, config):
    url, engine = old
    config.attributes |= {"database_url": url, "lock_patience_s": 0}
    async with engine.connect() as reader:
        await reader.execute(text("LOCK TABLE decisions IN ROW EXCLUSIVE MODE"))
        with pytest.raises(Exception, match="lock timeout"):
            await asyncio.to_thread(command.upgrade, config, "head")
    del config.attributes["lock_patience_s"]
    await asyncio.to_thread(migrate, url)


def test_how_schemas_stand_to_this_version():
    standings = {
        Schema(HEAD_REVISION): "fits",
        Schema(None): "behind",
        Schema("0001"): "behind",
        Schema("9999", HEAD_REVISION): "ahead",
        Schema("9999", "9999"): "too far ahead",
        Schema("9999"): "too far ahead",
    }
    assert {schema: schema.standing for schema in standings} == standings


async def test_a_start_leaves_a_schema_that_is_ahead_and_may_be_served_on(make_database):
    url = make_database()
    migrate(url)
    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    migrate(url)
    async with engine.begin() as connection:
        assert (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar() == "9999"
        await connection.execute(text("COMMENT ON TABLE alembic_version IS '9999'"))
    await engine.dispose()
    with pytest.raises(UnusableDatabase, match="later version"):
        migrate(url)
