"""Other policies are judged on the log as the database has it."""

import asyncio
import time

import pytest

from app.database.engine import transaction
from app.decisions.catalogue_queries import read_catalogue
from app.decisions.judging import judge_policy
from app.decisions.outcome_queries import Rewarding, find_judged_since, read_judged, read_log
from app.lifecycle.events import DAY_US
from ml.data.decisions import read_decisions
from ml.evaluation.policy import evaluate_policies


async def ask(client, number):
    response = await client.post("/v1/decisions", json={"customer_id": f"C-{number}", "channel": "web"})
    assert response.status_code == 200, response.text
    decision = response.json()
    if decision["actions"] and decision["actions"][0]["action_id"] == "first-order-coupon":
        told = {"decision_id": decision["decision_id"], "action_id": "first-order-coupon", "outcome": "redeemed"}
        assert (await client.post("/v1/outcomes", json=told)).json()["accepted"] == 1


REWARDING = Rewarding(30 * DAY_US, 0, 0.0, 0.25, 100)


@pytest.fixture
async def log(serve, engine, sql):
    async with serve(exploration=1.0, control_share=0.4) as service:  # enough of whom something is withheld
        for begin in range(0, 400, 20):
            await asyncio.gather(*(ask(service.client, number) for number in range(begin, begin + 20)))
        now_us = time.time_ns() // 1000
        async with transaction(engine) as connection:
            rows = await read_log(connection, 0, now_us + 1, now_us, REWARDING)
            catalogue = await read_catalogue(connection)
        return read_decisions(rows, {action.action_id: action.group for action in catalogue.actions})


async def test_the_log_has_what_chance_decided_and_with_what_probability(log):
    assert 200 < log.is_judged.sum() < 300
    assert (log.propensities[log.is_judged] < 1).all()
    assert log.eligible[log.is_judged, log.actions[log.is_judged]].all()
    coupon = log.action_ids.index("first-order-coupon")
    assert (log.rewards[log.actions == coupon] <= 0).all()
    result = evaluate_policies(log)
    assert result["decisions"] == log.is_judged.sum()
    assert result["policies"]["rules"]["effective_sample_size"] > 20
    # who redeems costs, and buys nothing: what is learned shows it to nobody
    assert result["policies"]["learned"]["doubly_robust"]["value"] >= result["as_decided"]


async def test_what_is_read_to_judge_is_what_is_judged_of_the_log_and_no_more_than_so_many(serve, engine, sql):
    async with serve(exploration=1.0, control_share=0.1, usual_share=0.1) as service:
        for begin in range(0, 140, 20):
            await asyncio.gather(*(ask(service.client, number) for number in range(begin, begin + 20)))
        wanted = {"customer_id": "C-0", "channel": "web", "max_actions": 3}
        for number in range(140, 160):
            prepared = {**wanted, "customer_id": f"C-{number}", "activate": False}
            await service.client.post("/v1/decisions", json=prepared)
        await service.client.post("/v1/decisions", json=wanted)
    now_us = time.time_ns() // 1000
    async with transaction(engine) as connection:
        rows = await read_log(connection, 0, now_us, now_us, REWARDING)
        judged = await read_judged(connection, 0, now_us, REWARDING, 1000)
        few = await read_judged(connection, 0, now_us, REWARDING, 10)
        since_us = await find_judged_since(connection, 0, now_us, REWARDING, 10)
        of_all_us = await find_judged_since(connection, 0, now_us, REWARDING, 1000)
        early = await read_judged(connection, 0, now_us, REWARDING._replace(wait_us=DAY_US), 10)
    assert judge_policy(judged[::-1], {"gift": 2.0}, 0.1) == judge_policy(rows, {"gift": 2.0}, 0.1)
    assert {(row.place, row.arm, row.activated_us is None) for row in judged} == {(1, "learner", False)}
    assert len(judged) < len(rows)
    assert (list(few), list(early)) == (list(judged[:10]), [])
    assert (since_us, of_all_us) == (few[-1].decided_us, 0), "what came of those before is not looked for"
    assert [row.decided_us for row in few] == sorted((row.decided_us for row in judged), reverse=True)[:10]
    assert set(few[0].receipt) == {"request", "test", "customer", "expected_values", "suppressed"}
