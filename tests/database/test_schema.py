"""Migrations lead to the tables of the code, from nothing and from any number of processes at once."""

import asyncio
import json
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from app.customers import verification
from app.database.engine import create_engine
from app.database.schema import (
    _ROOT,
    HEAD_REVISION,
    UnusableDatabase,
    migrate,
)
from app.database.tables import metadata
from app.foundation.errors import NotReady
from app.lifecycle.events import OrderLine
from tests.order_lines import lines_in


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


ITEMS = ("customer_items", "customer_interests", "state_horizons")
OLD_EVENTS = """
INSERT INTO events (customer_id, source, id, type, occurred_us, kind, channel, reference, amount_minor, discount_minor,
                    items, points, value, digest, data, received_us)
VALUES ('C', 's', '1', 'case.opened', 10, 'complaint', NULL, 'k', 0, 0, 0, 0, NULL, '', '{"case_id": "k"}', 1),
       ('C', 's', '2', 'case.resolved', 20, NULL, NULL, 'k', 0, 0, 0, 0, NULL, '', '{"case_id": "k"}', 1),
       ('C', 's', '3', 'case.opened', 30, 'question', NULL, 'q', 0, 0, 0, 0, NULL, '', '{"case_id": "q"}', 1),
       ('D', 's', '4', 'order.completed', 40, NULL, NULL, 'A', 100, 0, 3, 0, NULL, '', :order, 1),
       ('D', 's', '5', 'order.completed', 50, NULL, NULL, 'B', 100, 0, 0, 0, NULL, '', '{"products": null}', 1),
       ('E', 's', 'order-O', 'order.completed', 60, NULL, NULL, 'O', 9, 0, 3, 0, NULL, '',
        '{"products": [{"product_id": "a", "quantity": 3, "discount": 0.3}, {"product_id": "b", "quantity": 1}]}', 1),
       ('E', 's', '6', 'order.refunded', 70, NULL, NULL, 'O', 4, 0, 2, 0, NULL, '',
        '{"products": [{"product_id": "a", "quantity": 1}, {"product_id": "b", "quantity": 1}]}', 1),
       ('E', 's', '7', 'order.refunded', 80, NULL, NULL, 'P', 4, 0, 1, 0, NULL, '',
        '{"products": [{"product_id": "a", "quantity": 1}]}', 1),
       ('E', 's', '8', 'product.viewed', 90, NULL, NULL, NULL, 0, 0, 0, 0, NULL, '', '{"product_id": "a"}', 1),
       ('E', 's', '9', 'product.viewed', 95, NULL, NULL, NULL, 0, 0, 0, 0, NULL, '', '{}', 1)
"""
OLD_ORDER = {
    "order_id": "A",
    "total": 1,
    "products": [
        {"product_id": 'say "hi"', "category": "乳品", "price": 1.005, "quantity": 2, "discount": 0.5},
        {"product_id": "back\\slash", "price": None, "quantity": 0.125, "discount": "none"},
        {"product_id": "p", "price": -1.005},
    ],
}


async def test_an_upgrade_fills_cases_and_order_lines(make_database, config):
    """From the schema of the release before; what was there is filled as if it had been counted now."""
    url = make_database()
    config.attributes["database_url"] = url
    command.upgrade(config, "0004")
    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(OLD_EVENTS), {"order": json.dumps(OLD_ORDER)})
    migrate(url)
    async with engine.begin() as connection:
        cases = (await connection.execute(text("SELECT * FROM customer_cases ORDER BY case_id"))).all()
        lines = (await connection.exec_driver_sql("SELECT id, lines FROM events ORDER BY id")).all()
    assert [tuple(case) for case in cases] == [("C", "k", 10, 10, None, 20), ("C", "q", 30, None, None, None)]
    kept = {row.id: tuple(OrderLine(*line) for line in row.lines or ()) for row in lines}
    assert {id_: kept[id_] for id_ in "12345"} == {**dict.fromkeys("1235", ()), "4": lines_in(OLD_ORDER)}
    async for batch in verification.verify(engine):
        assert [item for item in batch.differences if item.measure.startswith(("case", "item", "interest"))] == []
    await engine.dispose()


async def test_an_upgrade_fills_states_of_items(make_database, config):
    """Given back as if it had been told now; a refund whose order is not known stays one."""
    url = make_database()
    config.attributes["database_url"] = url
    command.upgrade(config, "0004")
    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(OLD_EVENTS), {"order": json.dumps(OLD_ORDER)})
    migrate(url)
    async with engine.begin() as connection:
        items = "SELECT item_id, orders, quantity, refunds FROM customer_items WHERE customer_id = 'E' ORDER BY 1"
        assert [tuple(row) for row in await connection.exec_driver_sql(items)] == [("a", 1, 2.0, 1), ("b", 0, 0.0, 0)]
        looks = await connection.exec_driver_sql("SELECT item_id, views FROM customer_interests")
        assert [tuple(row) for row in looks] == [("a", 1)]
        lines = await connection.exec_driver_sql("SELECT lines, told_lines FROM events WHERE id = 'order-O'")
        row = lines.one()
    assert [OrderLine(*line).discount_minor for line in row.lines] == [20]
    assert [OrderLine(*line).quantity for line in row.told_lines] == [3.0, 1.0]
    await engine.dispose()


OLD_WORDS = """
INSERT INTO events (customer_id, source, id, type, occurred_us, kind, channel, value, amount_minor, discount_minor,
                    items, points, digest, data, received_us)
SELECT customer_id, 's', id, 'consent.changed', occurred_us, kind, channel, value, 0, 0, 0, 0, '', '{}', 1
FROM (VALUES ('C', '1', 10, 'loyalty', 'sms', 'granted'), ('C', '2', 9, 'loyalty', 'sms', 'denied'),
             ('C', '3', 8, 'loyalty', '*', 'denied'), ('D', '4', 8, 'marketing', '*', 'granted'))
     AS told (customer_id, id, occurred_us, kind, channel, value)
"""


async def test_an_upgrade_fills_consents(make_database, config):
    """The latest word on each purpose and channel, as if it had been counted now."""
    url = make_database()
    config.attributes["database_url"] = url
    command.upgrade(config, "0038")
    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(OLD_WORDS)
    migrate(url)
    async with engine.begin() as connection:
        words = await connection.exec_driver_sql("SELECT * FROM customer_consents ORDER BY customer_id, channel")
        assert [tuple(row) for row in words] == [
            ("C", "loyalty", "*", f"{8:017d}\x1fs\x1f3\x1fdenied"),
            ("C", "loyalty", "sms", f"{10:017d}\x1fs\x1f1\x1fgranted"),
            ("D", "marketing", "*", f"{8:017d}\x1fs\x1f4\x1fgranted"),
        ]
    async for batch in verification.verify(engine):
        assert [item for item in batch.differences if item.measure.startswith("consent ")] == []
    await engine.dispose()


OLD_CUSTOMER = """
INSERT INTO customer_states (customer_id) VALUES ('C'), ('D');
INSERT INTO events (customer_id, source, id, type, occurred_us, amount_minor, discount_minor, items, points, digest,
                    data, received_us)
SELECT 'C', 's', at || type, type, at, 100, 0, 0, 0, '', '{}', 1
FROM unnest(ARRAY[-1, 0, 86399999999, 86400000000, 777600000000]) AS at,
     unnest(ARRAY['order.completed', 'order.completed (void)', 'store.visited']) AS type
WHERE at < 777600000000 OR type <> 'order.completed'
"""


async def test_an_upgrade_fills_the_days_with_an_order(make_database, config):
    """A day before 1970 is a day, too; what is void and what is no order is none. Begun again, it goes on."""
    url = make_database()
    config.attributes["database_url"] = url
    command.upgrade(config, "0015")
    engine = create_engine(url)
    async with engine.begin() as connection:
        for statement in OLD_CUSTOMER.split(";"):
            await connection.exec_driver_sql(statement)
        days = "ALTER TABLE customer_states ADD COLUMN order_days integer[] NOT NULL DEFAULT '{}'"
        await connection.exec_driver_sql(days)  # as a migration that was cut short leaves it
    migrate(url)
    async with engine.begin() as connection:
        rows = (await connection.exec_driver_sql("SELECT customer_id, order_days FROM customer_states")).all()
    assert dict(map(tuple, rows)) == {"C": [-1, 0, 1], "D": []}
    async for batch in verification.verify(engine):
        assert [item for item in batch.differences if item.measure == "order_days"] == []
    await engine.dispose()


def test_every_primary_key_of_a_large_table_begins_with_the_customer():
    for name in ("events", "customer_states", "decisions", "offers", "persons", "stages", "stage_transitions", *ITEMS):
        assert next(iter(metadata.tables[name].primary_key)).name == "customer_id"


def test_a_server_that_never_answers_is_told_of_in_a_sentence(monkeypatch):
    async def give_up(_):
        raise NotReady("The database is out of reach.") from TimeoutError()

    monkeypatch.setattr("app.database.schema._look", give_up)
    with pytest.raises(UnusableDatabase, match="cannot be used: TimeoutError"):
        migrate("postgresql://nobody@/none")
