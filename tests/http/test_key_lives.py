"""Keys end, are followed by others, and tell when they were used."""

import time

import pytest
from typer.testing import CliRunner

from app.commands.keys import commands
from app.database.engine import transaction
from app.http.auth import create_key, hash_key, list_keys, read_keyring
from app.http.key_lives import USE_WRITTEN_US, note_uses, rotate_key

HOUR_US = 3_600_000_000


def now_us():
    return time.time_ns() // 1000


async def status(service, key):
    async with service.connect(headers={"Authorization": f"Bearer {key}"}) as client:
        return (await client.get("/v1/actions")).status_code


async def row_of(engine, key_id):
    async with transaction(engine) as connection:
        return next(row for row in await list_keys(connection) if row.key_id == key_id)


async def test_a_key_that_has_ended_is_refused(engine, serve, sql, monkeypatch, wait_until):
    monkeypatch.setattr("app.http.resources.REFRESH_SECONDS", 0.02)
    async with serve() as service:
        async with transaction(engine) as connection:
            key_id, key = await create_key(connection, "till", ["read"], 1, now_us() + HOUR_US)
            _, over = await create_key(connection, "till", ["read"], 1, now_us() - 1)
        assert (await status(service, key), await status(service, over)) == (200, 401)
        await sql.rows("UPDATE api_keys SET expires_us = 2 WHERE key_id = :id RETURNING 1", id=key_id)

        async def is_refused():
            return await status(service, key) == 401

        await wait_until(is_refused)


async def test_a_key_that_follows_another_is_valid_beside_it_for_a_while(engine):
    at_us = now_us()
    async with transaction(engine) as connection:
        old_id, old = await create_key(connection, "till", ["read", "ingest"], at_us)
        made = await rotate_key(connection, old_id, at_us, 2 * HOUR_US, at_us + 9 * HOUR_US)
        assert made is not None
        valid = await read_keyring(connection)
        assert valid[hash_key(old.encode())] == valid[hash_key(made.key.encode())] == {"read", "ingest"}
    before, after = await row_of(engine, old_id), await row_of(engine, made.key_id)
    assert (made.both_until_us, before.expires_us, after.expires_us) == (
        at_us + 2 * HOUR_US,
        at_us + 2 * HOUR_US,
        at_us + 9 * HOUR_US,
    )
    assert [before.state(at_us), before.state(at_us + 2 * HOUR_US), after.name] == ["valid", "expired", "till"]


async def test_a_key_is_never_prolonged_by_its_successor(engine):
    at_us = now_us()
    async with transaction(engine) as connection:
        old_id, _ = await create_key(connection, "till", ["read"], at_us, at_us + HOUR_US)
        made = await rotate_key(connection, old_id, at_us, 2 * HOUR_US)
        assert made is not None
        assert made.both_until_us == at_us + HOUR_US
        assert await rotate_key(connection, old_id, at_us + 2 * HOUR_US, HOUR_US) is None, "it is over"
        assert await rotate_key(connection, "none-such", at_us, HOUR_US) is None


async def test_a_use_is_written_once_a_minute(engine, serve, sql, monkeypatch, wait_until):
    monkeypatch.setattr("app.http.resources.REFRESH_SECONDS", 0.02)
    async with serve() as service:
        async with transaction(engine) as connection:
            key_id, key = await create_key(connection, "till", ["read"], 1)
            idle_id, _ = await create_key(connection, "idle", ["read"], 1)

        async def is_written():
            await status(service, key)
            return (await row_of(engine, key_id)).last_used_us is not None

        before_us = now_us()
        await wait_until(is_written)
        first_us = (await row_of(engine, key_id)).last_used_us
        assert before_us <= first_us <= now_us()
        writes = "SELECT xmin::text AS written FROM api_keys WHERE key_id = :id"
        written = await sql.row(writes, id=key_id)
        for _ in range(5):
            await status(service, key)
            await service.resources.refresh()
        assert await sql.row(writes, id=key_id) == written
        assert (await row_of(engine, idle_id)).last_used_us is None


async def test_another_process_s_write_of_this_minute_is_enough(engine):
    async with transaction(engine) as connection:
        key_id, key = await create_key(connection, "till", ["read"], 1)
        digest = hash_key(key.encode())
        for at_us in (HOUR_US, HOUR_US + USE_WRITTEN_US - 1):
            await note_uses(connection, [digest], at_us)
    assert (await row_of(engine, key_id)).last_used_us == HOUR_US
    async with transaction(engine) as connection:
        await note_uses(connection, [digest], HOUR_US + USE_WRITTEN_US + 1)
    assert (await row_of(engine, key_id)).last_used_us == HOUR_US + USE_WRITTEN_US + 1


@pytest.fixture
def keys(monkeypatch, make_database, tmp_path):
    monkeypatch.setenv("PERENNIAL_DATABASE_URL", make_database())
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path))
    return lambda *words: CliRunner().invoke(commands, words)


def test_the_commands(keys):
    made = keys("create", "till-3", "--scope", "read", "--expires", "90d")
    assert made.exit_code == 0, made.output
    key_id = keys("list").output.split("\t")[0].splitlines()[-1]
    rotated = keys("rotate", key_id, "--overlap", "12h")
    assert "perennial_" in rotated.output
    first, second = [line for line in keys("list").output.splitlines() if "till-3" in line]
    assert "valid until" in first
    assert first.endswith("never used")
    assert "\tvalid\t" in second
    assert keys("rotate", "none-such").exit_code == 1


@pytest.mark.parametrize("end", ["soon", "2027-01-31T00:00:00", "2020-01-01T00:00:00Z", "90", "-3d"])
def test_an_end_that_is_none_is_refused(keys, end):
    assert keys("create", "till-3", "--scope", "read", "--expires", end).exit_code == 2
