"""The sweep: what silence changes, when and why; by one at a time, and as often as wanted."""

import asyncio
from itertools import pairwise

import asyncpg
import pytest

from app.database import background as pacing
from app.stages import sweep as sweeping
from app.stages.sweep import SWEEP_LOCK, SweepReport, keep_sweeping
from tests.stages.book import (
    MONTHLY,
    USUAL,
    rules,
    us,
)

DECLINES, IS_LOST = 289.6875, 401.25
FIRST = (220, None, "mature", "frequent_and_stable", "event")


async def test_silence_is_dated_to_the_day_that_it_became_too_long(book):
    await book.happen("C-1", *MONTHLY)
    await book.note(["C-1"], 220)
    assert await book.sweep(225) == SweepReport("done", 1, 0, 0)
    assert await book.sweep(300) == SweepReport("done", 1, 1, 1)
    assert await book.sweep(450) == SweepReport("done", 1, 1, 1)
    assert await book.transitions() == [
        FIRST,
        (DECLINES, "mature", "declining", "silent_beyond_own_rhythm", "silence"),
        (IS_LOST, "declining", "lost", "silent_far_beyond_own_rhythm", "silence"),
    ]
    recorded = await book.sql.rows("SELECT recorded_us FROM stage_transitions ORDER BY at_us")
    assert [row["recorded_us"] for row in recorded] == [us(220), us(300), us(450)]


async def test_a_return_is_an_event_and_the_chain_goes_on(book):
    await book.happen("C-1", *MONTHLY)
    await book.note(["C-1"], 220)
    await book.sweep(450)
    await book.happen("C-1", 460)
    await book.note(["C-1"], 460)
    assert (await book.transitions())[1:] == [
        (IS_LOST, "mature", "lost", "silent_far_beyond_own_rhythm", "silence"),
        (460, "lost", "growing", "came_back_after_long_silence", "event"),
    ]


async def test_a_second_sweep_changes_nothing(book):
    chosen = {"C-1": MONTHLY, "C-2": (0,), "C-3": (0, 5), "C-4": (200, 205, 209)}
    for customer_id, days in chosen.items():
        await book.happen(customer_id, *days)
    await book.happen("C-5", 3, type_="store.visited")
    assert await book.sweep(300) == SweepReport("done", 5, 5, 5)
    rows = await book.sql.rows("SELECT * FROM stages ORDER BY customer_id")
    assert await book.sweep(300) == SweepReport("done", 5, 0, 0)
    assert await book.sweep(300.01) == SweepReport("done", 5, 0, 0)
    assert await book.sql.rows("SELECT * FROM stages ORDER BY customer_id") == rows


async def test_who_has_no_row_gets_one(book):
    await book.happen("C-1", *MONTHLY)
    await book.sweep(300)
    assert await book.transitions() == [(300, None, "declining", "silent_beyond_own_rhythm", "event")]


async def test_another_model_is_the_cause_where_nothing_else_has_changed(book, make_model):
    """Seventy days of silence: by rules too risky to be mature, by the model even odds."""
    await book.happen("C-1", *MONTHLY)
    await book.sweep(280)
    await book.sweep(281, rules(make_model("v7")))
    await book.sweep(282, rules(make_model("v7")))
    assert await book.transitions() == [
        (280, None, "growing", "buys_again", "event"),
        (281, "growing", "mature", "frequent_and_stable", "model"),
    ]
    assert (await book.stored())["model_version"] == "v7"


async def test_silence_is_the_cause_under_another_model_too(book, make_model):
    """The model's usual gap is 30 days, and so is the rhythm then: too long a silence from 75 days on."""
    await book.happen("C-1", *MONTHLY)
    await book.sweep(220)
    await book.sweep(300, rules(make_model("v7")))
    assert (await book.transitions())[1:] == [(285, "mature", "declining", "silent_beyond_own_rhythm", "silence")]


async def test_another_stage_policy_counts_as_the_model(book):
    await book.happen("C-1", *MONTHLY)
    await book.sweep(220)
    await book.sweep(221, rules(mature_orders=20))
    assert (await book.transitions())[1:] == [(221, "mature", "growing", "buys_again", "model")]


async def test_events_that_nobody_noted_are_the_cause(book):
    """New ones, and one that came in late."""
    await book.happen("C-1", *MONTHLY)
    await book.happen("C-2", 290)
    await book.sweep(300)
    await book.happen("C-1", 285)
    await book.happen("C-2", 310, 325)
    await book.sweep(326)
    assert [row[1:3] + row[4:] for row in await book.transitions()] == [
        (None, "declining", "event"),
        ("declining", "mature", "event"),
    ]
    assert [row[1:3] + row[4:] for row in await book.transitions("C-2")] == [
        (None, "new", "event"),
        ("new", "growing", "event"),
    ]


async def test_silence_after_an_event_that_nobody_noted(book):
    await book.happen("C-1", *MONTHLY)
    await book.sweep(205)
    await book.happen("C-1", 220)
    await book.sweep(320)
    (_, (day, *moved, _, cause)) = await book.transitions()
    assert (moved, cause) == (["mature", "declining"], "silence")
    assert 220 < day < 320


async def test_what_was_noted_after_the_sweep_began_stays(book):
    await book.happen("C-1", *MONTHLY)
    await book.note(["C-1"], 220)
    assert await book.sweep(210.5, rules(mature_orders=20)) == SweepReport("done", 1, 0, 0)
    assert await book.transitions() == [FIRST]


async def test_a_warning_is_written_anew_when_its_figures_have_moved(book):
    await book.happen("C-1", *MONTHLY)
    await book.sweep(220)
    assert (await book.sweep(271)).written == 1
    first = await book.stored()
    assert (await book.sweep(271.1)).written == 0
    assert (await book.sweep(275)).written == 1
    then = await book.stored()
    assert then["crossed_us"] == first["crossed_us"] == us(271)
    assert then["expected_loss"] > first["expected_loss"]
    assert len(await book.transitions()) == 1


async def test_every_customer_is_judged_once_and_others_have_their_turn(book):
    """More than two batches, in ids whose order depends on the collation."""
    await book.sql.rows(
        "INSERT INTO customer_states (customer_id, events, orders, first_event_us, last_event_us, first_order_us,"
        " last_order_us) SELECT (ARRAY['a','B','É','客','1'])[1 + n % 5] || n, 1, 1, :us, :us, :us, :us"
        " FROM generate_series(1, 11000) AS n",
        us=us(0),
    )
    turns, done = 0, []

    async def take_turns():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(take_turns())
    report = await book.sweep(5, report_progress=lambda customers, _: done.append((customers, turns)))
    other.cancel()
    assert report == SweepReport("done", 11_000, 11_000, 11_000)
    assert len(done) == 110
    assert all(later[1] > earlier[1] for earlier, later in pairwise(done))
    assert await book.sql.value("SELECT count(*) FROM stages WHERE stage = 'new'") == 11_000
    assert await book.sweep(5) == SweepReport("done", 11_000, 0, 0)


async def test_it_is_logged_when_it_is_finished(book, make_model):
    await book.happen("C-1", *MONTHLY)
    await book.sweep(220, rules(make_model("v7")))
    row = await book.sql.row("SELECT * FROM sweeps")
    assert (row["as_of_us"], row["customers"], row["transitions"], row["model_version"]) == (us(220), 1, 1, "v7")
    assert row["finished_us"] is not None


async def test_one_that_was_stopped_is_begun_again(book):
    await book.happen("C-1", *MONTHLY)

    def stop(_done, _of):
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        await book.sweep(220, report_progress=stop)
    assert await book.sql.value("SELECT count(*) FROM sweeps WHERE finished_us IS NOT NULL") == 0
    assert await book.sweep(221, not_within_us=10**15) == SweepReport("done", 1, 1, 1)


async def test_only_one_runs(book, database_url, wait_until):
    dsn = database_url.replace("postgresql+asyncpg", "postgresql")
    elsewhere = await asyncpg.connect(dsn)
    assert await elsewhere.fetchval("SELECT pg_try_advisory_lock($1)", SWEEP_LOCK)
    assert await book.sweep(220) == SweepReport("runs elsewhere")
    await elsewhere.close()

    async def run():
        report = await book.sweep(220)
        return report if report.outcome == "done" else None

    assert await wait_until(run) == SweepReport("done", 0, 0, 0)


async def test_two_at_once(book):
    """One leaves while the other is at work: held there until both have said what they do."""
    await book.happen("C-1", *MONTHLY)
    reports = await asyncio.gather(book.sweep(220), book.sweep(220), book.sweep(220))
    assert await book.transitions() == [FIRST]
    assert sum(report.transitions for report in reports) == 1
    assert {report.outcome for report in reports} <= {"done", "runs elsewhere"}


async def test_replicas_share_one_schedule(book):
    assert (await book.sweep(220)).outcome == "done"
    hour_us = 3_600_000_000
    assert await book.sweep(220.04, not_within_us=hour_us) == SweepReport("not due")
    assert (await book.sweep(220.05, not_within_us=hour_us)).outcome == "done"


async def test_the_schedule_of_a_service(book, engine, monkeypatch, wait_until):
    """It sweeps as soon as it looks, and then not before it is due again."""
    monkeypatch.setattr(pacing, "LOOK_SECONDS", 0.01)
    looked = []

    async def count(*args, **options):
        looked.append(await sweep(*args, **options))
        return looked[-1]

    sweep = sweeping.sweep
    monkeypatch.setattr(sweeping, "sweep", count)
    task = asyncio.create_task(keep_sweeping(engine, lambda: USUAL, 60))
    await wait_until(lambda: asyncio.sleep(0, len(looked) >= 3))
    task.cancel()
    assert [report.outcome for report in looked[:3]] == ["done", "not due", "not due"]


async def test_ids_of_one_person_are_one_customer(book):
    """Apart, one is lost and one is new; the record of the id that joins ends, the other is judged by both."""
    await book.happen("C-1", *MONTHLY)
    await book.happen("C-2", 440)
    await book.sweep(450)
    await book.sql.rows("INSERT INTO persons VALUES ('C-1', 'C-1'), ('C-2', 'C-1')")
    assert await book.sweep(451) == SweepReport("done", 1, 1, 2)
    assert await book.transitions("C-2") == [
        (450, None, "new", "first_order_is_recent", "event"),
        (451, "new", None, "joined_another_customer", "event"),
    ]
    assert [row[1:3] for row in await book.transitions()] == [(None, "lost"), ("lost", "growing")]
    assert await book.sweep(451) == SweepReport("done", 1, 0, 0)
    await book.sql.rows("DELETE FROM persons")
    await book.sweep(452)
    assert [row[1:3] for row in await book.transitions()] == [(None, "lost"), ("lost", "growing"), ("growing", "lost")]
    assert [row[1:3] for row in await book.transitions("C-2")] == [(None, "new"), ("new", None), (None, "new")]
