"""Orders of files: the same in every file that has them, whatever it is called; what was said of them last counts."""

import pytest

from app.customers.verification import verify
from app.foundation.settings import Settings
from app.ingest.order_identity import FILES
from app.ingest.rules import Rules
from ml.data.importing import ImportOptions, import_file

RULES = Rules("CNY", 2, b"key")
HEADER = "customer_id,order_date,order_id,status,total\n"


@pytest.fixture
def export(tmp_path, engine):
    """Imports lines as a file of its own; returns what became of them."""
    files = iter(range(100))

    async def run(*lines, source=FILES, header=HEADER, encoding="utf-8"):
        path = tmp_path / f"{next(files)}.csv"
        path.write_text(header + "\n".join(lines) + "\n", encoding=encoding)
        options = ImportOptions(source, "UTC", False, {})
        return await import_file(path, options, engine, Settings(), RULES, lambda *_: None)

    return run


@pytest.fixture
def counted(sql, engine):
    """(Orders, spend, refunded) of a customer, by a state that the log agrees with."""

    async def read(customer="C"):
        assert [found async for batch in verify(engine) for found in batch.differences] == []
        row = await sql.row(
            "SELECT orders, spend_minor, refunded_minor FROM customer_states WHERE customer_id = :id", id=customer
        )
        return tuple(row.values())

    return read


OCTOBER = "C,2026-10-01 10:00,1001,paid,30"
LATE_OCTOBER = "C,2026-10-30 10:00,1002,paid,45.5"
NOVEMBER = "C,2026-11-03 10:00,1003,paid,20"


@pytest.mark.parametrize("sources", [(FILES, FILES), ("/a", "/b")])
async def test_an_order_in_two_exports_that_overlap_counts_once(export, counted, sources):
    first = await export(OCTOBER, LATE_OCTOBER, source=sources[0])
    second = await export(LATE_OCTOBER, NOVEMBER, source=sources[1], encoding="utf-16")
    assert (first.accepted, second.accepted, second.duplicate) == (2, 1, 1)
    assert second.versions.elsewhere == (sources[0] != sources[1])
    assert await counted() == (3, 9550, 0)


async def test_numbers_that_two_systems_gave_are_two_orders(export, counted):
    await export(OCTOBER)
    await export("D,2026-10-01 12:00,1001,paid,30", "C,2026-10-08 12:00,1001,paid,30")
    assert (await counted("C"), await counted("D")) == ((2, 6000, 0), (1, 3000, 0))


async def test_an_amount_that_changed_counts_as_the_later_export_says(export, counted):
    changed = "C,2026-10-01 10:00,1001,paid,25"
    await export(OCTOBER)
    later = await export(changed, NOVEMBER)
    assert (later.accepted, later.rejected, later.versions.changed) == (2, 0, 1)
    assert await counted() == (2, 4500, 0)
    again = await export(changed, "C,2026-11-04 10:00,1004,paid,1")
    assert (again.accepted, again.duplicate, again.versions.changed) == (1, 1, 0)
    assert await counted() == (3, 4600, 0)


async def test_an_older_export_imported_again_changes_nothing(export, counted):
    await export(OCTOBER)
    await export("C,2026-10-01 10:00,1001,paid,25")
    older = await export(OCTOBER)
    assert (older.accepted, older.duplicate) == (0, 1)
    assert await counted() == (1, 2500, 0)


async def test_an_order_that_is_cancelled_in_a_later_export_never_was(export, counted):
    await export(OCTOBER, LATE_OCTOBER)
    later = await export("C,2026-10-30 10:00,1002,cancelled,45.5", "C,2026-11-02 10:00,1009,cancelled,5", NOVEMBER)
    assert (later.accepted, later.versions.cancelled) == (2, 1)
    assert await counted() == (2, 5000, 0)


async def test_one_that_waits_for_its_payment_is_not_cancelled_and_counts_when_paid(export, counted):
    waiting = "C,2026-11-03 10:00,1003,pending,20"
    assert (await export(OCTOBER, waiting)).accepted == 1
    await export(NOVEMBER)
    await export(OCTOBER, waiting, LATE_OCTOBER)
    assert await counted() == (3, 9550, 0)


async def test_receipts_that_begin_anew_each_day_are_orders_of_their_own(export, counted):
    header = "customer_id,date,receipt_no,amount\n"
    days = [f"C,2026-10-0{day} 10:00,17,{day}" for day in (1, 2, 3)]
    await export(*days, "D,2026-10-01 11:00,17,9", header=header)
    assert (await counted("C"), await counted("D")) == ((3, 600, 0), (1, 900, 0))
    one_day = await export(days[2], header=header)
    assert (one_day.accepted, one_day.duplicate) == (0, 1)
    assert await counted() == (3, 600, 0)


async def test_what_the_api_told_of_is_known_to_files(export, counted, client, shop):
    order = shop.event(
        "order.completed", "C", at="2026-10-01T10:00:00Z", source="/pos/1", data={"order_id": "1001", "total": 30}
    )
    assert (await client.post("/v1/events", json=[order])).json()["accepted"] == 1
    assert (await export(OCTOBER, NOVEMBER)).versions.elsewhere == 1
    assert await counted() == (2, 5000, 0)


async def test_orders_of_a_source_that_is_known_by_number_are_joined_by_it(export, counted, client, shop):
    source = "/shopify/tea"
    order = shop.event(
        "order.completed", "C", at="2026-10-01T10:00:05Z", source=source, data={"order_id": "1001", "total": 30}
    )
    assert (await client.post("/v1/events", json=[order])).json()["accepted"] == 1
    assert (await export(OCTOBER, NOVEMBER, source=source)).duplicate == 1
    assert await counted() == (2, 5000, 0)


async def test_more_was_given_back_by_a_later_export(export, counted, sql):
    header = "customer_id,order_date,order_id,total,refunded_amount\n"
    told = [f"C,2026-10-01 10:00,1001,30,{amount}" for amount in (10, 25, 30)]
    results = [await export(line, header=header) for line in (told[0], told[1], told[1], told[0])]
    counts = [(each.accepted, each.duplicate, each.rejected) for each in results]
    assert counts == [
        (2, 0, 0),
        (1, 1, 0),
        (0, 2, 0),
        (0, 2, 0),
    ]
    assert await counted() == (1, 3000, 2500)
    await export(told[2], header=header)
    assert await counted() == (0, 3000, 3000)
    assert await sql.value("SELECT count(*) FROM rejected_events") == 0


ANOTHER = "D,2026-10-02 10:00,2001,paid,5"
REFUNDS = "customer_id,order_date,order_id,total,refunded_amount\n"


async def test_less_was_given_back_by_a_later_export(export, counted, sql):
    told = [f"C,2026-10-01 10:00,1001,30,{amount}" for amount in (30, 10, 25)]
    for line, orders, refunded in zip(told, (0, 1, 1), (3000, 1000, 2500), strict=True):
        later = await export(line, header=REFUNDS)
        assert later.rejected == 0
        assert await counted() == (orders, 3000, refunded)
    for line in told:
        assert (await export(line, header=REFUNDS)).accepted == 0
        assert await counted() == (1, 3000, 2500)
    assert await sql.value("SELECT count(*) FROM rejected_events") == 0


async def test_an_order_that_was_cancelled_comes_back_by_a_later_export(export, counted):
    paid, cancelled = "C,2026-10-01 10:00,1001,paid,30", "C,2026-10-01 10:00,1001,cancelled,30"
    told = [(paid, (1, 3000, 0)), (cancelled, (0, 0, 0)), (f"{paid}.00", (1, 3000, 0)), (f"{cancelled}.00", (0, 0, 0))]
    for line, expected in told:
        await export(line, ANOTHER)
        assert await counted() == expected
    for line, _ in told:
        await export(line, ANOTHER)
        assert await counted() == (0, 0, 0)


async def test_one_that_was_changed_is_cancelled_by_a_later_export(export, counted):
    for line in ("C,2026-10-01 10:00,1001,paid,30", "C,2026-10-01 10:00,1001,paid,25"):
        await export(line)
    await export("C,2026-10-01 10:00,1001,cancelled,25", ANOTHER)
    assert await counted() == (0, 0, 0)


async def test_an_order_that_was_nobodys_is_the_customers_whom_a_later_export_names(export, counted, sql):
    await export(",2026-10-01 10:00,1001,paid,30", OCTOBER.replace("1001", "1002"))
    for _ in range(2):
        await export(OCTOBER, NOVEMBER)
        assert await counted() == (3, 8000, 0)
    later = await export(OCTOBER, LATE_OCTOBER.replace("1002", "1004"))
    assert (later.accepted, later.duplicate, later.versions.named) == (1, 1, 0)
    assert await sql.value("SELECT count(*) FROM events WHERE customer_id LIKE '~basket%'") == 0


async def test_what_came_back_of_such_an_order_is_its_customers(export, counted):
    nobodys, named = ",2026-10-01 10:00,1001,30,0", "C,2026-10-01 10:00,1001,30,30"
    await export(nobodys, "D,2026-10-02 10:00,2001,5,0", header=REFUNDS)
    assert (await export(named, header=REFUNDS)).versions.named == 1
    assert await counted() == (0, 3000, 3000)


async def test_of_another_amount_it_is_another_order(export, counted, sql):
    await export(",2026-10-01 10:00,1001,paid,30", ANOTHER)
    assert (await export("C,2026-10-01 10:00,1001,paid,31")).versions.named == 0
    assert await counted() == (1, 3100, 0)
    assert await sql.value("SELECT count(*) FROM events WHERE customer_id LIKE '~basket%'") == 1


async def test_one_that_is_known_by_its_number_is_the_customers_too(export, counted, client, shop):
    source = "/shopify/tea"
    order = shop.event(
        "order.completed", None, at="2026-10-01T10:00:05Z", source=source, data={"order_id": "1001", "total": 30}
    )
    assert (await client.post("/v1/events", json=[order])).json()["accepted"] == 1
    assert (await export(OCTOBER, NOVEMBER, source=source)).versions.named == 1
    assert await counted() == (2, 5000, 0)


async def test_nothing_was_given_back_by_a_later_export(export, counted, sql):
    told = [f"C,2026-10-01 10:00,1001,30,{amount}" for amount in (30, 0, 12.5, "")]
    for line, refunded in zip(told, (3000, 0, 1250, 0), strict=True):
        later = await export(line, ANOTHER.replace("paid,5", "5,1"), header=REFUNDS)
        assert later.rejected == 0
        assert await counted() == (refunded < 3000, 3000, refunded)
    for line in told:
        again = await export(line, ANOTHER.replace("paid,5", "5,1"), header=REFUNDS)
        assert (again.accepted, again.versions.changed) == (0, 0)
        assert await counted() == (1, 3000, 0)


async def test_what_came_back_stays_where_a_later_export_has_no_word_of_refunds(export, counted):
    await export("C,2026-10-01 10:00,1001,30,30", header=REFUNDS)
    await export("C,2026-10-01 10:00,1001,paid,30", NOVEMBER)
    assert await counted() == (1, 5000, 3000)


async def test_a_return_on_a_line_of_its_own_stays_where_a_later_export_lacks_that_line(export, counted):
    header = "customer_id,order_date,order_id,total,refunded_amount\n"
    await export("C,2026-10-01 10:00,1001,30,0", "C,2026-10-05 10:00,1001,-30,0", header=header)
    await export("C,2026-10-01 10:00,1001,30,0", "C,2026-11-05 10:00,1002,30,1", header=header)
    assert await counted() == (1, 6000, 3100)


@pytest.mark.parametrize("word", ["guest", "NULL", " Anonymous ", "游客", "0"])
async def test_nobody_by_a_word_is_nobody_in_every_export(export, counted, sql, word):
    nobodys = OCTOBER.replace("C,", f"{word},", 1)
    await export(nobodys, ANOTHER)
    assert (await export(nobodys.replace(word, "", 1), NOVEMBER)).duplicate == 1
    assert (await export(OCTOBER, LATE_OCTOBER)).versions.named == 1
    assert await counted() == (3, 9550, 0)
    assert await sql.value("SELECT count(*) FROM events WHERE customer_id LIKE '~basket%'") == 0


@pytest.mark.parametrize("word", ["", "guest"])
async def test_an_order_that_is_somebodys_is_theirs_in_an_export_that_names_nobody(export, counted, sql, word):
    await export("C,2026-10-01 10:00,1001,30,0", "C_%,2026-10-01 10:00,1002,5,0", header=REFUNDS)
    later = await export(
        *(f"{word},2026-10-01 10:00,1001,30,10", f"{word},2026-10-01 10:00,1002,5,0", "E,2026-10-03 10:00,3001,1,0"),
        header=REFUNDS,
    )
    assert (later.accepted, later.duplicate, later.rejected) == (2, 2, 0)
    assert await counted() == (1, 3000, 1000)
    assert await counted("C_%") == (1, 500, 0)
    assert await sql.value("SELECT count(*) FROM events WHERE customer_id LIKE '~basket%'") == 0


async def test_of_two_whose_it_might_be_it_is_nobodys(export, counted, sql):
    await export(OCTOBER, "D,2026-10-01 10:00,1001,paid,30")
    await export(",2026-10-01 10:00,1001,paid,30", ANOTHER)
    assert (await counted("C"), await counted("D")) == ((1, 3000, 0), (2, 3500, 0))
    assert await sql.value("SELECT count(*) FROM events WHERE customer_id LIKE '~basket%'") == 1
