"""All that is kept of a person, in one document."""

import asyncio
import json

import pytest

from app.database.tables import metadata
from app.privacy import export
from app.privacy.held import HELD, HELD_OF_NOBODY, NAMED_IN_TEXT
from tests.privacy.canaries import OWN, PHONE, plant

PHONE_OF = {"identifiers": [{"kind": "phone", "value": "+8613800138000"}]}


async def export_of(client, customer_id):
    answer = await client.get(f"/v1/customers/{customer_id}/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


def test_every_table_is_of_persons_or_says_what_it_holds_of_nobody():
    known = [*HELD, *HELD_OF_NOBODY, NAMED_IN_TEXT]
    assert sorted(known) == sorted(metadata.tables)


@pytest.mark.parametrize("name", HELD_OF_NOBODY)
def test_what_holds_nobody_has_no_column_of_customers(name):
    assert not {"customer_id", "person_id", "member_id", "low_id", "high_id"} & set(metadata.tables[name].c.keys())


@pytest.mark.parametrize("name", HELD)
def test_every_column_of_customers_is_looked_at(name):
    of_customers = {"customer_id", "person_id", "low_id", "high_id", "survivor_id"}
    assert set(HELD[name]) == of_customers & set(metadata.tables[name].c.keys())


@pytest.mark.parametrize("asked", [OWN, PHONE])
async def test_what_stands_in_any_text_of_any_table_is_told(client, engine, asked):
    canaries = await plant(engine)
    told = await export_of(client, asked)
    assert {canary for canary in canaries if canary not in json.dumps(told)} == set()
    assert all(told["tables"][name] for name in (*HELD, NAMED_IN_TEXT))
    assert (told["customer_id"], told["person_id"], told["customer_ids"]) == (asked, OWN, [OWN])
    assert told["identifiers"] == [{"kind": "phone", "hash": PHONE[7:]}]


async def test_nothing_of_anybody_else_is_told(client, engine, shop):
    canaries = await plant(engine)
    refused = shop.event("order.completed", "C-2", data={"total": "much", "note": OWN})
    sent = await client.post("/v1/events", json=[shop.order("C-2"), refused])
    assert sent.json()["rejected"] == 1
    told = await export_of(client, "C-2")
    assert not [canary for canary in canaries - {OWN} if canary in json.dumps(told)]
    assert [row["subject"] for row in (each["event"] for each in told["tables"][NAMED_IN_TEXT])] == ["C-2"]
    assert not [row for row in (await export_of(client, OWN))["tables"][NAMED_IN_TEXT] if "C-2" in json.dumps(row)]


async def test_a_person_of_several_ids_is_told_whole_under_any_of_them(client, shop):
    merged = shop.event("customer.merged", "CARD-7", data={"merged": "WEB-9"})
    visit = {**shop.event("store.visited", data=PHONE_OF)}
    del visit["subject"]
    events = [shop.order("CARD-7", **PHONE_OF), shop.order("WEB-9"), merged, visit, shop.order("C-3")]
    await client.post("/v1/events", json=events)
    at_till = shop.order("WEB-9")
    checkout = await client.post("/v1/checkouts", json={"event": at_till, "channel": "store"})
    told = {asked: await export_of(client, asked) for asked in ("CARD-7", "WEB-9")}
    for asked, document in told.items():
        assert (document.pop("customer_id"), document.pop("exported_at")[:2]) == (asked, "20")
    assert told["CARD-7"] == told["WEB-9"]
    document = told["CARD-7"]
    assert document["customer_ids"] == ["CARD-7", "WEB-9"]
    assert [each["kind"] for each in document["identifiers"]] == ["phone"]
    ids = [row["id"] for row in document["tables"]["events"]]
    assert sorted(ids) == sorted(event["id"] for event in (*events[:4], at_till))
    assert len(document["tables"]["customer_states"]) == 3
    (decision,) = document["tables"]["decisions"]
    assert decision["decision_id"] == checkout.json()["decision"]["decision_id"]
    assert decision["receipt"]["expected_values"]


async def test_what_another_says_of_the_person_is_told(client, shop):
    apart = shop.event("customer.unmerged", "C-1", data={"merged": "C-2"})
    await client.post("/v1/events", json=[shop.order("C-1"), shop.order("C-2"), apart])
    told = await export_of(client, "C-2")
    assert [row["id"] for row in told["events_of_others"]] == [apart["id"]]
    assert [row["id"] for row in told["tables"]["events"]] != [apart["id"]]


async def test_of_somebody_unknown_there_is_nothing(client):
    answer = await client.get("/v1/customers/nobody/export")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:perennial:problem:unknown-customer")


async def test_a_large_one_is_told_by_way_of_the_disk(client, shop, monkeypatch):
    monkeypatch.setattr(export, "IN_MEMORY_BYTES", 10_000)
    await client.post("/v1/events", json=[shop.order("C-1") for _ in range(500)])
    told = await export_of(client, "C-1")
    assert len({row["id"] for row in told["tables"]["events"]}) == 500


async def test_the_command_prints_the_same(client, perennial, shop):
    await client.post("/v1/events", json=shop.order("C-1"))
    printed = json.loads(await asyncio.to_thread(perennial, "export-customer", "C-1"))
    told = await export_of(client, "C-1")
    assert {**printed, "exported_at": ""} == {**told, "exported_at": ""}
