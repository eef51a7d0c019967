"""What came of decisions: told, joined, shared and rewarded."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.database.engine import transaction
from app.decisions.activating import give_back_all
from app.decisions.outcome_queries import Rewarding, read_log
from app.foundation.settings import Settings
from app.lifecycle.events import DAY_US

WINDOW_US = 30 * DAY_US
REWARDING = Rewarding(WINDOW_US, 0, -1.0, 0.25, 100)


def now_us():
    return time.time_ns() // 1000


async def decide(client, customer_id="C-1", **wanted):
    response = await client.post("/v1/decisions", json={"customer_id": customer_id, **wanted})
    assert response.status_code == 200, response.text
    return response.json()


async def tell(client, outcome="redeemed", **told):
    return await client.post("/v1/outcomes", json={"outcome": outcome, **told})


async def send(client, *events):
    response = await client.post("/v1/events", json=list(events))
    assert response.json()["rejected"] == 0, response.text


def first(decision):
    return {"decision_id": decision["decision_id"], "action_id": decision["actions"][0]["action_id"]}


async def age(sql, decision, days):
    """As if it had been made so long ago."""
    given = {"id": decision["decision_id"], "us": days * DAY_US}
    await sql.rows("UPDATE decisions SET decided_us = decided_us - :us WHERE decision_id = :id", **given)


@pytest.fixture
def log(engine):
    async def read(rewarding=REWARDING):
        async with transaction(engine) as connection:
            return await read_log(connection, 0, now_us() + 1, now_us(), rewarding)

    return read


async def test_an_outcome_counts_once_however_often_it_is_told(client, sql):
    told = first(await decide(client))
    assert (await tell(client, **told)).json() == {
        "accepted": 1,
        "duplicate": 0,
        "rejected": 0,
        "results": [{"status": "accepted"}],
    }
    for again in (told, {**told, "time": datetime.now(UTC).isoformat()}):
        assert (await tell(client, **again)).json()["duplicate"] == 1
    row = await sql.row("SELECT customer_id, type, kind, reference, source FROM events")
    assert row == {
        "customer_id": "C-1",
        "type": "action.redeemed",
        "kind": told["action_id"],
        "reference": told["decision_id"],
        "source": "/v1/outcomes",
    }


async def test_a_senders_own_id(client):
    told = {**first(await decide(client)), "outcome_id": "pos-1", "time": datetime.now(UTC).isoformat()}
    assert (await tell(client, **told)).json()["accepted"] == 1
    assert (await tell(client, **told)).json()["duplicate"] == 1
    response = await tell(client, "declined", **told)
    assert (response.status_code, response.json()["type"]) == (409, "urn:perennial:problem:conflict")
    assert (await tell(client, **{**told, "outcome_id": "pos-2"})).json()["accepted"] == 1


async def test_a_batch_answers_for_each(client):
    good = {**first(await decide(client)), "outcome": "opened"}
    bad = [
        {**good, "decision_id": "none-such"},
        {**good, "action_id": "exit-survey"},
        {**good, "customer_id": "C-1"},
        7,
    ]
    answer = (await client.post("/v1/outcomes", json=[good, *bad, good])).json()
    assert [each["status"] for each in answer["results"]] == ["accepted", *["rejected"] * 4, "duplicate"]
    problems = [each["problem"]["type"].rpartition(":")[2] for each in answer["results"][1:5]]
    assert problems == ["not-found", "malformed", "malformed", "malformed"]
    assert (answer["accepted"], answer["duplicate"], answer["rejected"]) == (1, 1, 4)


async def test_late_ones_are_taken_within_the_window_and_refused_after(client, sql):
    decision = await decide(client)
    told = first(decision)
    await age(sql, decision, 31)
    in_time = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    assert (await tell(client, "accepted", **told, time=in_time)).json()["accepted"] == 1
    for outcome in ({"outcome": "redeemed"}, {"outcome": "opened", "time": datetime.now(UTC).isoformat()}):
        response = await client.post("/v1/outcomes", json={**told, **outcome})
        assert (response.status_code, response.json()["type"]) == (409, "urn:perennial:problem:too-late")
        assert "attribution window" in response.json()["detail"]
    await age(sql, decision, 2)
    response = await tell(client, "declined", **told, time=(datetime.now(UTC) - timedelta(days=10)).isoformat())
    assert (response.status_code, "final" in response.json()["detail"]) == (409, True)
    early = await tell(client, "declined", **told, time=(datetime.now(UTC) - timedelta(days=40)).isoformat())
    assert (early.status_code, early.json()["errors"][0]["pointer"]) == (422, "/time")


async def test_by_customer_it_is_shared_between_the_decisions_it_may_be_of(client, sql, log):
    """And adds up to one."""
    for days in (20, 10):
        decision = await decide(client)
        await sql.rows("DELETE FROM offers")
        await age(sql, decision, days)
    action_id = decision["actions"][0]["action_id"]
    told = {"customer_id": "C-1", "action_id": action_id}
    assert (await tell(client, **told)).json()["accepted"] == 1
    assert (await tell(client, **told)).json()["duplicate"] == 1
    rows = await log()
    assert [row.action_id for row in rows] == [action_id, action_id]
    assert [row.response for row in rows] == [0.5, 0.5]
    nobody = await tell(client, customer_id="C-2", action_id=action_id)
    assert nobody.status_code == 404


async def test_by_customer_it_is_found_behind_however_many_that_chose_another(client, sql):
    told = first(await decide(client))
    copied = """
      INSERT INTO decisions (customer_id, decision_id, decided_us, receipt, answer)
      SELECT customer_id, decision_id || number, decided_us + number, CAST(jsonb_set(CAST(receipt AS jsonb),
             '{selection_probabilities}', '{"another": 1}') AS json), answer
      FROM decisions, generate_series(1, 1001) AS number
    """
    await sql.rows(copied)
    assert (await tell(client, customer_id="C-1", action_id=told["action_id"])).json()["accepted"] == 1
    other = await tell(client, decision_id=told["decision_id"] + "7", action_id=told["action_id"])
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "/action_id")


async def test_one_that_names_its_decision_is_that_ones_alone(client, sql, log, shop):
    older = await decide(client)
    await sql.rows("DELETE FROM offers")
    await age(sql, older, 5)
    await decide(client)
    await send(client, shop.event("action.accepted", data=first(older)), shop.event("action.opened", data=first(older)))
    responses = [(row.response, row.opened_us is not None) for row in await log()]
    assert responses == [(1.0, True), (0.0, False)]


async def test_of_another_id_of_the_person(client, log, shop):
    told = first(await decide(client, "C-1"))
    await send(client, shop.order("C-1"), shop.event("customer.merged", "C-2", data={"merged": "C-1"}))
    assert (await tell(client, customer_id="C-2", action_id=told["action_id"])).json()["accepted"] == 1
    (row,) = await log()
    assert (row.response, row.customer_id) == (1.0, "C-1")


async def test_purchases_in_the_window_net_of_refunds_and_shared(client, sql, log, shop):
    for days in (20, 10):
        decision = await decide(client, max_actions=1)
        await age(sql, decision, days)
    orders = [
        shop.order(total=100, at=shop.ago(days=15), order_id="A"),
        shop.order(total=60, at=shop.ago(days=5), order_id="B"),
        shop.order(total=999, at=shop.ago(days=21)),
    ]
    refund = shop.event("order.refunded", at=shop.ago(days=1), data={"order_id": "B", "total": 20})
    await send(client, *orders, refund)
    older, newer = await log()
    assert (older.purchases_minor, newer.purchases_minor) == (14_000, 4_000)
    assert (older.credited_minor, newer.credited_minor) == (12_000.0, 2_000.0)
    assert (older.reward, newer.reward) == (120 * 0.25, 20 * 0.25)


async def test_the_order_of_a_checkout_does_not_follow_from_its_decision(client, log, shop):
    """Though the till's clock is ahead; the next one does."""
    for minutes in (3, 4):
        event = shop.order(total=70, at=shop.ago(minutes=-minutes))
        answer = await client.post("/v1/checkouts", json={"event": event, "channel": "store"})
        assert answer.json()["decision"]["actions"]
    assert [row.purchases_minor for row in await log()] == [7_000, 0]


async def test_a_reward_is_told_when_it_has_been_waited_for(client, log):
    await decide(client)
    assert [row.reward for row in await log()] == [-1.0]
    assert [row.reward for row in await log(REWARDING._replace(wait_us=DAY_US))] == [None]


def test_what_a_deployment_rewards():
    settings = Settings(attribution_days=14, reward_wait_days=21, default_reward=-0.5, margin=0.3, currency="JPY")
    assert Rewarding.of(settings) == Rewarding(14 * DAY_US, 21 * DAY_US, -0.5, 0.3, 1)


async def test_who_responds_costs_what_the_action_costs(client, log):
    decision = await decide(client, "C-1")
    assert first(decision)["action_id"] == "first-order-coupon"
    await tell(client, **first(decision))
    assert [row.reward for row in await log()] == [-5.0]


async def test_it_costs_what_it_cost_when_it_was_decided(client, log):
    """Whatever it costs by now, or where it is gone."""
    decision = await decide(client, "C-1")
    await tell(client, **first(decision))
    path = f"/v1/actions/{first(decision)['action_id']}"
    coupon = next(
        each for each in (await client.get("/v1/actions")).json()["actions"] if path.endswith(each["action_id"])
    )
    try:
        assert (await client.put(path, json={**coupon, "cost": coupon["cost"] + 40})).status_code == 200
        assert [row.reward for row in await log()] == [-coupon["cost"]]
        await client.delete(path)
        assert [row.reward for row in await log()] == [-coupon["cost"]]
    finally:
        await client.put(path, json=coupon)


async def test_the_log_has_decisions_without_actions_too(serve, sql, log, shop):
    async with serve(control_share=0.999999) as service:
        decision = await decide(service.client)
        await age(sql, decision, 3)
        await send(service.client, shop.order(total=40, at=shop.ago(days=1)))
    (row,) = await log()
    assert (row.action_id, row.place, row.arm, row.propensity) == (None, None, "control", 1.0)
    assert (row.credited_minor, row.reward) == (4_000.0, 10.0)


async def test_of_the_control_group_what_was_withheld_shares_as_what_is_shown_does(serve, sql, log, shop):
    """Else who is held out would have less to show for each decision than who is given something."""
    async with serve(control_share=0.999999) as service:
        for days, places in ((10, 2), (8, 1), (6, 0)):
            decision = await decide(service.client, max_actions=places, channel="web")
            await age(sql, decision, days)
            await sql.rows("DELETE FROM offers")
        await send(service.client, shop.order(total=90, at=shop.ago(days=1)))
    rows = await log()
    assert [len(row.receipt["withheld"]) for row in rows] == [2, 1, 0]
    assert [row.credited_minor for row in rows] == [6_000.0, 3_000.0, 0.0]


async def test_the_log_has_what_was_weighed(client, log):
    decision = await decide(client, channel="web", max_actions=2)
    rows = await log()
    assert [(row.place, row.action_id, row.propensity) for row in rows] == [
        (action["priority"], action["action_id"], action["selection_probability"]) for action in decision["actions"]
    ]
    assert {(row.channel, row.stage, row.arm) for row in rows} == {("web", "prospect", "learner")}
    assert all(row.worth == row.receipt["expected_values"][row.action_id] for row in rows)


# Activation.


async def activate(client, decision):
    return await client.post(f"/v1/decisions/{decision['decision_id']}/activate")


async def receipt_of(client, decision):
    return (await client.get(f"/v1/decisions/{decision['decision_id']}")).json()


def offered(decision):
    return [action["action_id"] for action in decision["actions"]]


async def test_what_is_prepared_is_kept_for_the_customer_and_cools_down_from_when_it_is_shown(client, sql):
    decision = await decide(client, activate=False)
    kept = await receipt_of(client, decision)
    assert kept["activated_at"] is None
    assert kept["reserved_until"] > kept["decided_at"]
    assert not {*offered(decision)} & {*offered(await decide(client))}
    response = await activate(client, decision)
    assert response.status_code == 200
    told = await receipt_of(client, decision)
    assert (told["activated_at"], told["reserved_until"]) == (response.json()["activated_at"], None)
    shown_us = await sql.value("SELECT activated_us FROM decisions WHERE activated_us IS NOT NULL")
    given = {"action": decision["actions"][0]["action_id"]}
    assert await sql.value("SELECT offered_us FROM offers WHERE action_id = :action", **given) == shown_us
    assert (await activate(client, decision)).json() == response.json()


async def test_what_is_not_shown_in_time_is_given_back(client, sql, engine):
    decision = await decide(client, activate=False)
    assert await give_back_all(engine, now_us()) == 0
    assert await give_back_all(engine, now_us() + 25 * 3600 * 10**6) == 1
    assert await sql.value("SELECT count(*) FROM offers") == 0
    again = await decide(client)
    assert offered(again) == offered(decision)
    response = await activate(client, decision)
    assert (response.status_code, response.json()["type"]) == (409, "urn:perennial:problem:too-late")
    assert (await receipt_of(client, decision))["activated_at"] is None


async def test_what_is_over_is_not_activated_before_it_is_given_back(client, sql):
    decision = await decide(client, activate=False)
    await sql.rows("UPDATE decisions SET reserved_until_us = 1")
    assert (await activate(client, decision)).status_code == 409


async def prepare_once_more(client, sql, **wanted):
    """A decision on what was offered long ago, prepared and not shown."""
    before = await decide(client, **wanted)
    await sql.rows("UPDATE offers SET offered_us = offered_us - :us", us=60 * DAY_US)
    again = await decide(client, activate=False, **wanted)
    assert offered(again) == offered(before)
    return again


async def test_a_cool_down_of_before_is_over_when_what_was_prepared_is_given_back(client, sql, engine):
    again = await prepare_once_more(client, sql)
    await give_back_all(engine, now_us() + 25 * 3600 * 10**6)
    assert await sql.value("SELECT count(*) FROM offers") == 0
    assert offered(await decide(client)) == offered(again)


async def test_cool_downs_are_given_back_in_the_order_in_which_tills_write_them(client, sql, engine):
    """Else each might wait for the other for ever."""
    one, other = sorted(offered(await prepare_once_more(client, sql, channel="web", max_actions=2)))
    without = "UPDATE decisions SET receipt = CAST(receipt::jsonb #- ARRAY['customer', 'offered_us', :id] AS json)"
    await sql.rows(without, id=other)
    async with sql.engine.begin() as till:
        await till.execute(text("SELECT 1 FROM offers WHERE action_id = :id FOR UPDATE"), {"id": one})
        waiting = asyncio.create_task(give_back_all(engine, now_us() + 25 * 3600 * 10**6))
        await sql.wait_for_lock()
        await till.execute(text("SELECT 1 FROM offers WHERE action_id = :id FOR UPDATE NOWAIT"), {"id": other})
    assert await waiting == 1


async def test_of_what_was_shown_at_once_it_is_told_when(client):
    decision = await decide(client)
    kept = await receipt_of(client, decision)
    assert (await activate(client, decision)).json()["activated_at"] == kept["activated_at"] == kept["decided_at"]
    assert (await client.post("/v1/decisions/none-such/activate")).status_code == 404


async def test_what_was_not_shown_has_no_credit(client, sql, log, shop):
    decision = await decide(client, activate=False)
    await age(sql, decision, 3)
    await send(client, shop.order(total=40, at=shop.ago(days=1)))
    (row,) = await log()
    assert (row.activated_us, row.purchases_minor, row.credited_minor) == (None, 4_000, 0.0)
