"""Stages at past month ends: what the service says as of each, joined on before the record."""

import pytest

from app.customers.as_of import read_past_states
from app.database.engine import transaction
from app.scores.service import score_one
from app.stages.queries import count_moves, read_warnings
from app.stages.service import render_flows
from ml.data.past_states import backfill, month_ends
from tests.stages.book import MONTHLY, USUAL, us
from tests.stages.conftest import book as book  # a fixture

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

NOW = 420
TIMES = [*month_ends(us(NOW), us(NOW), 15, "Asia/Shanghai"), us(NOW)]

HISTORIES = {
    "monthly": MONTHLY,
    "back": (*MONTHLY, 405),
    "twice": (10, 12),
    "today": (419.9,),
    "card-7": (50, 80, 300),
    "phone-1": (200, 230, 260, 290),
}
"""The last two are one person."""


def test_month_ends_are_midnights_of_the_zone():
    china, spring = 8 * 3_600_000_000, 2 * 3_600_000_000
    assert month_ends(us(59), us(59), 2, "Asia/Shanghai") == [us(31) - china, us(59) - china]
    assert month_ends(us(59) - china - 1, us(59) - china - 1, 1, "Asia/Shanghai") == [us(31) - china]
    assert month_ends(us(100), us(100), 1, "Europe/Berlin") == [us(90) - spring]  # summer time began in March


def test_month_ends_go_on_from_the_last_event_until_now():
    assert month_ends(us(32), us(121), 1, "UTC") == [us(day) for day in (31, 59, 90, 120)]
    assert len(month_ends(us(32), us(421), 24, "UTC")) == 24 + 12


@pytest.fixture
async def shop(book):
    """Histories that came on one day, judged on it."""
    for customer_id, days in HISTORIES.items():
        await book.happen(customer_id, *days, received=NOW)
    await book.happen("monthly", 100.5, type_="order.refunded", minor=400, received=NOW)
    await book.happen("prospect", 33, type_="store.visited", received=NOW)
    await book.sql.rows("INSERT INTO persons VALUES ('card-7', 'card-7'), ('phone-1', 'card-7')")
    await book.sweep(NOW)
    return book


async def stage_at(book, at_us):
    rows = await book.sql.rows(
        "SELECT DISTINCT ON (customer_id) customer_id, to_stage FROM stage_transitions WHERE at_us <= :at"
        " ORDER BY customer_id, at_us DESC",
        at=at_us,
    )
    return {row["customer_id"]: row["to_stage"] for row in rows}


async def stage_as_of(book, at_us):
    wanted = ["monthly", "back", "twice", "today", "card-7", "prospect"]
    async with transaction(book.engine) as connection:
        states, _ = await read_past_states(connection, wanted, at_us)
    return {each: score_one(state, at_us, USUAL.scoring).judgement.stage for each, state in states.items()}


async def chains(book):
    """Every customer's transitions, each of which begins where the last one led."""
    rows = await book.sql.rows("SELECT * FROM stage_transitions ORDER BY customer_id, at_us")
    found: dict[str, list] = {}
    for row in rows:
        found.setdefault(row["customer_id"], []).append(row)
    for chain in found.values():
        assert chain[0]["from_stage"] is None
        assert [row["to_stage"] for row in chain[:-1]] == [row["from_stage"] for row in chain[1:]]
    return found


async def test_the_past_is_what_the_service_says_as_of_each_month_end(shop):
    filled = await backfill(shop.engine, USUAL, TIMES)
    for at_us in TIMES[:-1]:
        assert await stage_at(shop, at_us) == await stage_as_of(shop, at_us), at_us
    found = await chains(shop)
    assert filled.customers == 5  # `today` is not of a past month
    assert filled.moves == sum(row["is_computed"] for chain in found.values() for row in chain)
    assert [row["is_computed"] for row in found["today"]] == [False]


async def test_a_stage_is_since_when_it_was_worked_out_to_be(shop):
    await backfill(shop.engine, USUAL, TIMES)
    row = await shop.stored("monthly")
    assert (row["stage"], row["from_stage"], row["cause"]) == ("lost", "declining", "silence")
    assert row["since_us"] == us(401.25)  # between the last month end and when the record began
    assert (await chains(shop))["monthly"][-1]["from_stage"] == "lost"
    assert (await shop.stored("today"))["since_us"] == us(NOW)


async def test_it_can_be_repeated_and_done_again_after_late_events(shop):
    first = await backfill(shop.engine, USUAL, TIMES)
    before = await chains(shop)
    assert await backfill(shop.engine, USUAL, TIMES) == (0, 0)
    assert await backfill(shop.engine, USUAL, TIMES, again=True) == first
    assert {each: len(chain) for each, chain in (await chains(shop)).items()} == {
        each: len(chain) for each, chain in before.items()
    }
    await shop.happen("twice", 200, 210, 220, received=NOW + 1)
    await backfill(shop.engine, USUAL, TIMES, again=True)
    assert await stage_at(shop, TIMES[-7]) == await stage_as_of(shop, TIMES[-7])
    await chains(shop)


async def test_the_record_goes_on_from_there(shop):
    await backfill(shop.engine, USUAL, TIMES)
    await shop.happen("monthly", NOW + 1)
    await shop.note(["monthly"], NOW + 1)
    last = (await chains(shop))["monthly"][-1]
    assert (last["from_stage"], last["is_computed"]) == ("lost", False)
    again = await backfill(shop.engine, USUAL, TIMES, again=True)
    assert again.customers == 5
    assert (await chains(shop))["monthly"][-1] == last


async def test_who_was_erased_or_refuses_is_not_brought_back(shop):
    await shop.sql.rows("DELETE FROM stages WHERE customer_id = 'monthly'")
    await shop.sql.rows("DELETE FROM stage_transitions WHERE customer_id = 'monthly'")
    await backfill(shop.engine, USUAL, TIMES)
    assert "monthly" not in await chains(shop)


async def test_of_whom_events_have_left_no_past_is_worked_out(shop):
    await shop.sql.rows("INSERT INTO bases VALUES ('phone-1', 0, 0, 1), ('twice', 0, 0, 1)")
    await backfill(shop.engine, USUAL, TIMES)
    found = await chains(shop)
    assert {each for each in found if found[each][0]["is_computed"]} == {"monthly", "back", "prospect"}


async def test_warnings_are_dated(shop):
    await shop.sweep(NOW + 1)
    await backfill(shop.engine, USUAL, TIMES)
    async with transaction(shop.engine) as connection:
        rows = {row.customer_id: row for row in await read_warnings(connection, 1, None, 100)}
    assert rows["monthly"].is_computed
    assert rows["monthly"].crossed_us in TIMES
    assert us(270) < rows["monthly"].crossed_us < us(320)


async def test_flows_count_who_was_worked_out(shop):
    await backfill(shop.engine, USUAL, TIMES)
    async with transaction(shop.engine) as connection:
        told = render_flows(await count_moves(connection, TIMES[2], us(NOW)), TIMES[2], us(NOW))
    at_start = {row["stage"]: row["customers_from"] for row in told["stages"] if row["customers_from"]}
    expected: dict[str, int] = {}
    for stage in (await stage_as_of(shop, TIMES[2])).values():
        expected[stage] = expected.get(stage, 0) + 1
    assert at_start == expected
    assert told["computed_afterwards"] > 0
    assert sum(flow["customers"] for flow in told["flows"]) == 6
    assert all(flow["customers"] > 0 for flow in told["flows"])
