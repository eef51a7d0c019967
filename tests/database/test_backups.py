"""A backup holds all, is restored into an empty database alone, and what is sent again after it counts once."""

import zipfile

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.commands.backups import commands
from app.database.backups import UnusableBackup, restore_backup, write_backup
from app.database.engine import create_engine, transaction
from app.database.schema import migrate
from app.database.tables import metadata
from tests.privacy.test_leaving import at, differences, let_leave

AT = "2026-11-27T10:00:00+00:00"


@pytest.fixture
def other(make_database):
    url = make_database()
    migrate(url)
    return url


async def read(url, statement):
    engine = create_engine(url)
    try:
        async with transaction(engine) as connection:
            return [tuple(row) for row in await connection.execute(text(statement))]
    finally:
        await engine.dispose()


async def test_events_after_a_backup_are_sent_again_and_each_counts_once(
    serve, sql, shop, database_url, other, tmp_path
):
    """What has left the log, too."""
    old, events = (
        at(shop, 800, "store.visited"),
        [shop.order(f"C-{number % 3}", id=f"e-{number}", total=10.0 + number) for number in range(9)],
    )
    async with serve() as service:
        await service.client.post("/v1/events", json=[old, *events[:6]])
        await let_leave(service.resources.engine, "visit=400d")
        checkout = {"event": events[6], "max_actions": 2}
        assert (await service.client.post("/v1/checkouts", json=checkout)).status_code == 200
        written = await write_backup(database_url, tmp_path / "a.backup", AT)
        await service.client.post("/v1/events", json=events[7:])
    states = "SELECT customer_id, orders, spend_minor, visits FROM customer_states ORDER BY 1"
    whole = await read(database_url, states)
    assert written["events"] == 7
    assert (tmp_path / "a.backup").stat().st_mode & 0o077 == 0, "for its owner alone"

    assert await restore_backup(other, tmp_path / "a.backup") == written
    async with serve(other) as service:  # with a key of its own
        answer = (await service.client.post("/v1/events", json=[old, *events])).json()
        assert (answer["accepted"], answer["duplicate"]) == (2, 8)
        assert await differences(service.resources.engine) == []
    assert await read(other, states) == whole


async def test_every_table_is_as_it_was(sql, shop, client, database_url, other, tmp_path):
    await client.post("/v1/events", json=[shop.order("C-1", total=5.0), {"broken": True}])
    await client.post("/v1/decisions", json={"customer_id": "C-1"})
    rows = await write_backup(database_url, tmp_path / "a.backup", AT)
    assert rows.keys() == metadata.tables.keys()
    await restore_backup(other, tmp_path / "a.backup")
    for name in rows:
        row = "t - 'last_used_us'" if name == "api_keys" else "t"  # the service goes on to tell of its keys
        statement = f"SELECT ({row})::text FROM (SELECT to_jsonb({name}) AS t FROM {name}) AS rows ORDER BY 1"
        assert await read(other, statement) == await read(database_url, statement), name


async def test_what_is_generated_goes_on_after_a_restoration(client, shop, serve, sql, database_url, other, tmp_path):
    await client.post("/v1/events", json={"broken": True})
    await write_backup(database_url, tmp_path / "a.backup", AT)
    await restore_backup(other, tmp_path / "a.backup")
    async with serve(other) as service:
        assert (await service.client.post("/v1/events", json={"broken": 2})).status_code == 422
    ids = await read(other, "SELECT rejected_id FROM rejected_events ORDER BY 1")
    assert len(set(ids)) == len(ids) >= 2


async def test_a_database_that_holds_something_is_not_written_over(client, shop, sql, database_url, tmp_path):
    await client.post("/v1/events", json=shop.order("C-1", total=5.0))
    await write_backup(database_url, tmp_path / "a.backup", AT)
    with pytest.raises(UnusableBackup, match="not empty"):
        await restore_backup(database_url, tmp_path / "a.backup")


async def test_a_file_that_is_none_or_not_whole_restores_nothing(client, shop, sql, database_url, other, tmp_path):
    await client.post("/v1/events", json=shop.order("C-1", total=5.0))
    path = tmp_path / "a.backup"
    await write_backup(database_url, path, AT)
    whole = path.read_bytes()
    for content in (b"", b"nothing", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(UnusableBackup):
            await restore_backup(other, path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", '{"format": 1, "revision": "0001", "rows": {}}')
    with pytest.raises(UnusableBackup, match="schema 0001"):
        await restore_backup(other, path)
    assert await read(other, "SELECT count(*) FROM events") == [(0,)]


def test_the_commands(monkeypatch, make_database, tmp_path):
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path))
    for command in ("backup", "restore"):
        monkeypatch.setenv("PERENNIAL_DATABASE_URL", make_database())
        run = CliRunner().invoke(commands, [command, str(tmp_path / "a.backup")])
        assert run.exit_code == 0, run.output
        assert "0 events" in run.output
