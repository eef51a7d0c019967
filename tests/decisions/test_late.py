"""A decision that comes too late says so, whether or not a model serves."""

import asyncio

import orjson
import pytest

from app.models.held import Models


@pytest.fixture
async def modelled(serve, sql, make_model):
    """A service that is not degraded for lack of a model."""
    async with serve() as service:
        service.resources.of(Models).champion = make_model("v7")
        yield service


async def ask_late(service, sql, path, body, table, mode):
    """What is answered when the database took longer than the deadline of 20 ms."""
    async with sql.engine.begin() as other:
        await other.exec_driver_sql(f"LOCK TABLE {table} IN {mode} MODE")
        waiting = asyncio.create_task(service.client.post(path, json={**body, "max_actions": 2, "deadline_ms": 20}))
        await sql.wait_for_lock()
        await asyncio.sleep(0.05)
    return (await waiting).json()


async def test_a_checkout_that_is_late_is_degraded_though_a_model_scored_it(modelled, sql, shop):
    body = {"event": shop.order(), "channel": "store"}
    late = await ask_late(modelled, sql, "/v1/checkouts", body, "events", "EXCLUSIVE")
    assert late["score"]["model_version"] == "v7"
    assert (late["decision"]["actions"], late["decision"]["degraded"]) == ([], True)
    in_time = {"event": shop.order("C-2"), "channel": "store", "max_actions": 2, "deadline_ms": 60_000}
    answer = (await modelled.client.post("/v1/checkouts", json=in_time)).json()
    assert answer["decision"]["actions"]
    assert answer["decision"]["degraded"] is False


async def test_a_decision_that_is_late_is_degraded_starts_no_cool_down_and_its_receipt_says_why(modelled, sql, shop):
    await modelled.client.post("/v1/events", json=shop.order())
    body = {"customer_id": "C-1"}
    late = await ask_late(modelled, sql, "/v1/decisions", body, "customer_states", "ACCESS EXCLUSIVE")
    assert (late["actions"], late["degraded"]) == ([], True)
    assert await sql.value("SELECT receipt->>'is_late' FROM decisions") == "true"
    assert await sql.value("SELECT count(*) FROM offers") == 0
    decision = (await modelled.client.post("/v1/decisions", json={**body, "deadline_ms": 60_000})).json()
    assert decision["actions"]
    assert decision["degraded"] is False


@pytest.mark.parametrize("path", ["/v1/checkouts", "/v1/decisions"])
async def test_the_deadline_counts_from_the_arrival_of_the_request_not_of_its_last_byte(modelled, shop, path):
    wanted = {"max_actions": 2, "deadline_ms": 20}
    asked = {"event": shop.order(), **wanted} if path == "/v1/checkouts" else {"customer_id": "nobody", **wanted}

    async def trickle():
        yield orjson.dumps(asked)
        await asyncio.sleep(0.05)

    response = await modelled.client.post(path, content=trickle(), headers={"content-type": "application/json"})
    decision = response.json().get("decision", response.json())
    assert (response.status_code, decision["actions"], decision["degraded"]) == (200, [], True)
