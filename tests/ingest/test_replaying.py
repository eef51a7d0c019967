"""Refused events are counted after a fix, theirs or the service's."""

import asyncio
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from app.foundation.settings import Settings
from app.ingest import rejected_queries
from app.ingest.rules import Rules
from ml.data.importing import ImportOptions, import_file
from tests.ingest.rejections import (
    CANARY,
    CONFLICT,
    MALFORMED,
    REJECTED,
    REPLAY,
    kept_ids,
    listed,
    replay,
)


async def test_a_replay_without_a_fix_is_refused_again_and_stays(client, refuse, shop, sql):
    event = shop.order(total="ten")
    (rejected_id,) = await refuse(event)
    await sql.rows("""UPDATE rejected_events SET problem = '{"type": "of old"}'""")
    response = await replay(client, rejected_id)
    assert (response.status_code, response.json()["type"]) == (422, MALFORMED)
    (found,) = (await listed(client))["events"]
    assert (found["rejected_id"], found["event"], found["problem"]) == (rejected_id, event, response.json())
    assert await sql.value("SELECT count(*) FROM events") == 0


async def test_an_edited_event_is_counted_and_no_longer_refused(client, refuse, shop, sql):
    event = shop.order(total="ten")
    (rejected_id,) = await refuse(event)
    mended = {**event, "data": {**event["data"], "total": 10}}
    response = await replay(client, rejected_id, json=mended)
    assert (response.status_code, response.json()) == (200, {"rejected_id": rejected_id, "status": "accepted"})
    assert await kept_ids(sql) == []
    assert await sql.value("SELECT spend_minor FROM customer_states WHERE customer_id = 'C-1'") == 1000
    assert (await client.post("/v1/events", json=mended)).json()["duplicate"] == 1
    assert (await replay(client, rejected_id, json=mended)).status_code == 404


async def test_an_edit_that_is_refused_leaves_what_was_kept(client, refuse, shop):
    (rejected_id,) = await refuse(shop.order(total="ten"))
    before = await listed(client)
    response = await replay(client, rejected_id, json=shop.order(total=1, currency="USD"))
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/data/currency")
    assert (await replay(client, rejected_id, content=b"null", headers={"content-type": "application/json"})).is_error
    assert await listed(client) == before


async def test_a_conflict_stays_one_refusal(client, refuse, shop, sql):
    event = shop.order(total=1)
    await client.post("/v1/events", json=event)
    (rejected_id,) = await refuse({**event, "subject": "C-2"})
    for _ in range(2):
        response = await replay(client, rejected_id)
        assert (response.status_code, response.json()["type"]) == (409, CONFLICT)
    answer = (await client.post(REPLAY, json={})).json()
    assert (answer["rejected"], answer["results"][0]["problem"]["type"]) == (1, CONFLICT)
    assert await kept_ids(sql) == [rejected_id]
    edited = {**event, "subject": "C-2", "id": "another"}
    assert (await replay(client, rejected_id, json=edited)).json()["status"] == "accepted"


async def test_what_was_counted_meanwhile_is_a_duplicate(client, refuse, shop, sql):
    event = shop.order(total="ten")
    (rejected_id,) = await refuse(event)
    mended = {**event, "data": {**event["data"], "total": 10}}
    await client.post("/v1/events", json=mended)
    assert (await replay(client, rejected_id, json=mended)).json()["status"] == "duplicate"
    assert await kept_ids(sql) == []
    assert await sql.value("SELECT orders FROM customer_states WHERE customer_id = 'C-1'") == 1


async def test_the_same_number_written_otherwise_is_a_duplicate(client, refuse, shop):
    event = shop.order(total=10.0)
    await client.post("/v1/events", json=event)
    (rejected_id,) = await refuse({**event, "time": "never"})
    mended = {**event, "data": {**event["data"], "total": 10}}
    assert (await replay(client, rejected_id, json=mended)).json()["status"] == "duplicate"


async def test_identifiers_stay_the_hashes_they_are(client, refuse, shop, sql):
    """So that the replayed event is the one that the sender would send with the identifiers in clear."""
    event = shop.event(
        "customer.identified",
        at=(datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        data={"identifiers": [{"kind": "email", "value": CANARY}, {"kind": "card", "value": "1001"}], "vip": True},
    )
    (rejected_id,) = await refuse(event)
    response = await client.get(REJECTED)
    assert CANARY not in response.text
    (found,) = response.json()["events"]
    assert [item["kind"] for item in found["event"]["data"]["identifiers"]] == ["email", "card"]
    at = shop.ago(minutes=1)
    assert (await replay(client, rejected_id, json={**found["event"], "time": at})).json()["status"] == "accepted"
    assert await sql.value("SELECT data FROM events") == found["event"]["data"]
    assert (await client.post("/v1/events", json={**event, "time": at})).json()["duplicate"] == 1
    await client.post("/v1/events", json={**event, "time": at, "id": "in clear"})
    assert await sql.value("SELECT count(DISTINCT digest) FROM events") == 1


async def test_an_event_of_hashed_identifiers_alone_is_of_their_pseudonym(client, refuse, shop, sql):
    event = shop.event("product.viewed", at="never", data={"identifiers": [{"kind": "email", "value": CANARY}]})
    del event["subject"]
    (rejected_id,) = await refuse(event)
    kept = (await listed(client))["events"][0]["event"]
    (identifier,) = kept["data"]["identifiers"]
    response = await replay(client, rejected_id, json={**kept, "time": shop.ago(minutes=1)})
    assert response.json()["status"] == "accepted"
    assert await sql.value("SELECT customer_id FROM events") == f"~email:{identifier['hash']}"
    assert await sql.value("SELECT data FROM events") == kept["data"]


async def test_identifiers_of_an_edit_may_be_in_clear(client, refuse, shop, sql):
    event = shop.event("product.viewed", at="never", data={"identifiers": [{"kind": "email", "value": CANARY}]})
    (rejected_id,) = await refuse(event)
    kept = (await listed(client))["events"][0]["event"]["data"]["identifiers"]
    both = [{"kind": "card", "value": CANARY}, *kept]
    mended = {**event, "time": shop.ago(minutes=1), "data": {"identifiers": both}}
    assert (await replay(client, rejected_id, json=mended)).json()["status"] == "accepted"
    stored = (await sql.value("SELECT data FROM events"))["identifiers"]
    assert stored[0] == kept[0]
    assert (stored[1]["kind"], len(stored[1]["hash"])) == ("card", 64)
    assert CANARY not in str(stored)


@pytest.mark.parametrize("item", [{"kind": "email", "hash": "ff"}, {"kind": 1, "hash": "f" * 64}, {"hash": "f" * 64}])
async def test_what_only_looks_like_a_hash_is_refused(client, refuse, shop, item):
    event = shop.event("customer.identified", at="never")
    (rejected_id,) = await refuse(event)
    mended = {**event, "time": shop.ago(minutes=1), "data": {"identifiers": [item]}}
    assert (await replay(client, rejected_id, json=mended)).status_code == 422


async def test_many_are_replayed_after_the_service_was_mended(client, refuse, shop, sql, serve):
    """They were sent in a currency that the deployment did not count in."""
    dollars = [shop.order(total=1, currency="USD", order_id=f"A-{number}") for number in range(3)]
    ids = await refuse(dollars[0], shop.order(total="ten"), dollars[1], dollars[2], dollars[2])
    async with serve(currency="USD") as other:
        answer = (await other.client.post(REPLAY, json={})).json()
    assert [(item["rejected_id"], item["status"]) for item in answer["results"]] == [
        (ids[0], "accepted"),
        (ids[1], "rejected"),
        (ids[2], "accepted"),
        (ids[3], "accepted"),
        (ids[4], "duplicate"),
    ]
    assert [answer[status] for status in ("accepted", "duplicate", "rejected")] == [3, 1, 1]
    assert (answer["unknown"], answer["next_after"]) == ([], None)
    assert answer["results"][1]["problem"]["type"] == MALFORMED
    assert await kept_ids(sql) == [ids[1]]
    assert await sql.value("SELECT orders FROM customer_states WHERE customer_id = 'C-1'") == 3


async def test_of_two_contents_of_one_identity_the_first_is_counted(client, shop, sql, refuse, serve):
    event = shop.order(total=1, currency="USD")
    ids = await refuse(event, {**event, "data": {**event["data"], "total": 2}})
    async with serve(currency="USD") as other:
        answer = (await other.client.post(REPLAY, json={})).json()
    assert [item["status"] for item in answer["results"]] == ["accepted", "rejected"]
    assert await kept_ids(sql) == [ids[1]]
    assert await sql.value("SELECT problem ->> 'type' FROM rejected_events") == CONFLICT


async def test_a_replay_goes_on_where_the_last_one_stopped(client, refuse, shop):
    ids = await refuse(*(shop.order(total="ten") for _ in range(3)))
    seen, after = [], 0
    for size in (2, 1):
        answer = (await client.post(REPLAY, json={"limit": 2, "after": after})).json()
        assert answer["rejected"] == size
        seen += [item["rejected_id"] for item in answer["results"]]
        after = answer["next_after"]
    assert seen == ids
    assert after is None


async def test_those_named_are_replayed(client, refuse, shop):
    ids = await refuse(*(shop.order(total="ten") for _ in range(3)))
    answer = (await client.post(REPLAY, json={"rejected_ids": [ids[2], 10**15, ids[0], ids[2]]})).json()
    assert [item["rejected_id"] for item in answer["results"]] == [ids[0], ids[2]]
    assert (answer["unknown"], answer["next_after"]) == ([10**15], None)
    nothing = (await client.post(REPLAY, json={"rejected_ids": []})).json()
    assert (nothing["results"], nothing["unknown"]) == ([], [])


async def test_those_named_go_in_portions_where_they_are_large(client, refuse, shop, monkeypatch):
    monkeypatch.setattr(rejected_queries, "MAX_PAGE_BYTES", 1000)
    ids = await refuse(*(shop.order(total="ten", note="x" * 1500) for _ in range(3)))
    await client.delete(f"{REJECTED}/{ids[1]}")
    wanted = {"rejected_ids": [*ids, ids[2] + 1]}
    after, seen, unknown = 0, [], []
    while after is not None:
        answer = (await client.post(REPLAY, json={**wanted, "after": after})).json()
        seen += [item["rejected_id"] for item in answer["results"]]
        unknown += answer["unknown"]
        after = answer["next_after"]
    assert (seen, unknown) == ([ids[0], ids[2]], [ids[1], ids[2] + 1])


async def test_a_replay_of_one_kind(client, refuse, shop):
    counted = shop.order(total=1)
    await client.post("/v1/events", json=counted)
    _, conflict = await refuse(shop.order(total="ten"), {**counted, "subject": "C-2"})
    answer = (await client.post(REPLAY, json={"type": "conflict", "since": shop.ago(minutes=1)})).json()
    assert [item["rejected_id"] for item in answer["results"]] == [conflict]
    assert (await client.post(REPLAY, json={"since": datetime.now(UTC).isoformat()})).json()["results"] == []


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"ids": [1]},
        {"rejected_ids": ["1"]},
        {"rejected_ids": [0]},
        {"rejected_ids": [1] * 1001},
        {"rejected_ids": [1], "limit": 5},
        {"limit": 1001},
        {"since": "yesterday"},
    ],
)
async def test_wishes_of_another_form(client, body):
    response = await client.post(REPLAY, json=body)
    assert (response.status_code, response.json()["type"]) == (422, MALFORMED)


async def test_what_was_no_event_at_all_is_refused_again(client, refuse):
    """With the problem that it had: that a size is no event would be no news."""
    ids = await refuse("what?", 5)
    before = (await listed(client))["events"]
    assert [item["event"] for item in before] == [{"bytes": 1}, {"bytes": 7}]
    answer = (await client.post(REPLAY, json={})).json()
    assert answer["rejected"] == 2
    assert [item["problem"]["detail"] for item in answer["results"]] == ["the body: Input should be an object"] * 2
    one = await replay(client, ids[0])
    assert (one.status_code, one.json()) == (422, before[1]["problem"])
    assert (await listed(client))["events"] == before


async def test_what_was_no_object_is_counted_when_it_was_mended(client, refuse, shop, sql):
    (rejected_id,) = await refuse("what?")
    refused = await replay(client, rejected_id, json={"bytes": 7})
    assert refused.json()["errors"][0]["pointer"] == "/specversion"
    assert (await replay(client, rejected_id, json=shop.order())).json()["status"] == "accepted"
    assert await kept_ids(sql) == []


@pytest.mark.parametrize("event", [{"bytes": 7}, {"bytes": "seven"}, {"line": 1, "bytes": 7, "id": "x"}, {}])
async def test_an_object_that_looks_like_a_size_keeps_its_own_problem(client, refuse, event):
    (rejected_id,) = await refuse(event)
    before = await listed(client)
    assert (await replay(client, rejected_id)).json()["errors"][0]["pointer"] == "/specversion"
    assert await listed(client) == before


async def test_a_line_of_an_import_that_was_no_json_stays_one(client, service, sql, tmp_path, engine, shop):
    path = tmp_path / "events.ndjson"
    path.write_bytes(orjson.dumps(shop.order()) + b"\n{broken\n5\n")
    options, rules = ImportOptions("/import/events", "UTC", False, {}), Rules("CNY", 2, b"key")
    await import_file(path, options, engine, Settings(), rules, lambda *_: None)
    before = (await listed(client))["events"]
    assert [item["event"] for item in before] == [{"bytes": 1}, {"line": 2, "bytes": 8}]
    answer = (await client.post(REPLAY, json={})).json()
    assert [item["problem"]["status"] for item in answer["results"]] == [400, 422]
    one = await replay(client, before[1]["rejected_id"])
    assert (one.status_code, one.json()) == (400, before[1]["problem"])
    assert (await listed(client))["events"] == before


async def test_replays_at_the_same_time_count_once(client, refuse, shop, sql, serve):
    await refuse(*(shop.order(total=1, currency="USD", order_id=f"A-{number}") for number in range(20)))
    async with serve(currency="USD") as other:
        answers = await asyncio.gather(*(other.client.post(REPLAY, json={}) for _ in range(4)))
    assert sum(answer.json()["accepted"] for answer in answers) == 20
    assert await kept_ids(sql) == []
    assert await sql.value("SELECT orders FROM customer_states WHERE customer_id = 'C-1'") == 20


async def test_what_broke_off_after_the_counting_is_a_duplicate_next_time(service, refuse, shop, sql, monkeypatch):
    event = shop.order(total="ten")
    (rejected_id,) = await refuse(event)
    mended = {**event, "data": {**event["data"], "total": 10}}

    async def lose(*_):
        raise ConnectionResetError

    with monkeypatch.context() as broken:
        broken.setattr("app.ingest.replaying.delete_rejected", lose)
        async with service.connect(raises=False, headers={"authorization": f"Bearer {service.key}"}) as client:
            assert (await replay(client, rejected_id, json=mended)).status_code == 503
    assert await kept_ids(sql) == [rejected_id]
    assert (await replay(service.client, rejected_id, json=mended)).json()["status"] == "duplicate"
    assert await kept_ids(sql) == []
    assert await sql.value("SELECT orders FROM customer_states WHERE customer_id = 'C-1'") == 1


async def test_a_purchase_whose_subject_is_null_stays_its_customers(client, refuse, shop, sql):
    """Its identifiers are hashes by then; they name the customer all the same."""
    identifiers = [{"kind": "phone", "value": "+8613800138000"}]
    event = {**shop.order(total="ten", identifiers=identifiers), "subject": None}
    (rejected_id,) = await refuse(event)
    (kept,) = (await listed(client))["events"]
    mended = {**kept["event"], "data": {**kept["event"]["data"], "total": 10}}
    assert (await replay(client, rejected_id, json=mended)).json()["status"] == "accepted"
    assert (await sql.value("SELECT customer_id FROM customer_states")).startswith("~phone:")


async def test_a_hash_of_a_kind_that_is_none_is_refused(client, refuse, shop):
    (rejected_id,) = await refuse(shop.order(total="ten"))
    event = shop.event("product.viewed", data={"identifiers": [{"kind": "a:b", "hash": "0" * 64}]})
    event.pop("subject")
    assert (await replay(client, rejected_id, json=event)).status_code == 422
