"""Stages noted as the ledger does: transitions where a stage changed, and nothing else."""

import asyncio

import pytest
from sqlalchemy import Text, bindparam, select

from app.customers.service import read_states
from app.database.engine import Driver, compile_statement
from app.scores.service import score_states
from app.stages.queries import RECORD_STAGES_AS_READ, recorded_stage_key
from app.stages.service import expect_loss, stage_key
from tests.stages.book import (
    DAY_US,
    MONTHLY,
    USUAL,
    rules,
    us,
)

NOTED_MARK = compile_statement(select(recorded_stage_key(bindparam("customer_id", type_=Text))))


async def mark(book, customer_id="C-1"):
    (row,) = await book.driver.fetch(NOTED_MARK, customer_id=customer_id)
    return row["recorded_stage_key"]


async def score(book, day, customer_id="C-1"):
    (state,) = await read_states(book.driver, [customer_id])
    assert state is not None
    (found,) = score_states([state], us(day), USUAL.scoring)
    return found


async def test_events_lead_from_stage_to_stage(book):
    await book.happen("C-1", 0, type_="store.visited")
    await book.note(["C-1"], 0)
    await book.happen("C-1", 5)
    await book.note(["C-1"], 5)
    await book.happen("C-1", 35, 65)
    await book.note(["C-1"], 65)
    assert await book.transitions() == [
        (0, None, "prospect", "no_order_yet", "event"),
        (5, "prospect", "new", "first_order_is_recent", "event"),
        (65, "new", "growing", "buys_again", "event"),
    ]


async def test_the_row_is_what_was_noted_last(book):
    await book.happen("C-1", *MONTHLY)
    await book.note(["C-1"], 220)
    await book.note(["C-1"], 300)
    found = await score(book, 300)
    assert await book.stored() == {
        "customer_id": "C-1",
        "stage": "declining",
        "from_stage": "mature",
        "since_us": us(300),
        "recorded_us": us(300),
        "cause": "event",
        "rule": "silent_beyond_own_rhythm",
        "churn_risk": found.churn_risk,
        "expected_loss": expect_loss(found, USUAL),
        "model_version": None,
        "checked_us": us(300),
        "crossed_us": us(300),
    }


async def test_the_same_note_again_is_no_transition(book):
    await book.happen("C-1", *MONTHLY)
    for day in (220, 220, 221):
        await book.note(["C-1"], day)
        assert await book.transitions() == [(220, None, "mature", "frequent_and_stable", "event")]


async def test_a_note_from_before_changes_nothing(book):
    """A process whose clock is behind, or that was slow to come to it."""
    await book.happen("C-1", *MONTHLY)
    await book.note(["C-1"], 300)
    before = await book.stored()
    entered = await book.transitions()
    await book.note(["C-1"], 220)
    assert await book.stored() == before
    assert await book.transitions() == entered


async def test_transitions_of_one_moment_keep_their_order(book):
    await book.happen("C-1", *MONTHLY)
    await book.note(["C-1"], 220)
    await book.note(["C-1"], 220, rules(mature_orders=20))
    (first, second) = await book.transitions()
    assert (first[2], second[1], second[2]) == ("mature", "mature", "growing")
    assert round((second[0] - first[0]) * DAY_US) == 1


async def test_a_model_names_itself_and_a_rule_does_not(book, make_model):
    await book.happen("C-1", *MONTHLY)
    await book.happen("C-2", 0, type_="store.visited")
    await book.note(["C-1", "C-2"], 220, rules(make_model("v7")))
    rows = await book.sql.rows("SELECT customer_id, model_version FROM stage_transitions ORDER BY 1")
    assert [tuple(row.values()) for row in rows] == [("C-1", "v7"), ("C-2", None)]


async def test_the_mark_tells_whether_there_is_anything_to_note(book):
    await book.happen("C-1", *MONTHLY)
    assert await mark(book) is None
    await book.note(["C-1"], 220)
    assert await mark(book) == "mature" == stage_key(await score(book, 230), USUAL)
    assert stage_key(await score(book, 272), USUAL) == "mature!"
    await book.note(["C-1"], 272)
    assert await mark(book) == "mature!"


async def test_a_warning_begins_when_the_risk_rises_to_the_threshold_and_ends_below(book):
    await book.happen("C-1", *MONTHLY)
    await book.note(["C-1"], 220)
    assert (await book.stored())["crossed_us"] is None
    await book.note(["C-1"], 280)
    await book.note(["C-1"], 300)
    assert (await book.stored())["crossed_us"] == us(280)
    await book.happen("C-1", 310)
    await book.note(["C-1"], 310)
    assert (await book.stored())["crossed_us"] is None
    await book.note(["C-1"], 400)
    assert (await book.stored())["crossed_us"] == us(400)


async def test_who_was_above_when_first_judged_has_not_crossed(book):
    """Neither who was found so, nor a prospect's first order, whose risk is above at once."""
    await book.happen("C-1", *MONTHLY)
    await book.note(["C-1"], 300)
    assert (await book.stored())["crossed_us"] == 0
    await book.happen("C-2", 0, type_="store.visited")
    await book.note(["C-2"], 0, rules(warning_risk=0.1))
    await book.happen("C-2", 1)
    await book.note(["C-2"], 1, rules(warning_risk=0.1))
    assert (await book.stored("C-2"))["crossed_us"] == 0


async def test_notes_of_the_same_customers_at_once(book, engine):
    """In opposite order, in two transactions: neither waits for the other in a circle, each stage enters once."""
    customers = [f"C-{number}" for number in range(40)]
    await book.sql.rows(
        "INSERT INTO customer_states (customer_id, events, first_event_us, last_event_us)"
        " SELECT 'C-' || n, 1, :us, :us FROM generate_series(0, 39) AS n",
        us=us(0),
    )
    other = Driver(engine)
    try:
        for day in range(5):
            await asyncio.gather(book.note(customers, day), book.note(customers[::-1], day + 0.5, driver=other))
    finally:
        await other.close()
    assert await book.sql.value("SELECT count(*) FROM stage_transitions") == 40


@pytest.mark.parametrize(("events", "written"), [(8, 1), (7, 0), (None, 1)])
async def test_a_note_of_a_state_that_has_changed_since_is_left_out(book, events, written):
    await book.happen("C-1", *MONTHLY)
    columns = {
        "customer_id": "C-1",
        "stage": "mature",
        "rule": "frequent_and_stable",
        "at_us": us(220),
        "churn_risk": 0.1,
        "expected_loss": 1.0,
        "is_above": False,
        "model_version": None,
        "cause": "silence",
        "events": events,
    }
    arrays = {name: [value] for name, value in columns.items()}
    (noted,) = await book.driver.fetch(RECORD_STAGES_AS_READ, now_us=us(220), **arrays)
    assert (noted["written"], noted["transitions"]) == (written, written)
