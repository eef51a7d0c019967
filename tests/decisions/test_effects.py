"""`GET /v1/effects`: what actions brought about against whom they were withheld from."""

import asyncio
import time

import pytest

from app.decisions import effect_queries
from app.decisions.activating import give_back_all
from app.lifecycle.arms import Arms
from tests.decisions.acting import put_policy

THIRDS = Arms(0.4, 0.2, b"tests")
PEOPLE = [f"C-{number}" for number in range(150)]
COUPON = "first-order-coupon"


@pytest.fixture
async def shop_client(serve, sql):
    async with serve(control_share=0.4, usual_share=0.2) as service:
        yield service.client


async def decide(client, customer_id, **wanted):
    response = await client.post("/v1/decisions", json={"customer_id": customer_id, **wanted})
    assert response.status_code == 200, response.text
    return response.json()


async def decide_all(client, **wanted):
    """A few at a time: newcomers are looked for one by one."""
    for at in range(0, len(PEOPLE), 10):
        await asyncio.gather(*(decide(client, each, **wanted) for each in PEOPLE[at : at + 10]))


async def read_effects(client, **query):
    response = await client.get("/v1/effects", params={"from": "2020-01-01", "to": "2020-02-01", **query})
    assert response.status_code == 200, response.text
    return response.json()


async def move_to(sql, day="2020-01-15"):
    seconds = "CAST(extract(epoch FROM CAST(CAST(:day AS text) AS timestamptz)) AS bigint)"
    await sql.rows(f"UPDATE decisions SET decided_us = {seconds} * 1000000", day=day)


def order(shop, person, total, day="2020-01-20"):
    return shop.order(person, total=total, at=f"{day}T10:00:00Z")


async def send(client, *events):
    response = await client.post("/v1/events", json=list(events))
    assert response.json()["rejected"] == 0, response.text


async def test_what_the_control_group_would_have_been_offered_is_on_its_receipt_and_cools_down(shop_client):
    held_out = next(each for each in PEOPLE if THIRDS.of(each) == "control")
    decision = await decide(shop_client, held_out)
    assert decision["actions"] == []
    receipt = (await shop_client.get(f"/v1/decisions/{decision['decision_id']}")).json()["receipt"]
    assert receipt["withheld"] == {COUPON: 1.0}
    again = await decide(shop_client, held_out)
    assert {item["action_id"]: item["code"] for item in again["suppressed"]}[COUPON] == "cooling_down"
    receipt = (await shop_client.get(f"/v1/decisions/{again['decision_id']}")).json()["receipt"]
    assert list(receipt["withheld"]) == ["personal-suggestions"]


@pytest.mark.parametrize("is_shown", [True, False])
async def test_what_is_prepared_for_the_control_group_cools_down_from_when_it_is_shown(shop_client, sql, is_shown):
    held_out = next(each for each in PEOPLE if THIRDS.of(each) == "control")
    decision = await decide(shop_client, held_out, activate=False)
    receipt = (await shop_client.get(f"/v1/decisions/{decision['decision_id']}")).json()
    assert (receipt["activated_at"], receipt["reserved_until"] > receipt["decided_at"]) == (None, True)
    if is_shown:
        assert (await shop_client.post(f"/v1/decisions/{decision['decision_id']}/activate")).status_code == 200
        activated_us = await sql.value("SELECT activated_us FROM decisions")
        assert await sql.rows("SELECT offered_us FROM offers") == [{"offered_us": activated_us}]
    else:
        assert await sql.value("SELECT count(*) FROM offers") == 1
        assert await give_back_all(sql.engine, time.time_ns() // 1000 + 25 * 3600 * 10**6) == 1
        assert await sql.rows("SELECT * FROM offers") == []


CAPPED = {
    "caps": [{"scope": "all", "most": 1, "window_days": 7, "channels": ["store", "web"]}],
    "shown_at_once": ["store"],
    "quiet_hours": [],
}


@pytest.mark.parametrize("channel", ["store", "web"])
@pytest.mark.parametrize("is_prepared", [False, True])
async def test_what_is_withheld_keeps_to_the_caps_as_what_is_given(shop_client, sql, channel, is_prepared):
    """Else the control group would go without what nobody of its kind is offered. Nobody tells of its delivery."""
    held_out, treated = (next(each for each in PEOPLE if THIRDS.of(each) == arm) for arm in ("control", "learner"))
    await put_policy(shop_client, CAPPED)

    async def decide_so(person):
        decision = await decide(shop_client, person, channel=channel, activate=not is_prepared)
        if is_prepared:
            shown = await shop_client.post(f"/v1/decisions/{decision['decision_id']}/activate")
            assert shown.status_code == 200
        receipt = (await shop_client.get(f"/v1/decisions/{decision['decision_id']}")).json()["receipt"]
        codes = {item["action_id"]: item["code"] for item in decision["suppressed"]}
        return len(receipt["withheld"]) + len(receipt["selection_probabilities"]), "cap_reached" in codes.values()

    expected = [(1, False), (0, True)]
    assert [await decide_so(treated) for _ in range(2)] == expected
    assert [await decide_so(held_out) for _ in range(2)] == expected
    told = await sql.rows("SELECT reserved_until_us FROM contacts WHERE customer_id = :id", id=held_out)
    assert told == [{"reserved_until_us": None}]


async def test_what_is_withheld_takes_its_turn(shop_client):
    held_out = next(each for each in PEOPLE if THIRDS.of(each) == "control")
    await put_policy(shop_client, CAPPED)
    answers = await asyncio.gather(*(decide(shop_client, held_out) for _ in range(12)))
    told = [(await shop_client.get(f"/v1/decisions/{each['decision_id']}")).json()["receipt"] for each in answers]
    assert sum(len(receipt["withheld"]) for receipt in told) == 1


async def test_what_was_withheld_before_in_the_same_batch_cools_down(shop_client, shop, sql):
    held_out = next(each for each in PEOPLE if THIRDS.of(each) == "control")
    checkouts = [{"event": shop.order(held_out)} for _ in range(6)]
    answers = await asyncio.gather(*(shop_client.post("/v1/checkouts", json=each) for each in checkouts))
    assert all(answer.json()["decision"]["in_control_group"] for answer in answers)
    receipts = [row["receipt"]["withheld"] for row in await sql.rows("SELECT receipt FROM decisions")]
    withheld = [action_id for told in receipts for action_id in told]
    assert withheld
    assert len(withheld) == len({*withheld})


async def test_an_action_against_whom_it_was_withheld_from(shop_client, sql, shop):
    """Half of the treated buy for 80, a tenth of the control group; one of the treated sends it back."""
    await decide_all(shop_client, channel="web")
    await move_to(sql)
    arms = {arm: [each for each in PEOPLE if THIRDS.of(each) == arm] for arm in ("control", "learner")}
    buyers = arms["learner"][: len(arms["learner"]) // 2]
    few = arms["control"][:6]
    orders = [order(shop, each, 80) for each in (*buyers, *few)]
    back = shop.event("order.refunded", buyers[0], at="2020-01-21T10:00:00Z")
    back["data"] = {"order_id": orders[0]["data"]["order_id"], "total": 80}
    late = [order(shop, each, 500, day="2020-03-30") for each in arms["control"]]
    taken = shop.event("action.redeemed", buyers[1], at="2020-01-20T09:00:00Z", data={"action_id": COUPON})
    await send(shop_client, *orders, back, taken, *late)
    catalogue = (await shop_client.get("/v1/actions")).json()["actions"]
    coupon = next(action for action in catalogue if action["action_id"] == COUPON)
    await shop_client.put(f"/v1/actions/{COUPON}", json={**coupon, "cost": 45.0})
    told = await read_effects(shop_client)
    await shop_client.put(f"/v1/actions/{COUPON}", json=coupon)
    assert told["is_mature"]
    (effect,) = [each for each in told["actions"] if each["action_id"] == COUPON]
    treated, control = len(arms["learner"]), len(arms["control"])
    assert (effect["stage"], effect["channel"]) == ("prospect", "web")
    assert effect["treated"]["persons"] == treated
    assert effect["treated"]["buyers"] == len(buyers) - 1
    assert effect["control"] == {
        "persons": control,
        "buyers": 6,
        "rate": pytest.approx(6 / control, abs=1e-6),
        "value": pytest.approx(6 * 20 / control, abs=1e-6),
    }
    uplift = (len(buyers) - 1) / treated - 6 / control
    assert effect["uplift"]["estimate"] == pytest.approx(uplift, abs=1e-6)
    assert 0 < effect["uplift"]["low"] < uplift < effect["uplift"]["high"]
    assert effect["value_uplift"]["estimate"] == pytest.approx(20 * uplift, abs=1e-5)
    assert coupon["cost"] == 5.0, "when it was decided"
    assert (effect["cost"], effect["response_rate"]) == (5.0, pytest.approx(1 / treated, abs=1e-6))
    gained = 20 * uplift * treated
    assert effect["incremental_value"]["estimate"] == pytest.approx(gained, abs=1e-3)
    assert effect["return"] == pytest.approx((gained - 5) / 5, abs=1e-3)


async def test_it_comes_to_the_same_in_pieces(shop_client, sql, shop, monkeypatch):
    """Whoever is decided of again counts by the first, though it is in another piece."""
    for channel in ("web", "app", "web"):
        await decide_all(shop_client, channel=channel)
    await move_to(sql)
    await sql.rows(
        "UPDATE decisions SET decided_us = decided_us + place / 2 FROM"
        " (SELECT decision_id AS id, row_number() OVER (ORDER BY decision_id) AS place FROM decisions) AS placed"
        " WHERE decision_id = id"
    )
    await send(shop_client, *(order(shop, each, 40 + at) for at, each in enumerate(PEOPLE[:60])))
    whole = await read_effects(shop_client)
    assert len(whole["actions"]) > 1
    monkeypatch.setattr(effect_queries, "DECISIONS_AT_ONCE", 7)
    monkeypatch.setattr(effect_queries, "PERSONS_AT_ONCE", 5)
    assert await read_effects(shop_client) == whole


async def test_the_arms_as_wholes(shop_client, sql, shop):
    await decide_all(shop_client)
    await move_to(sql)
    usual = [each for each in PEOPLE if THIRDS.of(each) == "business_as_usual"]
    await send(shop_client, *(order(shop, each, 40) for each in usual))
    arms = {each["arm"]: each for each in (await read_effects(shop_client))["arms"]}
    assert {arm: told["persons"] for arm, told in arms.items()} == {
        arm: sum(THIRDS.of(each) == arm for each in PEOPLE) for arm in arms
    }
    assert arms["business_as_usual"]["uplift"]["estimate"] == 1.0
    assert arms["learner"]["uplift"]["estimate"] == 0.0
    assert arms["control"]["uplift"] is None


async def test_a_person_counts_once_and_by_all_their_ids(shop_client, sql, shop):
    learner = next(each for each in PEOPLE if THIRDS.of(each) == "learner")
    for _ in range(2):
        await decide(shop_client, learner)
        await sql.rows("DELETE FROM offers")
    await send(shop_client, shop.event("customer.merged", learner, data={"merged": "other"}))
    await decide(shop_client, "other")
    await move_to(sql)
    await send(shop_client, order(shop, "other", 40))
    told = await read_effects(shop_client)
    assert [(each["treated"]["persons"], each["treated"]["buyers"]) for each in told["actions"]] == [(1, 1)]
    assert told["actions"][0]["uplift"] is None


async def test_who_is_decided_for_at_a_till_has_not_bought_for_that(shop_client, shop):
    """Though the till's clock is ahead."""
    event = shop.order(total=70, at=shop.ago(minutes=-3))
    assert (await shop_client.post("/v1/checkouts", json={"event": event, "channel": "store"})).status_code == 200
    told = (await shop_client.get("/v1/effects", params={"from": shop.ago(days=1)})).json()
    buyers = [each["rate"] for each in told["arms"] if each["persons"]]
    assert buyers == [0.0]


async def test_a_window_that_has_not_passed(shop_client, shop):
    await decide(shop_client, "C-1")
    since = shop.ago(days=1)
    told = (await shop_client.get("/v1/effects", params={"from": since})).json()
    assert not told["is_mature"]
    assert told["arms"][0]["persons"] == 1


@pytest.mark.parametrize(
    "query", [{}, {"from": "x"}, {"from": "2020-01-01", "to": "2019-01-01"}, {"from": "2020-01-01"}]
)
async def test_times_that_are_none(client, query):
    assert (await client.get("/v1/effects", params=query)).status_code == 422


async def test_arms_that_have_not_their_shares_are_told(shop_client, sql):
    """Receipts of half of the control group are lost: who is left is not who was assigned."""
    await decide_all(shop_client)
    await move_to(sql)
    told = await read_effects(shop_client)
    assert 0.001 < told["sample_ratio"]["p"] <= 1.0
    assert (told["sample_ratio"]["is_mismatch"], told["warnings"]) == (False, [])
    lost = [each for each in PEOPLE if THIRDS.of(each) == "control"][::2]
    await sql.rows("DELETE FROM decisions WHERE customer_id = ANY(:lost)", lost=lost)
    told = await read_effects(shop_client)
    assert told["sample_ratio"]["p"] < 0.001
    assert (told["sample_ratio"]["is_mismatch"], told["warnings"]) == (True, ["sample_ratio_mismatch"])


async def test_of_nobody_no_ratio_is_told(shop_client):
    told = await read_effects(shop_client)
    assert (told["sample_ratio"], told["warnings"]) == ({"p": None, "is_mismatch": False}, [])
