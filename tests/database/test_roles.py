"""The owner migrates, the service serves without changing a table, and analysts read what is no key."""

import re
import uuid

import asyncpg
import pytest
from sqlalchemy import make_url

from app.commands.main import app as commands
from app.database.engine import create_engine, transaction
from app.database.roles import HIDDEN, Roles, apply_roles, check_access, write_roles
from app.database.schema import UnusableDatabase, migrate
from app.database.scram import verifier_of
from app.database.tables import metadata
from app.decisions.catalogue_queries import fill_action_catalogue
from app.foundation.settings import Settings
from app.http.auth import SCOPES, create_key
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.scores.publishing_queries import CREATE_NEXT, GRANTS, SWAP
from tests.second_connection import administer, dsn

PASSWORD = "a word of the tests"
NO_SECRETS = {("events", "digest"), ("models", "feature_digest"), ("models", "sha256")}
"""Columns of hashes that open nothing and name nobody."""


class Split:
    """A migrated database of three roles, and their URLs."""

    def __init__(self, url):
        self.superuser = url
        self.roles = Roles(*(f"{name}_{uuid.uuid4().hex[:8]}" for name in ("owner", "app", "reader")))
        migrate(url)
        apply_roles(url, self.roles, PASSWORD)
        for role in (self.roles.owner, self.roles.reader):
            administer(url, f"ALTER ROLE {role} PASSWORD '{PASSWORD}'")
        self.owner, self.app, self.reader = (self.of(name) for name in self.roles)

    def of(self, role):
        made = make_url(self.superuser).set(username=role, password=PASSWORD)
        return made.render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def split(make_database, server_url):
    split = Split(make_database())
    yield split
    for role in reversed(split.roles):
        administer(split.superuser, f"DROP OWNED BY {role} CASCADE")
        administer(split.superuser, f"DROP ROLE {role}")


@pytest.fixture(scope="module")
async def connections(anyio_backend, split):
    """Role → a connection of it, by the name of its URL."""
    opened = {name: await asyncpg.connect(dsn(getattr(split, name))) for name in ("owner", "app", "reader")}
    yield opened
    for connection in opened.values():
        await connection.close()


async def test_the_service_answers_as_its_role(split, serve, shop):
    engine = create_engine(split.owner)
    async with transaction(engine) as connection:
        _, key = await create_key(connection, "roles", SCOPES, 1)
        await fill_action_catalogue(connection, DEFAULT_ACTIONS, 1)
    await engine.dispose()
    async with serve(split.app, prepares=False) as service:
        service.client.headers["Authorization"] = f"Bearer {key}"
        item = {"item_id": "I-1", "title": {"en": "Milk"}, "price": 2.0}
        line = {"product_id": "I-1", "price": 2.0, "quantity": 1}
        linking = shop.event("customer.identified", data={"identifiers": [{"kind": "email", "value": "a@example.com"}]})
        asked: list[tuple[str, str, dict]] = [
            ("PUT", "/v1/items", {"json": [item]}),
            ("POST", "/v1/events", {"json": [shop.order(products=[line]), linking, {"id": "refused"}]}),
            ("POST", "/v1/checkouts", {"json": {"event": shop.order("C-2"), "recommendations": {}}}),
            ("POST", "/v1/decisions", {"json": {"customer_id": "C-1"}}),
            ("GET", "/v1/customers/C-1", {}),
            ("GET", "/v1/customers/C-1/score", {}),
            ("GET", "/v1/customers/C-1/recommendations", {}),
            ("POST", "/v1/scores:batch", {"json": {"customer_ids": ["C-1", "C-2"]}}),
            ("GET", "/v1/events/rejected", {}),
            ("GET", "/v1/decisions", {"params": {"since": "2026-01-01"}}),
            ("GET", "/v1/effects", {"params": {"from": "2026-01-01"}}),
            ("GET", "/v1/models", {}),
            ("GET", "/v1/customers/C-1/export", {}),
            ("DELETE", "/v1/customers/C-1", {}),
            ("DELETE", "/v1/items/I-1", {}),
            ("GET", "/metrics", {}),
            ("GET", "/readyz", {}),
        ]
        for method, path, options in asked:
            answer = await service.client.request(method, path, **options)
            assert answer.status_code in (200, 204), (method, path, answer.text)
        health = (await service.client.get("/health")).json()
        assert health["status"] in ("pass", "warn"), health
        await service.resources.refresh()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE made (id int)",
        "ALTER TABLE events ADD COLUMN made int",
        "CREATE INDEX made ON events (type)",
        "DROP TABLE scores",
        "TRUNCATE events",
        "CREATE FUNCTION made() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA made",
        "CREATE ROLE made",
        "COPY events TO PROGRAM 'true'",
        "INSERT INTO api_keys (key_id, name, key_sha256, scopes, created_us) VALUES ('k', 'k', 'k', '{admin}', 1)",
        "UPDATE api_keys SET scopes = '{admin}'",
        "DELETE FROM api_keys",
        "UPDATE alembic_version SET version_num = '0001'",
        "DELETE FROM model_changes",
        "UPDATE audit_log SET act = 'read'",
    ],
)
async def test_the_service_changes_no_table_and_no_key(connections, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connections["app"].execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO contact_turns VALUES ('C-1')",
        "UPDATE customer_states SET orders = 0",
        "DELETE FROM events",
        "CREATE TABLE made (id int)",
        "CREATE TEMPORARY TABLE made (id int)",
        "SELECT * FROM api_keys",
        "SELECT * FROM erased_ids",
        "SELECT * FROM audit_log",
    ],
)
async def test_analysts_neither_write_nor_read_keys(connections, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connections["reader"].execute(statement)


async def test_analysts_read_the_rest(connections):
    for name in metadata.tables.keys() - HIDDEN:
        await connections["reader"].execute(f"SELECT FROM {name} LIMIT 1")


def test_what_may_be_a_secret_is_hidden():
    """A new table with such a column belongs among the hidden, or its column among those that are none."""
    named = re.compile(r"sha256|hash|digest|secret|token|password")
    found = {(table.name, column.name) for table in metadata.tables.values() for column in table.c}
    told = {pair for pair in found if named.search(pair[1])} - NO_SECRETS
    assert {table for table, _ in told} <= HIDDEN, told


async def test_later_tables_are_granted_as_the_owner_makes_them(connections):
    await connections["owner"].execute("CREATE TABLE later (id int)")
    try:
        await connections["app"].execute("INSERT INTO later VALUES (1)")
        assert await connections["reader"].fetchval("SELECT id FROM later") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connections["reader"].execute("DELETE FROM later")
    finally:
        await connections["owner"].execute("DROP TABLE later")


async def test_scores_that_the_owner_publishes_are_read_by_the_others(connections):
    async with connections["owner"].transaction():
        await connections["owner"].execute(CREATE_NEXT)
        for (statement,) in await connections["owner"].fetch(GRANTS):
            await connections["owner"].execute(statement)
        for statement in SWAP:
            await connections["owner"].execute(statement)
    for role in ("app", "reader"):
        await connections[role].execute("SELECT FROM scores")


def test_what_is_missing_is_said_before_anything_is_served(split, make_database):
    check_access(split.app)
    administer(split.superuser, f"REVOKE INSERT ON events, stages FROM {split.roles.app}")
    with pytest.raises(UnusableDatabase, match="may not INSERT on table events and 1 more: run 'perennial roles"):
        check_access(split.app)
    apply_roles(split.superuser, split.roles)
    check_access(split.app)
    empty = make_url(make_database()).set(username=split.roles.app, password=PASSWORD)
    with pytest.raises(UnusableDatabase, match=f"The schema is not there, .* role {split.roles.app} may not change it"):
        migrate(empty.render_as_string(hide_password=False))


def test_the_commands_use_the_role_that_they_need(split, monkeypatch, capfd):
    from typer.testing import CliRunner

    def run(*words):
        ran = CliRunner().invoke(commands, list(words))
        return ran.exception if isinstance(ran.exception, UnusableDatabase) else ran.output

    monkeypatch.setenv("PERENNIAL_DATABASE_URL", split.app)
    refused = run("keys", "list")
    assert str(refused) == (
        f"The role {split.roles.app} may not do this: set the owner's PERENNIAL_DATABASE_OWNER_URL."
    )
    monkeypatch.setenv("PERENNIAL_DATABASE_OWNER_URL", split.owner)
    assert "perennial_" in run("keys", "create", "till", "--scope", "read")
    assert split.roles.app in run("roles", "--reader", split.roles.reader)


def test_the_sql_that_is_printed_quotes_names_and_says_no_password():
    written = write_roles(Roles('o"wner', "a'pp", "reader"))
    assert 'CREATE ROLE "o""wner" LOGIN' in written
    assert "rolname = 'a''pp'" in written
    assert "PASSWORD" not in written


def test_a_password_is_kept_as_postgres_would_keep_it():
    """The example of RFC 7677, section 3."""
    salt = b"[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81"
    stored, server = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=", "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    assert verifier_of("pencil", salt) == f"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==${stored}:{server}"


def test_an_owner_without_a_database_is_refused():
    from app.database.opening import open_database
    from app.foundation.errors import UnusableSettings

    with pytest.raises(UnusableSettings), open_database(Settings(database_owner_url="postgresql://owner@db/perennial")):
        pass
