"""`/v1/tests`: persons are split, and decided of by their side."""

from datetime import UTC, datetime

import pytest

from app.database.engine import transaction
from app.decisions import split_tests_router
from app.decisions.held import Decisions
from app.decisions.recalling import recall
from app.decisions.split_testing import tell_sample
from app.lifecycle.arms import Arms
from app.lifecycle.split_tests import Side, SplitTest
from app.models.service import register
from tests.decisions.acting import suppressed
from tests.decisions.splitting import (
    COUPON,
    IDEAS,
    PEOPLE,
    decide,
    decide_all,
    define,
    read,
    send,
    side_of,
    soon,
    turn_back,
)
from tests.models.policies import write_policy


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
