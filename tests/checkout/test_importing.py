"""Imports: resumed where they stopped, and safe to repeat."""

from contextlib import aclosing

import pytest

from app.checkout.importing import import_id, run_import
from app.ingest.rules import Rules
from app.lifecycle.loyalty_programme import Programme
from app.loyalty.programme_queries import add_programme

RULES = Rules("CNY", 2, b"key")


async def run(engine, events, key="file", stop_after=None):
    """The last count of a run that may be broken off after so many batches."""
    counts = []
    async with aclosing(run_import(engine, key, lambda _: iter(events), RULES)) as batches:
        async for count in batches:
            counts.append(count)
            if len(counts) == stop_after:
                break
    return counts[-1] if counts else None


async def test_an_import_counts_what_is_good_and_keeps_what_is_not(engine, sql, shop):
    events = [shop.order(f"C-{n % 5}") for n in range(1500)] + [shop.order(total="twelve"), 7]
    count = await run(engine, [*events, events[0]])
    assert (count.accepted, count.duplicate, count.rejected) == (1500, 1, 2)
    assert await sql.value("SELECT sum(orders) FROM customer_states") == 1500
    assert await sql.value("SELECT count(*) FROM rejected_events") == 2


async def test_an_import_that_was_broken_off_goes_on_where_it_stopped(engine, sql, shop):
    events = [shop.order(f"C-{n % 5}") for n in range(2500)]
    first = await run(engine, events, stop_after=1)
    assert first.total == 1000
    second = await run(engine, events)
    assert (second.accepted, second.total) == (1500, 1500)
    assert await sql.value("SELECT sum(orders) FROM customer_states") == 2500
    progress = await sql.row("SELECT batches_done, finished_us FROM imports")
    assert progress["batches_done"] == 3
    assert progress["finished_us"] is not None


async def test_an_import_marks_from_when_a_programme_is_put(engine, sql, shop):
    events = [shop.order(f"C-{n // 1000}") for n in range(2500)]
    programme = Programme.model_validate({"earn": [{"rule_id": "base"}]})
    async with aclosing(run_import(engine, "file", lambda _: iter(events), RULES)) as batches:
        await anext(batches)
        async with engine.begin() as connection:
            await add_programme(connection, programme, 0, 0, "")
        async for _ in batches:
            pass
    assert await sql.rows("SELECT DISTINCT customer_id FROM loyalty_pending ORDER BY 1") == [
        {"customer_id": "C-1"},
        {"customer_id": "C-2"},
    ]


async def test_an_import_repeated_counts_nothing_twice(engine, sql, shop):
    events = [shop.order() for _ in range(10)]
    await run(engine, events)
    again = await run(engine, events)
    assert again is None or again.accepted == 0
    under_another_name = await run(engine, events, key="other")
    assert (under_another_name.accepted, under_another_name.duplicate) == (0, 10)
    assert await sql.value("SELECT orders FROM customer_states") == 10


async def test_a_file_that_fails_half_way_leaves_what_was_read_before_counted_and_noted(engine, sql, shop):
    events = [shop.order(f"C-{n % 5}") for n in range(2500)]

    def failing():
        yield from events[:2100]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        await run(engine, failing())
    assert await sql.value("SELECT sum(orders) FROM customer_states") == 2000
    assert await sql.value("SELECT batches_done FROM imports") == 2
    rest = await run(engine, events)
    assert (rest.accepted, rest.duplicate) == (500, 0)


async def test_what_depends_on_the_time_of_day_is_told_when_the_import_first_began(engine, sql, shop):
    began = []

    def open_events(began_us):
        began.append(began_us)
        return iter([shop.order()])

    for _ in range(2):
        async for _ in run_import(engine, "file", open_events, RULES):
            pass
    assert began[0] == began[1] == await sql.value("SELECT began_us FROM imports")


@pytest.mark.parametrize(
    ("content", "options", "same"),
    [([b"a", b"b"], "x", True), ([b"ab"], "y", False), ([b"ac"], "x", False)],
)
def test_an_import_is_known_by_content_and_options(content, options, same):
    assert (import_id(content, options) == import_id([b"ab"], "x")) is same
