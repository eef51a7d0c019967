"""`perennial score`: everybody, by the same rules as one, in a table that is replaced whole or not at all."""

import asyncio
from typing import get_args

import numpy as np
import pytest
from sqlalchemy import text

from app.customers.service import read_states
from app.database.engine import Driver
from app.foundation.errors import NotReady, Refusal
from app.foundation.times import iso
from app.lifecycle.stages import Stage
from app.lifecycle.value import TierBounds
from app.scores import publishing, publishing_queries
from app.scores.publishing import PUBLISH_LOCK, Published, publish_scores
from app.scores.rendering import render_score
from app.scores.service import score_states
from tests.stages.book import (
    MONTHLY,
    USUAL,
    Book,
    us,
)

NOW = 300
DEFINITION = """
SELECT 'column' AS kind, attname::text AS name, format_type(atttypid, atttypmod) || attnotnull AS definition
FROM pg_attribute WHERE attrelid = 'scores'::regclass AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'scores'::regclass
UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE tablename = 'scores'
ORDER BY kind, name
"""
SCORES = "SELECT * FROM scores ORDER BY customer_id"
LEFT = "SELECT to_regclass('scores_next') IS NOT NULL AS is_there"


@pytest.fixture
async def book(sql, engine):
    """States are made from events; on empty tables."""
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE scores, stages, stage_transitions, sweeps, links, persons"))
    driver = Driver(engine)
    yield Book(sql, engine, driver)
    await driver.close()


@pytest.fixture(params=["rules", "model"])
def scoring(request, make_model):
    if request.param == "rules":
        return USUAL.scoring
    return USUAL.scoring._replace(model=make_model("v7"), bounds=TierBounds(5000.0, 2500.0))


async def happen(book):
    await book.happen("C-1", *MONTHLY)
    await book.happen("C-2", 290)
    await book.happen("C-3", 3, type_="store.visited")
    await book.happen("C-4", 0, 5, 100, minor=123_456)
    await book.happen("C-4", 101, type_="order.refunded", minor=500)
    await book.happen("顾客", *range(0, 300, 7), minor=99)


async def publish(book, scoring=USUAL.scoring, day=NOW, **options):
    return await publish_scores(book.engine, scoring, us(day), **options)


async def assert_told(book, rows, scoring):
    """Each row is the score of its customer."""
    states = [state for state in await read_states(book.driver, [row["customer_id"] for row in rows]) if state]
    for row, score in zip(rows, score_states(states, us(NOW), scoring), strict=True):
        told = render_score(score, scoring, "en")
        assert row["as_of_us"] == us(NOW)
        assert row["stage"] == told["stage"]
        expected = (score.churn_risk, score.expected_orders, score.expected_spend_minor)
        found = (row["churn_risk"], row["expected_orders"], row["expected_spend_minor"])
        assert found == pytest.approx(expected, rel=1e-12) if score.churn_risk is not None else found == expected
        assert row["value_tier"] == told["value_tier"]
        assert row["model_version"] == told["model_version"]
        due = row["expected_next_order_us"]
        assert (None if due is None else iso(due)) == told["expected_next_order_at"]


async def test_a_row_says_what_a_single_score_says(book, scoring):
    await happen(book)
    assert await publish(book, scoring) == Published("done", 5)
    await assert_told(book, await book.sql.rows(SCORES), scoring)


async def test_what_is_to_be_told_is_told(book, make_model):
    """So that the comparison above does not compare nothing with nothing."""
    await happen(book)
    await publish(book, USUAL.scoring._replace(model=make_model("v7"), bounds=TierBounds(5000.0, 2500.0)))
    rows = {row["customer_id"]: row for row in await book.sql.rows(SCORES)}
    assert rows["C-3"]["stage"] == "prospect"
    assert [rows["C-3"][name] for name in ("churn_risk", "value_tier", "model_version")] == [None] * 3
    assert {rows[customer_id]["value_tier"] for customer_id in ("C-1", "C-2", "C-4")} >= {"high", "low"}
    assert rows["C-2"]["expected_next_order_us"] > us(NOW)
    assert rows["C-2"]["model_version"] == "v7"


async def test_a_person_has_one_row(book):
    await book.happen("A", *MONTHLY)
    await book.happen("B", 100, 250)
    await book.happen("C", 20)
    await book.sql.rows("INSERT INTO persons VALUES ('A', 'A'), ('B', 'A')")
    assert await publish(book) == Published("done", 2)
    rows = await book.sql.rows(SCORES)
    assert [row["customer_id"] for row in rows] == ["A", "C"]
    (state,) = await read_states(book.driver, ["B"])
    assert state is not None
    (score,) = score_states([state], us(NOW), USUAL.scoring)
    assert state.number("orders") == 10
    assert rows[0]["churn_risk"] == pytest.approx(score.churn_risk, rel=1e-12)


async def test_the_table_stays_what_it_was_made_as(book):
    """Columns, constraints, indexes and who may read it, after as many runs as one likes."""
    await happen(book)
    before = await book.sql.rows(DEFINITION)
    await book.sql.rows("GRANT SELECT ON scores TO PUBLIC")
    for day in (300, 301):
        assert await publish(book, day=day) == Published("done", 5)
        assert await book.sql.rows(DEFINITION) == before
        assert {row["as_of_us"] for row in await book.sql.rows(SCORES)} == {us(day)}
    (acl,) = await book.sql.rows("SELECT relacl::text AS who FROM pg_class WHERE oid = 'scores'::regclass")
    assert "=r/" in acl["who"]
    await book.sql.rows("REVOKE SELECT ON scores FROM PUBLIC")


async def test_who_is_erased_meanwhile_is_not_published(book, monkeypatch):
    await happen(book)
    everybody = publishing.read_everybody

    async def erased_meanwhile(driver):
        async for page in everybody(driver):
            yield page
        await book.sql.rows("INSERT INTO erased_ids VALUES ('x', 4000000000000000, NULL, 'e-1')")
        await book.sql.rows("DELETE FROM customer_states WHERE customer_id = 'C-2'")

    monkeypatch.setattr(publishing, "read_everybody", erased_meanwhile)
    await publish(book)
    rows = await book.sql.rows(SCORES)
    assert len(rows) == 4
    assert "C-2" not in {row["customer_id"] for row in rows}


async def test_nobody_to_score(book):
    assert await publish(book) == Published("done", 0)
    assert await book.sql.rows(SCORES) == []


async def test_readers_see_the_old_table_until_the_swap(book, monkeypatch):
    await happen(book)
    await publish(book)
    old, seen = await book.sql.rows(SCORES), []
    everybody = publishing.read_everybody

    async def looked_at(driver):
        async for page in everybody(driver):
            yield page
            seen.append(await book.sql.rows(SCORES))

    monkeypatch.setattr(publishing, "read_everybody", looked_at)
    await publish(book, day=400)
    assert seen == [old]
    assert {row["as_of_us"] for row in await book.sql.rows(SCORES)} == {us(400)}


async def test_a_run_that_was_killed_leaves_the_old_scores_and_nothing_in_the_way(book, monkeypatch):
    await happen(book)
    await publish(book)
    old = await book.sql.rows(SCORES)
    everybody = publishing.read_everybody

    async def killed(driver):
        async for page in everybody(driver):
            yield page
            await book.sql.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = :key",
                key=PUBLISH_LOCK,
            )

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "read_everybody", killed)
        with pytest.raises(NotReady):
            await publish(book, day=400)
    assert await book.sql.rows(SCORES) == old
    assert await book.sql.row(LEFT) == {"is_there": False}
    assert await publish(book, day=400) == Published("done", 5)


async def test_whoever_reads_for_too_long_keeps_the_old_table(book, engine, monkeypatch):
    await happen(book)
    await publish(book)
    old = await book.sql.rows(SCORES)
    hasty = tuple(step.replace(str(publishing_queries.LOCK_WAIT_MS), "50") for step in publishing_queries.SWAP)
    monkeypatch.setattr(publishing_queries, "SWAP", hasty)
    async with engine.begin() as connection:
        await connection.execute(text(SCORES))
        with pytest.raises(NotReady, match="read for too long"):
            await publish(book, day=400)
    assert await book.sql.rows(SCORES) == old
    assert await publish(book, day=400) == Published("done", 5)


@pytest.mark.parametrize(
    ("made", "dropped", "name"),
    [
        ("CREATE VIEW lapsing AS SELECT customer_id FROM scores", "DROP VIEW lapsing", "view lapsing"),
        ("CREATE MATERIALIZED VIEW best AS SELECT * FROM scores", "DROP MATERIALIZED VIEW best", "best"),
        (
            "CREATE TABLE mailed (customer_id text REFERENCES scores)",
            "DROP TABLE mailed",
            "constraint mailed_customer_id_fkey on table mailed",
        ),
    ],
)
async def test_a_view_on_the_table_is_named_and_the_old_table_stays(book, made, dropped, name):
    await happen(book)
    await publish(book)
    old, before = await book.sql.rows(SCORES), await book.sql.rows(DEFINITION)
    await book.sql.rows(made)
    try:
        with pytest.raises(Refusal, match=rf"^The table of scores cannot be replaced.*{name}.*Drop that"):
            await publish(book, day=400)
        assert await book.sql.rows(SCORES) == old
        assert await book.sql.row(LEFT) == {"is_there": False}
    finally:
        await book.sql.rows(dropped)
    assert await book.sql.rows(DEFINITION) == before
    assert await publish(book, day=400) == Published("done", 5)


async def test_one_at_a_time(book, engine):
    await happen(book)
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": PUBLISH_LOCK})
        assert await publish(book) == Published("runs elsewhere")
        await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": PUBLISH_LOCK})
    assert await asyncio.wait_for(publish(book), 20) == Published("done", 5)


async def test_all_pages_are_read_and_told(book):
    """More customers than a page has; the last one is the last told."""
    await book.sql.rows(
        "INSERT INTO customer_states (customer_id, events, orders, first_event_us, last_event_us, first_order_us,"
        " last_order_us) SELECT 'C-' || n, 1, 1, :us, :us, :us, :us FROM generate_series(1, 4500) AS n",
        us=us(10),
    )
    told = []
    assert await publish(book, report_progress=lambda done, of: told.append((done, of))) == Published("done", 4500)
    assert told == [(2000, None), (4000, None), (4500, None)]
    (row,) = await book.sql.rows("SELECT count(DISTINCT customer_id) AS customers FROM scores")
    assert row["customers"] == 4500


async def test_a_page_of_many_is_told_as_each_of_them_alone(book, scoring):
    """Stages of every kind, ids of unlike length, orders to be expected and none: 1,200 customers in a page."""
    rng = np.random.default_rng(8)
    lives = [np.unique(rng.integers(0, NOW, rng.integers(1, 30))).tolist() for _ in range(1200)]
    await book.sql.rows(
        "INSERT INTO events SELECT id, '/till', id || '-' || day, 'order.completed', CAST(:start AS bigint) + day *"
        " 86400000000, NULL, 'store', NULL, 100 + day, 0, 1, 0, NULL, '', '{}', 0 FROM unnest("
        "CAST(:ids AS text[]), CAST(:days AS int[])) AS lives (id, day)",
        start=us(0),
        ids=[f"C{'é' * (at % 90)}-{at}" for at, days in enumerate(lives) for _ in days],
        days=[day for days in lives for day in days],
    )
    await happen(book)
    assert await publish(book, scoring) == Published("done", 1205)
    rows = await book.sql.rows(SCORES)
    assert {row["stage"] for row in rows} >= set(get_args(Stage)) - {"lost"}
    assert {row["expected_next_order_us"] is None for row in rows} == {True, False}
    await assert_told(book, rows, scoring)
