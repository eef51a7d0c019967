"""Placeholders are nobody, at every door: the purchase is kept, and nobody is joined by them."""

import itertools
import json

import pytest

from app.foundation.metrics import WARNINGS
from app.ingest import admission
from app.ingest.rules import Rules
from app.lifecycle import identifiers

PLACEHOLDERS = (
    "undefined",
    " NULL ",
    "None",
    "nan",
    "[object Object]",
    "0",
    "Guest",
    "anonymous",
    "#N/A",
    "(null)",
    "",
)
RULES = Rules("CNY", 2, b"k")


@pytest.mark.parametrize("subject", PLACEHOLDERS)
async def test_a_purchase_of_a_placeholder_is_kept_as_nobodys(client, sql, shop, subject):
    first, second = shop.order(subject), shop.order(subject)
    answer = (await client.post("/v1/events", json=[first])).json()
    assert answer["results"][0]["status"] == "accepted"
    assert "nobody" in {warning["code"] for warning in answer["results"][0]["warnings"]} or subject == ""
    till = (await client.post("/v1/checkouts", json={"event": second})).json()
    assert (till["event"]["status"], till["score"]["stage"]) == ("accepted", "prospect")
    assert await sql.value("SELECT count(*) FROM customer_states") == 0
    assert await sql.value("SELECT count(DISTINCT customer_id) FROM events WHERE customer_id LIKE '~basket:%'") == 2


@pytest.mark.parametrize("user_id", [*PLACEHOLDERS, 0, False, {}, []])
async def test_a_message_of_a_placeholder(client, sql, shop, user_id):
    def message(number, **more):
        return {
            "type": "track",
            "event": "Order Completed",
            "messageId": f"m-{number}",
            "userId": user_id,
            "originalTimestamp": shop.ago(minutes=number),
            "properties": {"order_id": str(number), "total": 5},
            **more,
        }

    batch = {"batch": [message(1), message(2), message(3, anonymousId="v-1"), message(4, anonymousId="v-2")]}
    assert (await client.post("/v1/segment", json=batch)).json()["accepted"] == 4
    states = await sql.rows("SELECT orders FROM customer_states")
    assert [row["orders"] for row in states] == [1, 1]
    assert await sql.value("SELECT count(*) FROM persons") == 0


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *itertools.product(("phone", "email", "card", "device", "user_id"), (*filter(None, PLACEHOLDERS), "000000")),
        *itertools.product(("phone", "email"), ("1.38E+10", "see notes")),
    ],
)
async def test_nobody_is_joined_by_a_placeholder(client, sql, shop, kind, value):
    named = [{"kind": kind, "value": value}]
    orders = [shop.order(name, identifiers=named, order_id=name, total=1, channel="store") for name in ("A", "B")]
    results = (await client.post("/v1/events", json=orders)).json()["results"]
    assert {warning["code"] for result in results for warning in result["warnings"]} == {"nobody"}
    assert await sql.value("SELECT count(*) FROM persons") == 0
    assert (await client.get("/v1/customers/A")).json()["orders"] == 1


async def test_what_is_no_purchase_of_a_placeholder_is_refused(client, shop):
    response = await client.post("/v1/events", json=shop.event("product.viewed", "undefined", data={}))
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/subject")


async def test_a_merge_with_a_placeholder_joins_nobody_and_one_of_before_is_taken_back(client, sql, shop):
    merged = shop.event("customer.merged", "C-1", data={"merged": "null"})
    response = await client.post("/v1/events", json=merged)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/data/merged")
    apart = shop.event("customer.unmerged", "C-1", data={"merged": "null"})
    assert (await client.post("/v1/events", json=apart)).json()["accepted"] == 1


@pytest.mark.parametrize(
    ("subject", "named"),
    [
        ("NULL", []),
        ("guest", [("phone", "13800138000")]),
        (None, [("email", "guest")]),
        (None, [("email", "guest"), ("phone", "13800138000")]),
        ("C-1", [("phone", "1.38E+10"), ("email", "#N/A")]),
        ("C-1", [("email", "Wei Li <y@example.com>"), ("phone", "13800138000.0")]),
        (None, [("email", "z@exämple.de")]),
    ],
)
async def test_a_repeat_of_what_was_counted_before_there_were_placeholders_is_a_duplicate(
    client, sql, shop, monkeypatch, subject, named
):
    given = [{"kind": kind, "value": value} for kind, value in named]
    event = shop.order(subject, order_id="1", total=1, channel="store", **({"identifiers": given} if given else {}))
    with monkeypatch.context() as before:
        before.setattr(admission, "identifier_forms", identifiers.former_forms)
        before.setattr(admission, "is_nobody", lambda _: False)
        assert (await client.post("/v1/events", json=event)).json()["accepted"] == 1
    assert (await client.post("/v1/events", json=event)).json()["duplicate"] == 1
    other = {**event, "data": {**event["data"], "total": 2}}
    assert (await client.post("/v1/events", json=other)).status_code == 409
    assert (await client.post("/v1/events", json={**event, "subject": "C-2"})).status_code == 409


async def test_a_refused_event_of_a_placeholder_is_replayed_as_nobodys(client, sql, shop):
    named = [{"kind": "email", "value": "guest"}]
    event = shop.order("undefined", at="never", order_id="1", total=1, channel="store", identifiers=named)
    assert (await client.post("/v1/events", json=event)).status_code == 422
    (row,) = await sql.rows("SELECT rejected_id, event FROM rejected_events")
    kept = json.loads(row["event"])
    mended = {**kept, "time": shop.ago(minutes=1)}
    replayed = await client.post(f"/v1/events/rejected/{row['rejected_id']}:replay", json=mended)
    assert replayed.json()["status"] == "accepted"
    assert (await client.post("/v1/events", json={**event, "time": mended["time"]})).json()["duplicate"] == 1


async def test_warnings_are_counted_once_by_code(client, shop):
    before = dict(WARNINGS.values)
    event = shop.order("guest", order_id=7, total="5", channel="x" * 300)
    for _ in range(2):
        await client.post("/v1/events", json=event)
    counts = {code: WARNINGS.values[code,] - before.get((code,), 0) for code in ("mended", "cut", "nobody")}
    assert counts == {"mended": 2, "cut": 1, "nobody": 1}
    assert 'perennial_warnings_total{code="cut"}' in (await client.get("/metrics")).text
