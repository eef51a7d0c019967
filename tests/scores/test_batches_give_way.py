"""Long work of the API: in slices, charged to its key, bounded in time."""

import asyncio
import time

import pytest

from app.ingest import intake
from app.scores import router


@pytest.fixture
def slices(monkeypatch):
    """Small ones, so that a few customers are many slices."""
    for module, names in ((router, ("GIVING_WAY", "MOST_IN_TURN")), (intake, ("EVENTS_GIVING_WAY", "MOST_EVENTS"))):
        for name in names:
            monkeypatch.setattr(module, name, 3)


async def test_a_batch_of_scores_in_slices_is_answered_as_one_in_one_go(client, shop, monkeypatch):
    await client.post("/v1/events", json=[shop.order(f"C-{number}", total=number + 1) for number in range(10)])
    asked = {"customer_ids": [*(f"C-{number}" for number in range(9, -1, -1)), "nobody", "C-3"]}
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns)  # what is expected moves with the time
    whole = (await client.post("/v1/scores:batch", json=asked)).json()
    monkeypatch.setattr(router, "GIVING_WAY", 3)
    monkeypatch.setattr(router, "MOST_IN_TURN", 3)
    sliced = (await client.post("/v1/scores:batch", json=asked)).json()
    assert [each["customer_id"] for each in sliced["scores"]] == [f"C-{number}" for number in range(9, -1, -1)]
    assert sliced == whole
    assert sliced["unknown"] == ["nobody"]


@pytest.mark.usefixtures("slices")
async def test_a_batch_of_events_in_slices_is_one_answer_in_the_order_sent(client, sql, shop):
    events = [shop.order(f"C-{number % 4}", total=1.0) for number in range(10)]
    sent = [*events, {"bad": 1}, events[0]]
    told = (await client.post("/v1/events", json=sent)).json()
    assert [each["status"] for each in told["results"]] == [*["accepted"] * 10, "rejected", "duplicate"]
    assert (told["accepted"], told["rejected"], told["duplicate"]) == (10, 1, 1)
    assert await sql.value("SELECT sum(orders) FROM customer_states") == 10
    assert await sql.value("SELECT count(*) FROM rejected_events") == 1


@pytest.mark.usefixtures("slices")
async def test_a_short_request_is_answered_between_the_slices_of_a_long_one(client, service, shop):
    """By order: the batch has turns left when the checkout has been answered."""
    long_work, turns = service.resources.long_work, []
    take = long_work.turn

    def count():
        turns.append("turn")
        return take()

    long_work.turn = count
    try:
        batch = asyncio.create_task(client.post("/v1/events", json=[shop.order(f"C-{n}") for n in range(60)]))
        while len(turns) < 2:  # noqa: ASYNC110 - the batch has begun
            await asyncio.sleep(0)
        assert (await client.post("/v1/checkouts", json={"event": shop.order("C-till")})).status_code == 200
        before = len(turns)
        assert (await batch).json()["accepted"] == 60
        assert len(turns) > before
    finally:
        long_work.turn = take


async def test_the_past_behind_a_lock_is_unavailable_within_the_patience(serve, sql, shop):
    async with serve(patience_ms=200) as service:
        await service.client.post("/v1/events", json=shop.order("C-1"))
        now = shop.ago(minutes=0)
        asked = {"customer_ids": ["C-1"], "as_of": now}
        async with sql.engine.begin() as other:
            await other.exec_driver_sql("LOCK TABLE events, customer_states")
            began_s = time.monotonic()
            answers = [
                await service.client.get("/v1/customers/C-1/score", params={"as_of": now}),
                await service.client.post("/v1/scores:batch", json=asked),
                await service.client.post("/v1/scores:batch", json={"customer_ids": ["C-1"]}),
            ]
            assert time.monotonic() - began_s < 4, "a statement is given up after five seconds"
        assert [each.status_code for each in answers] == [503, 503, 503]
        assert all(each.headers["retry-after"] for each in answers)
        assert (await service.client.post("/v1/scores:batch", json=asked)).status_code == 200


async def test_a_key_that_asks_for_too_much_is_told_when_to_come_again_and_its_tills_go_on(serve, sql, shop):
    async with serve(key_units=2) as service:
        client = service.client
        asked = {"customer_ids": [f"C-{number}" for number in range(9)]}
        taken = await client.post("/v1/scores:batch", json=asked)
        assert (taken.status_code, taken.headers["ratelimit-policy"]) == (200, '"units";q=10;w=5')
        assert taken.headers["ratelimit"] == '"units";r=0;t=5'
        refused = await client.post("/v1/scores:batch", json=asked)
        assert refused.status_code == 429
        assert refused.json()["type"] == "urn:perennial:problem:too-many-requests"
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers.get_list("ratelimit-policy") == ['"units";q=10;w=5']
        assert refused.headers["ratelimit"] == f'"units";r=0;t={refused.headers["retry-after"]}'
        probed = await client.get("/livez")
        assert (probed.status_code, "ratelimit" in probed.headers) == (200, False)
        for _ in range(20):
            sold = await client.post("/v1/checkouts", json={"event": shop.order("C-1")})
            assert (sold.status_code, "ratelimit" in sold.headers) == (200, False)


async def test_calls_that_fastapi_solves_cost_a_unit_too(serve, sql):
    async with serve(key_units=1) as service:
        answers = [await service.client.get("/v1/erasures") for _ in range(6)]
    assert [each.status_code for each in answers] == [200] * 5 + [429]
    assert [each.headers["ratelimit"] for each in answers[:5]] == [f'"units";r={4 - n};t={1 + n}' for n in range(5)]
    assert answers[5].headers.get_list("ratelimit") == ['"units";r=0;t=1']
    assert answers[5].headers["retry-after"] == "1"


async def test_a_context_has_at_most_8_kib(client, shop):
    context = {"note": "x" * 8200}
    refused = await client.post("/v1/decisions", json={"customer_id": "C-1", "context": context})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/context"
    taken = await client.post("/v1/decisions", json={"customer_id": "C-1", "context": {"note": "x" * 8000}})
    assert taken.status_code == 200


async def test_a_sale_is_counted_without_a_context_that_is_too_large(client, shop):
    told = await client.post("/v1/checkouts", json={"event": shop.order("C-1"), "context": {"note": "x" * 8200}})
    assert told.status_code == 200
    event = told.json()["event"]
    assert event["status"] == "accepted"
    assert event["warnings"][0]["pointer"] == "/context"
    assert "8192" in event["warnings"][0]["detail"]


async def test_a_large_body_is_read_in_its_turn(client, service, shop):
    note = "x" * 70_000
    body = {"event": shop.order("C-1", note=note)}
    async with service.resources.long_work.turn():
        waiting = asyncio.create_task(client.post("/v1/checkouts", json=body))
        small = await client.post("/v1/checkouts", json={"event": shop.order("C-2")})
        assert small.status_code == 200
        assert not waiting.done()
    assert (await waiting).status_code == 200
