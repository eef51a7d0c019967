"""`GET /v1/tests/{id}`: both sides are read."""

import random

import pytest

from app.decisions import split_test_queries
from tests.decisions.splitting import (
    COUPON,
    IDEAS,
    PEOPLE,
    buy,
    decide,
    decide_all,
    define,
    read,
    send,
    side_of,
    turn_back,
)


async def test_a_test_of_nothing_finds_nothing_and_says_when_it_may_be_read(shop_client, sql, shop):
    """A/A: whoever buys does so whatever the side."""
    told = await define(shop_client, looked_for=0.05)
    assert told["sample"] == {
        "least": {"a": 1570, "b": 1570},
        "expected": {"a": 0, "b": 0},
        "is_enough": False,
        "deviation": 0.5,
        "deviation_from": "worst_case",
    }
    await decide_all(shop_client)
    draw = random.Random(8)
    buyers = [each for each in PEOPLE if draw.random() < 0.3]
    early = await read(shop_client)
    assert early["status"] == "running"
    assert early["warnings"] == ["horizon_not_reached"]
    assert [side["counted"] for side in early["sides"]] == [0, 0]
    assert early["summary"].startswith("Nothing is certain yet. The fixed reading is not to be believed before")
    await turn_back(sql, 10)
    await send(shop_client, *(shop.order(each, total=80.0, at=shop.ago(days=9)) for each in buyers))
    waiting = await read(shop_client)
    assert waiting["status"] == "waiting"
    assert sum(side["counted"] for side in waiting["sides"]) == len(PEOPLE)
    assert not waiting["fixed"]["is_final"]
    await turn_back(sql, 5)
    told = await read(shop_client)
    assert (told["status"], told["fixed"]["is_final"]) == ("complete", True)
    assert told["warnings"] == ["few_persons"]
    for name, side in zip("ab", told["sides"], strict=True):
        mine = [each for each in PEOPLE if side_of(each) == name]
        assert (side["side"], side["persons"], side["decisions"]) == (name, len(mine), len(mine))
        bought = len({*mine} & {*buyers})
        assert (side["buyers"], side["rate"]) == (bought, pytest.approx(bought / len(mine), abs=1e-6))
    difference = told["fixed"]["difference"]
    assert difference["low"] < 0 < difference["high"]
    assert not told["any_time"]["is_certain"]
    assert not told["sample_ratio"]["is_mismatch"]
    chinese = await read(shop_client, **{"Accept-Language": "zh-CN"})
    assert chinese["summary"].startswith("未显示差异")


async def test_a_true_effect_is_found_and_the_past_sharpens_it(shop_client, sql, shop):
    """Of side b half buy, of side a a quarter; who bought before does so more often."""
    told = await define(shop_client, metric="value", looked_for=2.0, deviation=12.5)
    assert (told["sample"]["least"], told["sample"]["deviation_from"]) == ({"a": 614, "b": 614}, "told")
    await decide_all(shop_client)
    await turn_back(sql, 20)
    draw = random.Random(9)
    regular = [each for each in PEOPLE if draw.random() < 0.5]
    chances = {True: {"a": 0.45, "b": 0.8}, False: {"a": 0.05, "b": 0.2}}
    buyers = [each for each in PEOPLE if draw.random() < chances[each in regular][side_of(each)]]
    await buy(shop_client, sql, shop, regular, 30, told_days_ago=25)
    await buy(shop_client, sql, shop, buyers, 18, told_days_ago=0)
    await buy(shop_client, sql, shop, PEOPLE, 5, told_days_ago=0)
    taken = shop.event("action.redeemed", buyers[0], at=shop.ago(days=19), data={"action_id": COUPON})
    await send(shop_client, taken, {**taken, "id": "told-again"})
    told = await read(shop_client)
    assert (told["status"], told["fixed"]["is_final"]) == ("complete", True)
    rates = {name: [each for each in PEOPLE if side_of(each) == name] for name in "ab"}
    bought = {name: len({*mine} & {*buyers}) / len(mine) for name, mine in rates.items()}
    sides = {side["side"]: side for side in told["sides"]}
    assert {name: side["rate"] for name, side in sides.items()} == {
        name: pytest.approx(rate, abs=1e-6) for name, rate in bought.items()
    }
    spent = {side_of(buyers[0]): 5.0}
    assert {name: side["value"] for name, side in sides.items()} == {
        name: pytest.approx(25 * bought[name] - spent.get(name, 0.0) / len(mine), abs=1e-5)
        for name, mine in rates.items()
    }
    plain, adjusted = told["fixed"]["difference"], told["fixed"]["adjusted"]
    assert 0 < plain["low"] < 25 * (bought["b"] - bought["a"]) < plain["high"]
    assert 0 < adjusted["high"] - adjusted["low"] < 0.9 * (plain["high"] - plain["low"])
    assert told["any_time"]["is_certain"]
    assert told["summary"].startswith("B brings more than A: between CNY +")


@pytest.fixture
async def set_cost(shop_client):
    """Of the coupon, which is as it was at the end; None: the action is removed."""
    actions = (await shop_client.get("/v1/actions")).json()["actions"]
    coupon = next(each for each in actions if each["action_id"] == COUPON)

    async def set_to(cost):
        url = f"/v1/actions/{COUPON}"
        asked = shop_client.delete(url) if cost is None else shop_client.put(url, json={**coupon, "cost": cost})
        (await asked).raise_for_status()

    yield set_to
    await set_to(coupon["cost"])


async def test_a_response_costs_what_it_did_when_it_was_decided(shop_client, sql, shop, set_cost):
    """Whatever the action costs by now, or if it is gone; where it names a decision, what it cost at that one."""
    one, other, *_ = (each for each in PEOPLE if side_of(each) == "a")
    await define(shop_client, metric="value")
    await set_cost(3.0)
    await decide_all(shop_client, [one, other])
    await set_cost(7.0)
    await sql.rows("DELETE FROM offers")
    again = await decide(shop_client, other)
    await turn_back(sql, 20)
    taken = {one: {"action_id": COUPON}, other: {"action_id": COUPON, "decision_id": again["decision_id"]}}
    for customer_id, data in taken.items():
        await send(shop_client, shop.event("action.redeemed", customer_id, at=shop.ago(days=19), data=data))
    for cost_now in (50.0, None):
        await set_cost(cost_now)
        assert (await read(shop_client))["sides"][0]["value"] == -(3.0 + 7.0) / 2


async def test_it_is_read_in_pieces(shop_client, sql, shop, monkeypatch):
    """Of which the first decision of a person is in the first."""
    await define(shop_client)
    for _ in range(2):
        await decide_all(shop_client, PEOPLE[:20])
        await sql.rows("DELETE FROM offers")
    await turn_back(sql, 20)
    await send(shop_client, *(shop.order(each, total=100.0, at=shop.ago(days=18)) for each in PEOPLE[:7]))
    whole = await read(shop_client)
    monkeypatch.setattr(split_test_queries, "DECISIONS_AT_ONCE", 3)
    monkeypatch.setattr(split_test_queries, "PERSONS_AT_ONCE", 4)
    assert await read(shop_client) == whole
    assert sum(side["buyers"] for side in whole["sides"]) == 7
    assert sum(side["decisions"] for side in whole["sides"]) == 40


async def test_a_person_counts_by_the_first_decision_where_both_might_be_had(shop_client, sql):
    """Excluding one for once is no taking part; who could have either first counts as neither."""
    await define(shop_client)
    for customer_id in PEOPLE[:10]:
        await decide(shop_client, customer_id, exclude=[COUPON, IDEAS])
    for customer_id in PEOPLE[:7]:
        await decide(shop_client, customer_id, exclude=[COUPON] if customer_id in PEOPLE[:3] else [])
    for customer_id in PEOPLE[:7]:
        await decide(shop_client, customer_id)
    told = await read(shop_client)
    assert sum(side["persons"] for side in told["sides"]) == 4
    assert sum(side["decisions"] for side in told["sides"]) == 24


async def test_a_merged_person_stays_on_the_side_of_the_id_that_they_go_by(shop_client, shop, sql):
    survivor = next(each for each in PEOPLE if side_of(each) == "a")
    other = next(each for each in PEOPLE if side_of(each) == "b")
    await define(shop_client)
    await decide(shop_client, survivor)
    await send(shop_client, shop.event("customer.merged", survivor, data={"merged": other}))
    await sql.rows("DELETE FROM offers")
    await decide(shop_client, other)
    rows = await sql.rows("SELECT receipt FROM decisions")
    assert [row["receipt"]["test"]["side"] for row in rows] == ["a", "a"]
    told = await read(shop_client)
    assert [(side["persons"], side["decisions"]) for side in told["sides"]] == [(1, 2), (0, 0)]


async def test_margin_of_an_order_and_orders_of_a_visit(shop_client, sql, shop):
    """Sums of a side, one by the other: who orders twice counts twice. What comes after the window does not count."""
    people = PEOPLE[:60]
    told = await define(shop_client, metric="value_per_order", looked_for=2.0)
    assert told["sample"]["deviation"] is None, "of nobody who bought of late"
    await decide_all(shop_client, people)
    await turn_back(sql, 20)
    mine = {name: [each for each in people if side_of(each) == name] for name in "ab"}
    orders = [shop.order(each, total=100.0, at=shop.ago(days=18)) for each in mine["a"][:10]]
    orders += [shop.order(each, total=80.0, at=shop.ago(days=17)) for each in mine["b"][:10]]
    orders += [shop.order(each, total=140.0, at=shop.ago(days=16)) for each in mine["b"][:5]]
    looks = [shop.event("product.viewed", each, at=shop.ago(days=18)) for each in people for _ in range(2)]
    late = [shop.order(each, total=900.0, at=shop.ago(days=2)) for each in people]
    await send(shop_client, *orders, *looks, *late)
    read_twice = await read(shop_client), await read(shop_client, **{"Accept-Language": "zh"})
    a, b = read_twice[0]["sides"]
    assert (a["value_per_order"], b["value_per_order"]) == (25.0, 25 * (10 * 0.8 + 5 * 1.4) / 15)
    assert a["orders_per_visit"] == pytest.approx(10 / (2 * len(mine["a"])), abs=1e-6)
    assert b["orders_per_visit"] == pytest.approx(15 / (2 * len(mine["b"])), abs=1e-6)
    fixed = read_twice[0]["fixed"]
    assert (fixed["difference"]["estimate"], fixed["adjusted"]) == (0.0, None)
    assert fixed["difference"]["low"] < 0 < fixed["difference"]["high"]
    assert read_twice[0]["summary"].startswith("No difference is shown: B less A may be anything between CNY -")
    assert read_twice[1]["summary"].startswith("未显示差异：B 与 A 之差在 CNY -")
