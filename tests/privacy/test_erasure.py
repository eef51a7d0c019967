"""A person is erased: nothing is left, and nothing that comes of them is kept."""

import asyncio
import json

import pytest
from sqlalchemy import insert, text

from app.customers.tombstone_queries import ERASING
from app.database.engine import Driver
from app.database.tables import metadata
from app.lifecycle.tombstones import Tombstones
from app.privacy import erasure
from app.privacy.held import HELD, HELD_OF_NOBODY, NAMED_IN_TEXT
from app.recommendations.keeping import Given, keep_recommendations
from app.recommendations.shadowing import Shadowed, keep_shadowed
from tests.privacy.canaries import OWN, PHONE, plant

PHONE_OF = {"identifiers": [{"kind": "phone", "value": "+8613800138000"}]}
TOMBSTONES = Tombstones(b"tests")


async def erase(client, customer_id):
    answer = await client.delete(f"/v1/customers/{customer_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def settle(service):
    await erasure.settle_all(service.resources.surveys, TOMBSTONES, 2**62)


async def everything(sql):
    """Every row of every table, as text."""
    names = [row["tablename"] for row in await sql.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    assert set(metadata.tables) <= set(names)
    found = {name: await sql.rows(f"SELECT CAST({name} AS text) AS row FROM {name}") for name in names}
    return {name: [row["row"] for row in rows] for name, rows in found.items()}


async def statuses(client, *events):
    answer = await client.post("/v1/events", json=list(events))
    assert answer.status_code == 200, answer.text
    return [result["status"] for result in answer.json()["results"]]


@pytest.fixture
async def is_clean(sql, perennial):
    """Whether every state is what the events say."""

    async def look():
        return ", 0 differences" in await asyncio.to_thread(perennial, "verify")

    return look


@pytest.mark.parametrize("asked", [OWN, PHONE])
async def test_canaries_are_found_nowhere_after(client, service, engine, sql, asked, caplog):
    caplog.set_level("DEBUG")
    canaries = await plant(engine)
    before = await everything(sql)
    assert all(any(canary in row for rows in before.values() for row in rows) for canary in canaries)
    receipt = await erase(client, asked)
    assert {name for name in (*HELD, NAMED_IN_TEXT) if name not in receipt["rows"]} == set()
    after = await everything(sql)
    assert [
        row for name, rows in after.items() if name != "erasures" for row in rows if any(c in row for c in canaries)
    ] == []
    await settle(service)
    assert not [row for rows in (await everything(sql)).values() for row in rows if any(c in row for c in canaries)]
    assert "person.erased" in caplog.messages
    logged = "".join(
        str(vars(record)) for record in caplog.records if not record.name.startswith(("httpx", "sqlalchemy"))
    )
    assert not [canary for canary in canaries if canary in logged]


async def test_the_receipt_says_what_and_when_and_by_whom_and_names_nobody(client, service, shop):
    await client.post("/v1/events", json=[shop.order("C-1", **PHONE_OF), shop.order("C-1")])
    receipt = await erase(client, "C-1")
    assert (receipt["ids"], receipt["rows"]["events"], receipt["rows"]["links"]) == (2, 2, 1)
    assert receipt["asked_by"].startswith("key ")
    assert receipt["erased_at"] >= receipt["asked_at"]
    assert receipt["settled_at"] is None
    await settle(service)
    told = (await client.get(f"/v1/erasures/{receipt['erasure_id']}")).json()
    assert told["settled_at"] >= receipt["erased_at"]
    assert {**told, "settled_at": None} == receipt
    assert "C-1" not in json.dumps(told)
    assert (await client.get("/v1/erasures")).json() == {"erasures": [told], "next_cursor": None}
    assert (await client.get("/v1/erasures?customer_id=C-1")).json()["erasures"] == [told]
    assert (await client.get("/v1/erasures?customer_id=C-2")).json()["erasures"] == []
    assert (await client.get("/v1/erasures/none")).status_code == 404


async def test_receipts_are_paged(client):
    ids = [(await erase(client, f"C-{number}"))["erasure_id"] for number in range(3)]
    first = (await client.get("/v1/erasures?limit=2")).json()
    rest = (await client.get("/v1/erasures", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [each["erasure_id"] for each in first["erasures"] + rest["erasures"]] == ids[::-1]
    assert rest["next_cursor"] is None


async def test_a_person_is_erased_whole_and_nobody_else(client, service, sql, shop, is_clean):
    merged = shop.event("customer.merged", "CARD-7", data={"merged": "WEB-9"})
    events = [shop.order("CARD-7", **PHONE_OF), shop.order("WEB-9"), merged, shop.order("C-3")]
    await client.post("/v1/events", json=events)
    other = (await client.get("/v1/customers/C-3")).json()
    receipt = await erase(client, "WEB-9")
    assert (receipt["ids"], receipt["rows"]["events"]) == (3, 3)
    for customer_id in ("CARD-7", "WEB-9"):
        for path in ("", "/events", "/score", "/export"):
            assert (await client.get(f"/v1/customers/{customer_id}{path}")).status_code == 404
    assert (await client.get("/v1/customers/C-3")).json() == other
    assert await sql.value("SELECT count(*) FROM links") == 0
    assert await is_clean()
    assert await statuses(client, shop.order("CARD-7"), shop.order("WEB-9"), shop.order("C-3")) == [
        "erased",
        "erased",
        "accepted",
    ]


async def test_late_events_repeats_and_refusals_do_not_bring_them_back(client, service, sql, shop, is_clean):
    first, late = shop.order("C-1"), shop.order("C-1", at=shop.ago(days=9))
    await client.post("/v1/events", json=first)
    await erase(client, "C-1")
    await settle(service)
    malformed = shop.event("order.completed", "C-1", data={"total": "much"})
    answer = (await client.post("/v1/events", json=[first, late, malformed, shop.order("C-2")])).json()
    assert [result["status"] for result in answer["results"]] == ["erased", "erased", "rejected", "accepted"]
    assert (answer["accepted"], answer["rejected"], answer["erased"]) == (1, 1, 1 + 1)
    single = await client.post("/v1/events", json=first)
    assert (single.status_code, single.json()["results"]) == (200, [{"status": "erased"}])
    segment = {"type": "track", "event": "Order Completed", "userId": "C-1", "messageId": "m-1"}
    message = {**segment, "timestamp": shop.ago(days=1), "properties": {"order_id": "S-1", "total": 10}}
    assert (await client.post("/v1/segment", json=message)).json()["results"] == [{"status": "erased"}]
    kept = await everything(sql)
    assert [row for rows in kept.values() for row in rows if "C-1" in row] == []
    assert await is_clean()


async def test_a_till_is_answered_and_nothing_is_kept(client, service, sql, shop):
    await erase(client, "C-1")
    await settle(service)
    body = {"event": shop.order("C-1"), "channel": "store", "recommendations": {"scenario": "popular"}}
    for _ in range(2):
        answer = await client.post("/v1/checkouts", json=body)
        assert answer.status_code == 200
        assert answer.json()["event"] == {"status": "erased"}
        assert answer.json()["score"]["stage"] == "prospect"
        assert answer.json()["decision"]["degraded_because"] == "no_receipt"
        assert answer.json()["decision"]["actions"] == []
    decision = await client.post("/v1/decisions", json={"customer_id": "C-1", "channel": "store"})
    assert (decision.status_code, decision.json()["actions"]) == (200, [])
    assert (await client.get("/v1/customers/C-1/recommendations?scenario=popular")).status_code == 200
    assert [row for rows in (await everything(sql)).values() for row in rows if "C-1" in row] == []


async def test_what_is_recommended_to_them_is_recommended_to_nobody(client, service, engine, sql):
    await erase(client, "C-1")
    driver = Driver(engine)
    try:
        given = [Given(customer_id, f"r-{customer_id}", "home", 1, ["4711"]) for customer_id in ("C-1", "C-2")]
        await keep_recommendations(driver, given, TOMBSTONES)
        shadows = [Shadowed(customer_id, f"r-{customer_id}", "v1", 1, "[]") for customer_id in ("C-1", "C-2")]
        for shadow in shadows:
            await keep_shadowed(driver, shadow)
    finally:
        await driver.close()
    kept = await sql.rows("SELECT customer_id FROM recommendations ORDER BY 1")
    assert [row["customer_id"] for row in kept] == ["", "C-2"]
    assert [row["customer_id"] for row in await sql.rows("SELECT customer_id FROM recommendation_shadows")] == ["C-2"]


async def test_a_batch_of_many_tills_keeps_its_order(client, shop):
    await erase(client, "C-1")
    events = [shop.order(f"C-{number % 3}") for number in range(30)]
    bodies = [{"event": event, "channel": "store"} for event in events]
    answers = await asyncio.gather(*(client.post("/v1/checkouts", json=body) for body in bodies))
    told = [answer.json() for answer in answers]
    assert [each["event"]["status"] for each in told] == ["accepted", "erased", "accepted"] * 10
    assert [each["score"]["customer_id"] for each in told] == [event["subject"] for event in events]
    assert {each["score"]["stage"] for each in told[1::3]} == {"prospect"}


async def test_a_repeat_is_the_same_receipt_and_an_unknown_one_is_erased_before_it_comes(client, shop):
    first = await erase(client, "nobody-yet")
    assert (first["ids"], first["rows"]) == (1, {})
    assert await erase(client, "nobody-yet") == first
    assert await statuses(client, shop.order("nobody-yet")) == ["erased"]


async def test_consent_given_anew_begins_anew(client, service, shop, is_clean):
    await client.post("/v1/events", json=[shop.order("C-1", **PHONE_OF)])
    await erase(client, "C-1")
    await settle(service)
    consent = {"purpose": "marketing", "channel": "email", **PHONE_OF}
    before = shop.event("consent.changed", "C-1", at=shop.ago(days=1), data={**consent, "granted": True})
    denied = shop.event("consent.changed", "C-1", data={**consent, "granted": False})
    granted = shop.event("consent.changed", "C-1", at=shop.ago(seconds=0), data={**consent, "granted": True})
    told = await statuses(client, shop.order("C-1"), before, denied, granted, shop.order("C-1", at=shop.ago(days=3)))
    assert told == ["erased", "erased", "erased", "accepted", "erased"]
    visit = shop.order("C-1", at=shop.ago(seconds=0), **PHONE_OF)
    by_phone = {**shop.event("store.visited", at=shop.ago(seconds=0), data=PHONE_OF)}
    del by_phone["subject"]
    assert await statuses(client, visit, by_phone) == ["accepted", "accepted"]
    assert (await client.get("/v1/customers/C-1")).json()["events"] == 3
    assert await is_clean()
    again = await erase(client, "C-1")
    assert again["rows"]["events"] == 3
    assert await statuses(client, shop.order("C-1"), granted) == ["erased", "erased"]


async def test_an_identifier_of_the_erased_joins_nobody(client, service, sql, shop, is_clean):
    await client.post("/v1/events", json=shop.order("C-1", **PHONE_OF))
    await erase(client, "C-1")
    event = shop.order("C-2", **PHONE_OF)
    assert await statuses(client, event, event) == ["accepted", "duplicate"]
    assert await statuses(client, event) == ["duplicate"]
    (kept,) = (await client.get("/v1/customers/C-2/events")).json()["events"]
    assert kept["data"]["identifiers"] == []
    assert await sql.value("SELECT count(*) FROM links") == 0
    assert await is_clean()


async def test_what_another_has_too_stays_theirs(client, service, shop, is_clean):
    apart = shop.event("customer.unmerged", "C-2", data={"merged": "C-1"})
    await client.post("/v1/events", json=[shop.order("C-1", at=shop.ago(days=2), **PHONE_OF), shop.order("C-2"), apart])
    await client.post("/v1/events", json=shop.order("C-2", **PHONE_OF))
    receipt = await erase(client, "C-1")
    assert receipt["ids"] == 2
    assert (await client.get("/v1/customers/C-2")).json()["events"] == 2
    assert await is_clean()
    told = (await client.get("/v1/customers/C-2/export")).json()
    assert [each["kind"] for each in told["identifiers"]] == ["phone"]
    assert "C-1" not in json.dumps(told)
    assert await statuses(client, shop.order("C-2", **PHONE_OF), shop.order("C-1"), apart) == [
        "accepted",
        "erased",
        "erased",
    ]
    await settle(service)
    assert (await client.get("/v1/customers/C-2")).json()["events"] == 3
    assert await is_clean()


async def test_reservations_of_theirs_are_given_back(client, sql, shop, engine):
    counter = {"action_id": "a-1", "given": 5, "spent_minor": 50, "day": 20_000, "given_on_day": 5}
    contact = {"customer_id": "C-1", "decision_id": "d-1", "channel": "app", "decided_us": 1, "at_us": 1}
    counted = {"counted_day": 20_000, "cost_minor": 10}
    reserved, delivered = {"action_id": "a-1", "reserved_until_us": 9}, {"action_id": "a-2", "reserved_until_us": None}
    async with engine.begin() as connection:
        await connection.execute(insert(metadata.tables["action_counters"]).values(counter))
        rows = [{**contact, **counted, **each} for each in (reserved, delivered)]
        await connection.execute(insert(metadata.tables["contacts"]).values(rows))
    await erase(client, "C-1")
    assert await sql.row("SELECT given, spent_minor FROM action_counters") == {"given": 4, "spent_minor": 40}


async def test_a_large_one_is_erased_in_pieces_and_resumed(client, service, sql, shop, monkeypatch, is_clean):
    monkeypatch.setattr(erasure, "AT_ONCE", 100)
    monkeypatch.setattr(erasure, "PIECE", 100)
    await client.post("/v1/events", json=[shop.order("C-1") for _ in range(350)])
    calls = []
    delete = erasure._delete_piece

    async def stop(engine, erasure_id):
        calls.append(erasure_id)
        if len(calls) == 3:
            raise RuntimeError("killed")
        return await delete(engine, erasure_id)

    monkeypatch.setattr(erasure, "_delete_piece", stop)
    assert (await client.delete("/v1/customers/C-1")).status_code == 500
    assert await sql.value("SELECT count(*) FROM events") == 150
    assert await statuses(client, shop.order("C-1")) == ["erased"]
    await settle(service)
    assert await sql.value("SELECT count(*) FROM events") == 0
    (receipt,) = (await client.get("/v1/erasures")).json()["erasures"]
    assert (receipt["rows"]["events"], receipt["rows"]["customer_states"]) == (350, 1)
    assert receipt["settled_at"]
    assert await is_clean()


async def test_the_tombstone_wins_over_what_is_being_counted(client, service, sql, shop, is_clean):
    """Events of one person on all ways while they are erased: none is left, whichever came first."""
    for number in range(12):
        customer_id = f"R-{number}"
        await client.post("/v1/events", json=shop.order(customer_id))
        sending = [
            asyncio.create_task(client.post("/v1/events", json=[shop.order(customer_id) for _ in range(20)]))
            for _ in range(3)
        ]
        sending += [
            asyncio.create_task(client.post("/v1/checkouts", json={"event": shop.order(customer_id), "channel": "app"}))
            for _ in range(6)
        ]
        await asyncio.sleep(0.002 * number)
        await erase(client, customer_id)
        assert {answer.status_code for answer in await asyncio.gather(*sending)} == {200}
    await settle(service)
    assert [row for rows in (await everything(sql)).values() for row in rows if "R-" in row] == []
    assert await is_clean()


async def test_it_waits_for_who_counts_and_who_counts_waits_for_it(client, service, sql, engine, shop, wait_until):
    async with engine.connect() as held:
        await held.execute(text(f"SELECT pg_advisory_xact_lock_shared({ERASING})"))
        erasing = asyncio.create_task(erase(client, "C-1"))
        await sql.wait_for_lock()
        counting = asyncio.create_task(statuses(client, shop.order("C-1")))
        await sql.wait_for_lock(2)
        await held.rollback()
    await erasing
    assert await counting == ["erased"]


async def test_who_cannot_have_the_lock_is_told_to_come_again(client, engine, sql, shop, monkeypatch):
    async with engine.connect() as held:
        await held.execute(text(f"SELECT pg_advisory_xact_lock_shared({ERASING})"))
        monkeypatch.setattr(erasure, "_ATTEMPTS", 1)
        answer = await client.delete("/v1/customers/C-1")
        assert answer.status_code == 503
        await held.rollback()
    assert await sql.value("SELECT count(*) FROM erased_ids") == 0


async def test_the_command_erases_too(client, perennial, sql, shop, monkeypatch, tmp_path):
    monkeypatch.setattr("app.commands.persons.SETTLE_SECONDS", 0.0)
    monkeypatch.setenv("PERENNIAL_IDENTITY_KEY", "tests")
    await client.post("/v1/events", json=shop.order("C-1"))
    printed = await asyncio.to_thread(perennial, "erase", "C-1")
    receipt = json.loads(printed.splitlines()[-1])
    assert (receipt["rows"]["events"], receipt["asked_by"]) == (1, "a command")
    assert receipt["settled_at"]
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(json.dumps(event) for event in (shop.order("C-1"), shop.order("C-2"))))
    told = await asyncio.to_thread(perennial, "import", file, "--no-history")
    assert "1 are of persons who were erased" in told
    assert await sql.rows("SELECT customer_id FROM events") == [{"customer_id": "C-2"}]


def test_what_holds_nobody_is_not_erased():
    assert not set(HELD_OF_NOBODY) & set(HELD)
