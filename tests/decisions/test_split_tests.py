"""`/v1/tests`: persons are split, decided of by their side, and both sides read."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from app.database.engine import transaction
from app.decisions import split_test_queries, split_tests_router
from app.decisions.held import Decisions
from app.decisions.recalling import recall
from app.decisions.split_testing import tell_sample
from app.lifecycle.arms import Arms
from app.lifecycle.split_tests import Side, SplitTest
from app.models.service import register
from tests.decisions.acting import suppressed
from tests.models.policies import write_policy

PEOPLE = [f"C-{number}" for number in range(600)]
COUPON, IDEAS = "first-order-coupon", "personal-suggestions"
SPLIT = SplitTest("tea", Side(action_id=COUPON), Side(action_id=IDEAS), 0, 1, secret=b"tests")


def soon(**after):
    return (datetime.now(UTC) + timedelta(**after)).isoformat()


def definition(**more):
    sides = {"a": {"action_id": COUPON}, "b": {"action_id": IDEAS}}
    return {**sides, "ends_at": soon(days=7), "looked_for": 0.1, "window_days": 7, **more}


async def define(client, test_id="tea", *, status=200, **more):
    response = await client.put(f"/v1/tests/{test_id}", json=definition(**more))
    assert response.status_code == status, response.text
    return response.json()


async def read(client, test_id="tea", **headers):
    response = await client.get(f"/v1/tests/{test_id}", headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def decide(client, customer_id, **wanted):
    asked = {"customer_id": customer_id, "channel": "web", **wanted}
    response = await client.post("/v1/decisions", json=asked)
    assert response.status_code == 200, response.text
    return response.json()


async def decide_all(client, people=PEOPLE, **wanted):
    for at in range(0, len(people), 20):
        await asyncio.gather(*(decide(client, each, **wanted) for each in people[at : at + 20]))


async def send(client, *events):
    for at in range(0, len(events), 500):
        response = await client.post("/v1/events", json=events[at : at + 500])
        assert response.json()["rejected"] == 0, response.text


async def turn_back(sql, days):
    """All that was decided and tested, so long ago."""
    await sql.rows("UPDATE decisions SET decided_us = decided_us - :us", us=days * 86_400 * 10**6)
    moved = "starts_us = starts_us - :us, ends_us = ends_us - :us, planned_us = planned_us - :us"
    await sql.rows(f"UPDATE split_tests SET {moved}", us=days * 86_400 * 10**6)


@pytest.fixture
async def shop_service(serve, sql):
    async with serve() as service:
        yield service


@pytest.fixture
def shop_client(shop_service):
    return shop_service.client


def side_of(customer_id):
    return SPLIT.side_of(customer_id)


async def test_each_side_gets_its_action_and_the_receipt_says_so(shop_client):
    await define(shop_client)
    for customer_id in PEOPLE[:30]:
        gives, never = (COUPON, IDEAS) if side_of(customer_id) == "a" else (IDEAS, COUPON)
        decision = await decide(shop_client, customer_id)
        (action,) = decision["actions"]
        assert (action["action_id"], action["selection_probability"]) == (gives, 1.0)
        assert suppressed(decision)[never] == "other_side"
        told = (await shop_client.get(f"/v1/decisions/{decision['decision_id']}")).json()
        assert told["receipt"]["test"] == {
            "test_id": "tea",
            "side": side_of(customer_id),
            "gives": gives,
            "never": never,
        }
        again = await decide(shop_client, customer_id)
        assert again["actions"] == []


async def test_who_asks_for_no_learning_and_who_is_not_of_the_learner_is_of_no_test(serve, sql):
    async with serve(control_share=0.3, usual_share=0.3) as service:
        await define(service.client)
        arms = Arms(0.3, 0.3, b"tests")
        one = {
            arm: next(each for each in PEOPLE if arms.of(each) == arm and side_of(each) == "b") for arm in arms.shares
        }
        await decide(service.client, one["learner"], learning_enabled=False)
        for customer_id in one.values():
            await decide(service.client, customer_id)
    rows = await sql.rows("SELECT receipt FROM decisions ORDER BY decided_us")
    assert ["test" in row["receipt"] for row in rows] == [
        False,
        *(arm != "business_as_usual" for arm in one),
    ]
    assert [*rows[1 + [*one].index("control")]["receipt"]["withheld"]] == [IDEAS]


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


async def buy(client, sql, shop, people, days_ago, *, told_days_ago):
    """Orders for 100."""
    await send(client, *(shop.order(each, total=100.0, at=shop.ago(days=days_ago)) for each in people))
    told = "UPDATE events SET received_us = received_us - :us WHERE received_us - occurred_us > :us"
    await sql.rows(told, us=int(told_days_ago * 86_400 * 10**6))


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


async def test_sides_of_policies_are_decided_by_their_versions_and_receipts_decide_again(serve, engine, sql, tmp_path):
    version = write_policy(tmp_path, datetime(2026, 3, 1, tzinfo=UTC), {"personal_suggestions": 50.0})
    async with transaction(engine) as connection:
        await register(connection, version, 1, "tests", may_serve=False)
    async with serve(exploration=0.3, control_share=0.2) as service:
        one, other = {"policy": "none", "exploration": 0.0}, {"policy": version.name, "factors": {COUPON: 0.5}}
        await define(service.client, a=one, b=other, split=0.4)
        await decide_all(service.client, PEOPLE[:120], max_actions=2)
        held = service.resources.of(Decisions)
        catalogue, rules = held.catalogue, held.book.rules
    test, seen = SplitTest("tea", Side(), Side(), 0, 1, split=0.4, secret=b"tests"), set()
    for row in await sql.rows("SELECT * FROM decisions"):
        kept, side = row["receipt"], test.side_of(row["customer_id"])
        assert side is not None
        assert kept["test"]["side"] == side
        assert kept.get("policy_version") == {"a": None, "b": version.name}[side]
        assert kept["policy"]["exploration"] == {"a": 0.0, "b": 0.3}[side]
        again = recall(row["customer_id"], row["decision_id"], row["decided_us"], kept).choose(catalogue, rules)
        assert again.worths == kept["expected_values"]
        assert dict(again.suppressed) == kept["suppressed"]
        chances = {item.action.action_id: item.selection_probability for item in (*again.chosen, *again.withheld)}
        assert chances == {**kept["selection_probabilities"], **kept["withheld"]}
        seen.add((side, kept["customer"]["arm"]))
    assert len(seen) == 4


async def test_a_test_whose_policy_cannot_be_read_is_of_no_decision(shop_service, engine, sql, tmp_path):
    version = write_policy(tmp_path, datetime(2026, 3, 1, tzinfo=UTC), {"personal_suggestions": 50.0})
    async with transaction(engine) as connection:
        await register(connection, version, 1, "tests", may_serve=False)
    await define(shop_service.client, a={}, b={"policy": version.name})
    held = shop_service.resources.of(Decisions)
    assert [*held.tests.policies] == [version.name]
    loaded = held.tests.policies[version.name]
    await shop_service.resources.refresh()
    assert held.tests.policies[version.name] is loaded
    held.tests = None
    await sql.rows("DELETE FROM models")
    await shop_service.resources.refresh()
    assert (list(held.tests.tests), held.tests.refused) == ([], {version.name})
    await decide(shop_service.client, PEOPLE[0])
    assert "test" not in (await sql.row("SELECT receipt FROM decisions"))["receipt"]


async def test_receipts_of_a_test_of_actions_decide_again(serve, sql):
    async with serve(exploration=0.3, control_share=0.3) as service:
        await define(service.client, share=0.5)
        await decide_all(service.client, PEOPLE[:120], max_actions=3)
        held = service.resources.of(Decisions)
        catalogue, rules = held.catalogue, held.book.rules
    rows = await sql.rows("SELECT * FROM decisions")
    assert 30 < sum("test" in row["receipt"] for row in rows) < 90
    for row in rows:
        kept = row["receipt"]
        again = recall(row["customer_id"], row["decision_id"], row["decided_us"], kept).choose(catalogue, rules)
        assert (again.worths, dict(again.suppressed)) == (kept["expected_values"], kept["suppressed"])
        chances = {item.action.action_id: item.selection_probability for item in (*again.chosen, *again.withheld)}
        assert chances == {**kept["selection_probabilities"], **kept["withheld"]}


async def test_the_sample_is_told_from_what_came_of_late(shop_client, sql, shop):
    await define(shop_client, "earlier")
    await decide_all(shop_client, PEOPLE[:200])
    await turn_back(sql, 20)
    await send(shop_client, *(shop.order(each, total=100.0, at=shop.ago(days=18)) for each in PEOPLE[:50]))
    await decide_all(shop_client, PEOPLE[200:300])
    sample = (await define(shop_client, looked_for=0.2, split=0.25))["sample"]
    assert sample["deviation"] == pytest.approx((0.25 * 0.75) ** 0.5)
    assert sample["deviation_from"] == "history"
    assert (sample["expected"], sample["is_enough"]) == ({"a": 75, "b": 25}, False)
    assert sample["least"]["a"] > 2.9 * 50
    await sql.rows("DELETE FROM split_tests")
    value = (await define(shop_client, metric="value", looked_for=5.0))["sample"]
    assert value["deviation"] == pytest.approx(25 * (0.25 * 0.75 * 200 / 199) ** 0.5)
    await sql.rows("DELETE FROM split_tests")
    await sql.rows("DELETE FROM decisions")
    unknown = (await define(shop_client, metric="value", looked_for=5.0))["sample"]
    assert (unknown["least"], unknown["deviation_from"], unknown["is_enough"]) == (None, None, None)


async def test_the_sample_counts_those_of_both_sides_of_an_earlier_test_and_who_might_take_part(shop_client):
    await define(shop_client, "earlier")
    await decide_all(shop_client, PEOPLE[:100])
    await decide_all(shop_client, PEOPLE[100:200], learning_enabled=False)
    later = {"starts_at": soon(days=8), "ends_at": soon(days=15)}
    assert (await define(shop_client, "later", **later))["sample"]["expected"] == {"a": 50, "b": 50}


async def test_one_that_has_begun_can_be_ended_and_nothing_else(shop_client, sql):
    told = await define(shop_client, title="Coupon or ideas")
    same = {"title": "Coupon or ideas", "ends_at": told["ends_at"]}
    assert await define(shop_client, **same) == told
    await define(shop_client, status=409, **{**same, "looked_for": 0.2})
    await define(shop_client, status=409, **{**same, "ends_at": soon(days=9)})
    assert (await shop_client.delete("/v1/tests/tea")).status_code == 409
    ended = await define(shop_client, **{**same, "ends_at": soon(days=-1)})
    assert (ended["status"], ended["planned_end"], ended["sample"]) == ("waiting", told["ends_at"], told["sample"])
    decision = await decide(shop_client, PEOPLE[0])
    assert "other_side" not in suppressed(decision).values()
    await turn_back(sql, 30)
    read_early = await read(shop_client)
    assert (read_early["status"], read_early["fixed"]["is_final"]) == ("complete", False)
    assert "ended_early" in read_early["warnings"]
    assert "only the one at any time" in read_early["summary"]


async def test_one_that_began_while_another_was_prepared_stays(shop_client, monkeypatch):
    async def tell_late(*asked):
        monkeypatch.setattr(split_tests_router, "tell_sample", tell_sample)
        await define(shop_client, looked_for=0.2)
        return await tell_sample(*asked)

    monkeypatch.setattr(split_tests_router, "tell_sample", tell_late)
    await define(shop_client, status=409)
    assert (await read(shop_client))["looked_for"] == 0.2


async def test_one_that_has_not_begun_can_be_changed_and_removed(shop_client):
    later = {"starts_at": soon(days=1), "ends_at": soon(days=3)}
    assert (await define(shop_client, **later))["status"] == "planned"
    assert (await define(shop_client, **later, share=0.5))["share"] == 0.5
    assert (await decide(shop_client, PEOPLE[0]))["actions"][0]["action_id"] == COUPON
    assert (await read(shop_client))["summary"].startswith("It begins on ")
    (listed,) = (await shop_client.get("/v1/tests")).json()["tests"]
    assert listed["test_id"] == "tea"
    assert (await shop_client.delete("/v1/tests/tea")).status_code == 204
    assert (await shop_client.get("/v1/tests/tea")).status_code == 404
    assert (await shop_client.delete("/v1/tests/tea")).status_code == 404


async def test_a_decision_is_of_one_test_at_most(shop_client):
    await define(shop_client, channels=["web"])
    assert (await define(shop_client, "coffee", status=409, channels=["web", "store"]))["type"].endswith("overlapping")
    await define(shop_client, "coffee", status=409)
    await define(shop_client, "coffee", channels=["store"])
    await define(shop_client, "later", starts_at=soon(days=8), ends_at=soon(days=9))


@pytest.mark.parametrize(
    "more",
    [
        {"b": {"action_id": COUPON}},
        {"b": {"action_id": "none-such"}},
        {"b": {"policy": "none"}},
        {"b": {"action_id": "win-back-offer"}},
        {"a": {}, "b": {}},
        {"a": {}, "b": {"policy": "none-such"}},
        {"a": {}, "b": {"factors": {"none-such": 2}}},
        {"looked_for": 0},
        {"looked_for": 1e-9},
        {"looked_for": 3},
        {"ends_at": "2020-01-01T00:00:00Z"},
        {"starts_at": "2020-01-01T00:00:00Z"},
        {"ends_at": soon(days=400)},
        {"starts_at": "9999-12-01T00:00:00Z", "ends_at": "9999-12-31T00:00:00Z", "window_days": 90},
        {"share": 0},
        {"split": 1},
    ],
)
async def test_what_is_no_test(client, more):
    await define(client, status=422, **more)


async def test_a_sample_beyond_all_counting_is_told(shop_client):
    told = await define(shop_client, metric="value", deviation=1e9, looked_for=1e-6)
    assert (told["sample"]["least"], told["sample"]["is_enough"]) == ({"a": 10**15, "b": 10**15}, False)
    assert (await read(shop_client))["sample"] == told["sample"]


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


async def test_the_sample_of_a_ratio_is_told_from_what_came_of_late(shop_client, sql, shop):
    people = PEOPLE[:200]
    await decide_all(shop_client, people)
    await turn_back(sql, 20)
    looks = [shop.event("product.viewed", each, at=shop.ago(days=18)) for each in people for _ in range(2)]
    orders = [shop.order(each, total=100.0, at=shop.ago(days=18)) for each in people[::2]]
    await send(shop_client, *looks, *orders)
    told = await define(shop_client, metric="orders_per_visit", looked_for=0.05)
    assert told["sample"]["deviation_from"] == "history"
    assert told["sample"]["deviation"] == pytest.approx(0.25, rel=0.01), "of none or one order at two visits"
    assert told["sample"]["least"]["a"] > 100
