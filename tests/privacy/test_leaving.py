"""Events that are too old leave the log, and no state is another for it."""

import random
import time
from datetime import UTC, datetime

import pytest

from app.checkout import items
from app.checkout.transaction import Transactions
from app.customers.verification import rebuild, verify
from app.database.engine import Driver
from app.ingest.intake import Submission
from app.ingest.left_keys import LeftKeys
from app.ingest.order_identity import OrderIdentity
from app.lifecycle.events import DAY_US
from app.lifecycle.retention import read_retention
from app.lifecycle.states import STATES
from app.privacy import leaving
from app.privacy.retention import retain
from tests.checkout.test_transaction import make_events
from tests.privacy.histories import SHOP, TILL, Histories

KEYS = LeftKeys(b"tests")
SMALL = "default=500d, visit=60d, case=90d, consent=200d, feedback=30d"


def now_us():
    return time.time_ns() // 1000


async def let_leave(engine, kept_for, at_us=None):
    report = await retain(engine, KEYS, read_retention(kept_for), at_us or now_us())
    assert report.outcome == "done"
    return dict(report.rows)


async def differences(engine):
    return [found async for batch in verify(engine) for found in batch.differences]


async def send(client, events):
    answer = (await client.post("/v1/events", json=events)).json()
    return [each["status"] for each in answer["results"]]


async def states(sql, suffix=""):
    """Every state, of the customers with that suffix, without texts, which name the event."""
    found = {}
    for spec in STATES:
        for row in await sql.rows(f"SELECT * FROM {spec.table}"):
            if row["customer_id"][1:] != suffix:
                continue
            key = (spec.name, row["customer_id"][0], *(row[name] for name in list(spec.keys)[1:]))
            measures = {measure.name: row[measure.name] for measure in spec.measures if measure.unit != "text"}
            found[key] = measures
    return found


def approximately(found):
    """Sums of floats but nearly."""

    def nearly(value):
        return pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value

    return {key: {name: nearly(value) for name, value in row.items()} for key, row in found.items()}


@pytest.fixture
def small(monkeypatch):
    """Pieces of few customers and events, so that there are many."""
    monkeypatch.setattr(leaving, "CUSTOMERS", 2)
    monkeypatch.setattr(leaving, "EVENTS", 20)


@pytest.mark.parametrize("seed", range(2))
async def test_states_after_are_the_states_before(client, engine, sql, shop, small, seed):
    chance = random.Random(seed)
    told = Histories(shop, seed, now=datetime.now(UTC)).make()
    assert {*(await send(client, told))} <= {"accepted", "duplicate"}
    before, people = await states(sql), await sql.rows("SELECT * FROM persons ORDER BY customer_id")
    kept = await sql.value("SELECT count(*) FROM events")
    for _ in range(2):  # the second time more has aged
        rest, visits, consents = (chance.randint(least, 1500) for least in (400, 30, 30))
        kept_for = f"default={rest}d, visit={visits}d, consent={consents}d"
        rows = await let_leave(engine, kept_for, now_us() + chance.randint(0, 200) * DAY_US)
        kept -= sum(rows.values())
        assert await sql.value("SELECT count(*) FROM events") == kept
        assert await differences(engine) == []
    assert await sql.value("SELECT count(*) FROM left_events") > 20
    assert await states(sql) == before
    assert await sql.rows("SELECT * FROM persons ORDER BY customer_id") == people
    assert {*(await send(client, told))} == {"duplicate"}
    assert await states(sql) == before
    _ = [written async for written in rebuild(engine)]
    assert await states(sql) == approximately(before)
    assert await differences(engine) == []


@pytest.mark.parametrize("seed", [4])
async def test_what_comes_later_counts_as_if_nothing_had_left(client, engine, sql, shop, small, seed):
    """One telling has lost its old events when the late ones come, the other has not."""
    now = datetime.now(UTC)
    ours, theirs = Histories(shop, seed, now=now), Histories(shop, seed, "+", now=now)
    first = ours.make()
    await send(client, first)
    await let_leave(engine, SMALL)
    await send(client, theirs.make())
    for histories in (ours, theirs):
        late = [event for days in (1700, 650, 20) for event in histories.order("A", f"L{days}", days, SHOP)]
        late += [event for days in (1600, 40) for event in histories.order("B", f"L{days}", days, TILL)]
        late.append(histories._event("product.viewed", "A", 1500, TILL, {"product_id": "tea"}))
        assert {*(await send(client, late))} == {"accepted"}
    assert await differences(engine) == []
    assert await states(sql) == approximately(await states(sql, "+"))
    await let_leave(engine, SMALL)
    assert await differences(engine) == []
    assert {*(await send(client, first))} == {"duplicate"}
    assert await states(sql) == approximately(await states(sql, "+"))


async def log(sql, customer="C-1"):
    """The numbers of the orders that events in the log speak of, types without what is void."""
    rows = await sql.rows("SELECT type, reference FROM events WHERE customer_id = :id ORDER BY type", id=customer)
    return [(row["type"], row["reference"]) for row in rows]


def at(shop, days, type_, source=TILL, subject="C-1", **data):
    return shop.event(type_, subject, at=shop.ago(days=days), source=source, data=data)


@pytest.mark.parametrize("source", [SHOP, TILL])
async def test_an_order_leaves_with_the_last_word_on_it(client, engine, sql, shop, source):
    told = [
        at(shop, 800, "order.completed", source, order_id="7", total=10),
        at(shop, 450, "order.refunded", source, order_id="7", total=4),
        at(shop, 790, "points.earned", source, order_id="7", points=3),
        at(shop, 790, "points.earned", source, points=3),
        at(shop, 700, "order.completed", source, order_id="8", total=10),
    ]
    await send(client, told)
    assert await let_leave(engine, "order=460d, points=460d") == {"order": 1, "points": 1}
    assert {reference for _, reference in await log(sql)} == {"7"}
    assert await let_leave(engine, "order=430d") == {"order": 3}
    assert await log(sql) == []
    assert await differences(engine) == []


async def test_a_refund_of_an_order_that_has_left_is_of_no_known_order(client, engine, sql, shop):
    await send(client, [at(shop, 800, "order.completed", SHOP, order_id="7", total=10)])
    await let_leave(engine, "order=400d")
    assert await send(client, [at(shop, 1, "order.refunded", SHOP, order_id="7", total=10)]) == ["accepted"]
    row = await sql.row("SELECT orders, spend_minor, refunds, refunded_minor FROM customer_states")
    assert tuple(row.values()) == (1, 1000, 1, 1000)
    assert await differences(engine) == []


async def test_who_is_who_does_not_leave(client, engine, sql, shop):
    await send(client, [at(shop, 800, "customer.merged", merged="C-2"), at(shop, 800, "store.visited")])
    assert await let_leave(engine, "default=400d") == {"visit": 1}
    assert [type_ for type_, _ in await log(sql)] == ["customer.merged"]


async def test_a_checkout_of_what_has_left_is_answered_and_not_counted(client, engine, sql, shop):
    event = at(shop, 800, "order.completed", order_id="7", total=10)
    first = (await client.post("/v1/checkouts", json={"event": event, "channel": "store"})).json()
    await let_leave(engine, "order=400d")
    again = (await client.post("/v1/checkouts", json={"event": event, "channel": "store"})).json()
    assert (first["event"]["status"], again["event"]["status"]) == ("accepted", "duplicate")
    assert again["decision"] == first["decision"]
    other = {**event, "data": {**event["data"], "total": 11}}
    assert await send(client, [other]) == ["duplicate"]
    assert await sql.value("SELECT orders FROM customer_states") == 1


async def test_what_has_left_is_known_at_any_time_that_it_may_come_again_at(client, engine, sql, shop):
    """An order by its number, and what a wrong clock told by when it is sent."""

    def told(at_, sent_at):
        message = {"type": "track", "userId": "C-1", "event": "Product Viewed", "messageId": "m-1", "timestamp": at_}
        return {"batch": [{**message, "properties": {"product_id": "tea"}}], "sentAt": sent_at}

    ahead = shop.ago(days=-10, minutes=3)
    await send(client, [at(shop, 800, "order.completed", SHOP, order_id="7", total=10)])
    sent = await client.post("/v1/segment/v1/batch", json=told(ahead, shop.ago(days=-10)))
    assert sent.json()["accepted"] == 1
    assert await let_leave(engine, "order=400d, visit=30d", now_us() + 60 * DAY_US) == {"order": 1, "visit": 1}
    again = at(shop, 0.001, "order.completed", SHOP, order_id="7", total=10)
    assert await send(client, [again]) == ["duplicate"]
    sent = await client.post("/v1/segment/v1/batch", json=told(ahead, shop.ago(days=-10, seconds=-40)))
    assert sent.json()["duplicate"] == 1
    assert await sql.value("SELECT count(*) FROM events") == 0
    assert await differences(engine) == []


async def test_an_id_that_is_used_again_for_what_happens_now_is_an_event_and_leaves(client, engine, sql, shop):
    first, second = at(shop, 800, "store.visited"), at(shop, 1, "store.visited")
    second["id"] = first["id"]
    await send(client, [first])
    assert await let_leave(engine, "visit=30d") == {"visit": 1}
    assert [await send(client, [each]) for each in (second, first)] == [["accepted"], ["duplicate"]]
    assert await let_leave(engine, "visit=30d", now_us() + 60 * DAY_US) == {"visit": 1}
    assert await sql.value("SELECT visits FROM customer_states") == 2
    assert await differences(engine) == []


async def test_a_past_time_is_answered_where_it_is_known_and_refused_where_not(client, engine, sql, shop):
    orders = [at(shop, days, "order.completed", order_id=str(days), total=10) for days in (900, 700, 300, 100)]
    await send(client, orders)
    past = {"as_of": shop.ago(days=200)}
    before = (await client.get("/v1/customers/C-1/score", params=past)).json()
    await let_leave(engine, "order=400d")
    assert (await client.get("/v1/customers/C-1/score", params=past)).json() == before
    lost = await client.get("/v1/customers/C-1/score", params={"as_of": shop.ago(days=800)})
    assert (lost.status_code, lost.json()["type"]) == (410, "urn:perennial:problem:not-kept")
    known_from = await client.get("/v1/customers/C-1/score", params={"as_of": lost.json()["known_from"]})
    assert known_from.status_code == 200
    unknown_then = await client.get("/v1/customers/C-1/score", params={"known_at": shop.ago(days=200)})
    assert unknown_then.status_code == 410  # it was received just now
    asked = {"customer_ids": ["C-1", "C-2"], "as_of": shop.ago(days=800)}
    batch = (await client.post("/v1/scores:batch", json=asked)).json()
    assert (batch["scores"], batch["unknown"], batch["not_kept"]) == ([], ["C-2"], ["C-1"])


async def test_the_profile_stays_as_it_was(client, engine, shop):
    orders = [
        at(shop, days, "order.completed", order_id=str(days), total=10, channel=channel)
        for days, channel in ((900, "store"), (700, "web"), (500, None), (100, "store"))
    ]
    assert {*(await send(client, orders))} == {"accepted"}
    before = (await client.get("/v1/customers/C-1")).json()
    assert before["channels"] == {"store": 2, "unknown": 1, "web": 1}
    await let_leave(engine, "order=600d")
    await let_leave(engine, "order=400d")
    assert (await client.get("/v1/customers/C-1")).json() == before


async def test_a_person_some_of_whose_events_have_left_is_exported_and_erased(client, engine, sql, shop):
    """Another customer keeps the phone that both had."""
    phone = {"identifiers": [{"kind": "phone", "value": "+8613800138000"}]}
    told = [at(shop, 800, "order.completed", order_id=str(place), total=10, **phone) for place in (1, 2)]
    told[1]["subject"] = "C-2"
    unmerge = at(shop, 1, "customer.unmerged", merged="C-2")
    await send(client, [*told, unmerge])
    await let_leave(engine, "order=400d")
    assert await differences(engine) == []
    exported = (await client.get("/v1/customers/C-1/export")).json()["tables"]
    assert [row["orders"] for row in exported["base_customer_states"] if row["customer_id"] == "C-1"] == [1]
    assert (await client.delete("/v1/customers/C-1")).status_code == 200
    assert await differences(engine) == []
    assert "C-1" not in {row["customer_id"] for row in await sql.rows("SELECT customer_id FROM base_customer_states")}
    assert await sql.value("SELECT count(*) FROM base_links WHERE 'C-1' IN (low_id, high_id)") == 0


async def test_verify_looks_at_bases_too_and_rebuild_begins_with_them(client, engine, sql, shop):
    await send(client, [at(shop, 800, "order.completed", order_id="7", total=10), at(shop, 1, "store.visited")])
    await let_leave(engine, "order=400d")
    await sql.rows("DELETE FROM customer_states")
    _ = [written async for written in rebuild(engine)]
    assert tuple((await sql.row("SELECT orders, visits FROM customer_states")).values()) == (1, 1)
    await sql.rows("UPDATE base_customer_states SET orders = 3")
    (found,) = await differences(engine)
    assert (found.measure, found.kept, found.recomputed) == ("orders", 1, 3)


@pytest.mark.parametrize("seed", [0])
async def test_items_that_are_forgotten_have_no_base(engine, sql, monkeypatch, seed):
    """Three items are kept of a customer: orders come in any order, leave, are forgotten, come again."""
    monkeypatch.setattr(items, "STRIDE", 1)
    chance, driver = random.Random(seed), Driver(engine)
    transactions = Transactions(driver, OrderIdentity(), items_kept=3)
    for _ in range(6):
        for _ in range(3):
            days, names = chance.randint(1, 20_000), chance.sample("abcdef", 2)
            data = {"order_id": str(days), "total": 1, "products": [{"product_id": name} for name in names]}
            (event,) = make_events([("order.completed", "A", "s", days * DAY_US, data)])
            await transactions.enter([Submission((event._replace(customer_id="A"),))])
        await let_leave(engine, "order=400d", chance.randint(400, 20_000) * DAY_US)
        assert await differences(engine) == []
    await driver.close()
