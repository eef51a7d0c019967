"""Identifiers hashed by version 1 of their normal form, before there was version 2: who is known by them is found."""

import pytest

from app.ingest import pseudonyms
from app.ingest.pseudonyms import hash_forms
from app.ingest.rules import Rules
from app.lifecycle.identifiers import identifier_forms, make_pseudonym
from tests.ingest.rejections import kept_ids, listed, replay

WITH_ZERO = "+44 020 7946 0123"
"""Written with the zero that is dialled at home only; version 1 kept it."""
SAME = "+44 20 7946 0123"
RULES = Rules("CNY", 2, b"tests")
NEW, OLD = (make_pseudonym("phone", digest) for digest in hash_forms("phone", WITH_ZERO, RULES))


def of(phone):
    return [{"kind": "phone", "value": phone}]


@pytest.fixture
def before(monkeypatch):
    """While it lasts, identifiers are hashed as by version 1."""
    forms = identifier_forms

    class Before:
        def __enter__(self):
            monkeypatch.setattr(pseudonyms, "identifier_forms", lambda *given: forms(*given)[-1:])

        def __exit__(self, *_):
            monkeypatch.setattr(pseudonyms, "identifier_forms", forms)

    return Before()


@pytest.fixture
def order(shop):
    """An order of whoever has this phone."""

    def make(phone, **data):
        event = shop.order(**data, identifiers=of(phone))
        del event["subject"]
        return event

    return make


@pytest.fixture
def send(client):
    async def send(event):
        (result,) = (await client.post("/v1/events", json=[event])).json()["results"]
        return result["status"]

    return send


async def test_a_phone_is_one_customer_however_it_is_written(send, sql, order):
    for phone in (SAME, WITH_ZERO, "0044 (0)20 7946 0123"):
        assert await send(order(phone)) == "accepted"
    assert await sql.rows("SELECT customer_id, orders FROM customer_states") == [{"customer_id": NEW, "orders": 3}]


async def test_who_is_known_by_a_hash_of_before_is_found(client, send, sql, shop, order, before):
    with before:
        await send(order(WITH_ZERO))
        await send(shop.event("customer.identified", "C-1", data={"identifiers": of(WITH_ZERO)}))
    assert await sql.rows("SELECT customer_id, orders FROM customer_states WHERE orders > 0") == [
        {"customer_id": OLD, "orders": 1}
    ]
    await send(order(SAME))
    assert (await client.get("/v1/customers/C-1")).json()["orders"] == 1
    await send(order(WITH_ZERO))
    assert (await client.get("/v1/customers/C-1")).json()["orders"] == 3
    rows = await sql.rows("SELECT customer_id, person_id FROM persons")
    assert {row["customer_id"]: row["person_id"] for row in rows} == dict.fromkeys(("C-1", OLD, NEW), "C-1")


async def test_the_version_is_recorded_where_there_are_two_forms(send, sql, order):
    await send(order(WITH_ZERO))
    await send(order(SAME))
    kept = [row["data"]["identifiers"] for row in await sql.rows("SELECT data FROM events ORDER BY received_us")]
    new, old = (pseudonym.removeprefix("~phone:") for pseudonym in (NEW, OLD))
    assert kept == [
        [{"kind": "phone", "hash": new, "form": 2}, {"kind": "phone", "hash": old}],
        [{"kind": "phone", "hash": new}],
    ]


@pytest.mark.parametrize("phone", [WITH_ZERO, SAME])
async def test_a_repeat_over_the_change_is_a_duplicate(client, send, sql, shop, order, before, phone):
    named, nameless = shop.event("store.visited", data={"identifiers": of(phone)}), order(phone)
    till = {"event": order(phone)}
    with before:
        assert [await send(named), await send(nameless)] == ["accepted"] * 2
        answer = (await client.post("/v1/checkouts", json=till)).json()
    assert [await send(named), await send(nameless)] == ["duplicate"] * 2
    again = (await client.post("/v1/checkouts", json=till)).json()
    assert again == {**answer, "event": {"status": "duplicate"}}
    assert await sql.value("SELECT count(*) FROM decisions") == 1
    assert await send({**nameless, "data": {**nameless["data"], "identifiers": of("+44 020 7946 0124")}}) == "rejected"
    assert await send({**named, "subject": "C-2"}) == "rejected"


async def test_a_refused_event_keeps_both_forms_when_it_is_replayed(client, refuse, sql, order, shop):
    event = order(WITH_ZERO)
    (rejected_id,) = await refuse({**event, "time": "never"})
    kept = (await listed(client))["events"][0]["event"]
    answer = (await replay(client, rejected_id, json={**kept, "time": event["time"]})).json()
    assert answer["status"] == "accepted"
    assert await kept_ids(sql) == []
    assert await sql.value("SELECT customer_id FROM events") == NEW
    assert (await client.post("/v1/events", json=event)).json()["duplicate"] == 1
