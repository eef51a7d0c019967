"""What a policy brought, beside the other arms and what was expected, how it chooses, and what its challenger would."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from statistics import fmean

import pytest

from app.database.engine import transaction
from app.decisions.fairness_gate import gates_of
from app.decisions.policy_watch import (
    compare_choices,
    falls_short,
    has_drifted,
    is_losing,
    keep_watching_policies,
    report_on,
    watch_policies,
)
from app.decisions.realised_queries import count_choices
from app.foundation.errors import NotReady
from app.foundation.settings import Settings
from app.lifecycle.events import DAY_US
from app.lifecycle.realised import Sums
from app.models.queries import write_report
from app.models.service import register
from tests.models.policies import judged, write_policy

SETTINGS = Settings(reward_wait_days=0)
HOUR_US = 3_600_000_000


async def decide(client, number, **more):
    response = await client.post("/v1/decisions", json={"customer_id": f"C-{number}", "channel": "web", **more})
    assert response.status_code == 200, response.text


@pytest.fixture
def enrol(engine, tmp_path, sql):
    """Registers policies, a day younger each: the first is champion. Effects are of actions; its version."""
    made = iter(range(100))

    async def enrol(*, value=1.0, **effects):
        made_at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=next(made))
        directory = write_policy(tmp_path, made_at, effects, metrics=judged(value))
        async with transaction(engine) as connection:
            found = await register(connection, directory, next(made), "tests", gates=gates_of(SETTINGS))
        return found.version

    return enrol


@pytest.fixture
async def shop_of(serve, sql, shop):
    """180 prospects decided of by the policies that were enrolled. Who is shown personal suggestions buys for 80, of
    the others one in ten. Rows of decisions."""

    async def shop_of(*, exploration=0.0):
        async with serve(exploration=exploration, control_share=0.25, usual_share=0.25) as service:
            for begin in range(0, 180, 20):
                await asyncio.gather(*(decide(service.client, number) for number in range(begin, begin + 20)))
            rows = await sql.rows("SELECT customer_id, receipt FROM decisions")
            orders = [
                shop.order(row["customer_id"], total=80.0, at=shop.ago())
                for row in rows
                if _shown(row) == "personal-suggestions" or int(row["customer_id"][2:]) % 10 == 0
            ]
            assert (await service.client.post("/v1/events", json=orders)).json()["rejected"] == 0
        return rows

    return shop_of


def _shown(row):
    return next(iter(row["receipt"]["selection_probabilities"]), None)


def watch(engine, **options):
    return watch_policies(engine, SETTINGS, time.time_ns() // 1000, **options)


async def test_what_each_arm_brought_and_the_policy_of_what_was_expected(enrol, shop_of, engine, serve, sql):
    version = await enrol(personal_suggestions=50.0, value=30.0)
    rows = await shop_of()
    report = (await watch(engine)).realised
    arms = {row["customer_id"]: row["receipt"]["customer"]["arm"] for row in rows}
    bought = {row["customer_id"]: 20.0 * (_shown(row) == "personal-suggestions") for row in rows}
    bought |= dict.fromkeys((each for each in arms if int(each[2:]) % 10 == 0), 20.0)
    for arm, told in report["arms"].items():
        mine = [bought[each] for each in arms if arms[each] == arm]
        assert (told["persons"], told["decisions"]) == (len(mine), len(mine))
        assert told["reward"]["value"] == pytest.approx(fmean(mine))
    assert report["arms"]["learner"]["reward"]["value"] == 20.0
    assert report["leads"]["business_as_usual"]["low"] > 10
    assert report["leads"]["control"]["low"] > 10
    assert report["policy"]["decisions"] == report["arms"]["learner"]["decisions"]
    assert report["policy"]["reward"]["value"] == pytest.approx(20.0)
    assert report["estimated"]["value"] == 32.0
    assert falls_short(report)
    async with serve() as service:
        checks = (await service.client.get("/health")).json()["checks"]
        (told,) = checks["policy:reward"]
        assert told["status"] == "warn"
        assert "bring 20.0000, less than was expected (32.0000)" in told["output"]
        assert checks["policy:choices"][0]["status"] == "pass"
        metrics = (await service.client.get("/metrics")).text
    assert f'perennial_policy_falls_short{{version="{version}"}} 1' in metrics
    assert 'perennial_policy_lead{bound="low",over="business_as_usual"}' in metrics
    assert f'perennial_policy_reward{{told="realised",version="{version}"}} 20' in metrics


async def test_a_policy_that_loses_is_warned_of(enrol, shop_of, engine, serve, sql):
    """Here the learner shows what business as usual does; there it brings 1 a decision, the control group 2."""
    version = await enrol(first_order_coupon=50.0)
    await shop_of()
    report = (await watch(engine)).realised
    assert is_losing(report) == []
    losing = report_on(
        {"learner": Sums(100, 100, 100.0, 110.0, 100.0, 100.0), "control": Sums(100, 100, 200.0, 410.0, 100.0, 200.0)},
        None,
    )
    assert is_losing(losing) == ["control"]
    assert losing["leads"]["business_as_usual"] is None
    assert not falls_short(losing)
    moved = {"psi": 0.6, "psi_by_chance": 0.1, "then": {"gift": 500}, "now": {"coupon": 500}}
    async with transaction(engine) as connection:
        told = {**losing, "choices": moved}
        await write_report(connection, version, "realised", time.time_ns() // 1000, told)
    async with serve() as service:
        checks = (await service.client.get("/health")).json()["checks"]
    assert "bring less than those of the control group" in checks["policy:reward"][0]["output"]
    assert (checks["policy:choices"][0]["status"], checks["policy:choices"][0]["observedValue"]) == ("warn", 0.6)
    await sql.rows("UPDATE models SET changed_us = :us", us=time.time_ns() // 1000)  # put in force once more
    async with serve() as service:
        checks = (await service.client.get("/health")).json()["checks"]
        assert "perennial_policy_lead{" not in (await service.client.get("/metrics")).text
    assert {checks[name][0]["status"] for name in ("policy:reward", "policy:choices")} == {"pass"}


async def test_arms_are_compared_as_they_were_assigned_whatever_was_shown(enrol, serve, engine, shop, sql):
    """All are decided of ahead, none is shown anything, and all buy: no arm brings more than another."""
    await enrol(personal_suggestions=50.0)
    async with serve(control_share=0.25, usual_share=0.25) as service:
        for begin in range(0, 120, 20):
            ahead = [decide(service.client, number, activate=False) for number in range(begin, begin + 20)]
            await asyncio.gather(*ahead)
        orders = [shop.order(f"C-{number}", total=80.0, at=shop.ago()) for number in range(120)]
        assert (await service.client.post("/v1/events", json=orders)).json()["rejected"] == 0
    report = (await watch(engine)).realised
    assert {arm: told["reward"]["value"] for arm, told in report["arms"].items()} == {
        "control": 20.0,
        "business_as_usual": 20.0,
        "learner": 20.0,
    }
    assert is_losing(report) == []
    assert report["policy"]["decisions"] == 0


async def test_it_is_looked_at_once_a_period_and_only_where_a_policy_is_in_force(enrol, engine, sql, monkeypatch):
    assert await watch(engine) is None
    version = await enrol(personal_suggestions=1.0)
    assert (await watch(engine, every_us=24 * HOUR_US)).version == version
    assert await watch(engine) is not None
    monkeypatch.delattr("app.decisions.policy_watch.load_stored")  # nor are models read each minute
    assert await watch(engine, every_us=24 * HOUR_US) is None
    assert await sql.value("SELECT count(*) FROM model_reports WHERE kind = 'realised'") == 2


async def test_a_look_that_failed_is_not_tried_again_at_once(engine, monkeypatch):
    """It may be one that reads for five minutes, in vain."""
    looked, came = asyncio.Event(), []

    async def watch_in_vain(*_, **__):
        came.append(time.monotonic())
        looked.set()
        raise NotReady("It takes too long.")

    monkeypatch.setattr("app.database.background.LOOK_SECONDS", 0.001)
    monkeypatch.setattr("app.decisions.policy_watch.watch_policies", watch_in_vain)
    task = asyncio.create_task(keep_watching_policies(engine, SETTINGS))
    await asyncio.wait_for(looked.wait(), 10)
    await asyncio.sleep(0.1)
    task.cancel()
    assert len(came) == 1


async def test_rewards_that_are_not_final_and_of_before_do_not_count(enrol, shop_of, engine, sql):
    version = await enrol(personal_suggestions=50.0)
    await shop_of()
    found = await watch_policies(engine, Settings(reward_wait_days=30), time.time_ns() // 1000)
    assert found is not None
    assert found.realised["arms"]["learner"] == {"persons": 0, "decisions": 0, "reward": None}
    told = (await watch(engine)).realised
    await sql.rows(
        """UPDATE decisions
           SET receipt = CAST(jsonb_set(CAST(receipt AS jsonb), '{policy_version}', '"another"') AS json)
           WHERE customer_id IN (SELECT customer_id FROM decisions WHERE receipt ->> 'policy_version' IS NOT NULL
                                 AND receipt #>> '{customer,arm}' = 'learner' ORDER BY 1 LIMIT 10)"""
    )
    assert (await watch(engine)).realised["policy"]["decisions"] == told["policy"]["decisions"] - 10
    await sql.rows(
        """UPDATE decisions SET receipt = CAST(jsonb_set(CAST(receipt AS jsonb), '{expected_values}', '{}') AS json)
           WHERE customer_id IN (SELECT customer_id FROM decisions WHERE receipt ->> 'policy_version' = :version
                                 AND receipt #>> '{customer,arm}' = 'learner' ORDER BY 1 LIMIT 5)""",
        version=version,
    )
    assert (await watch(engine)).realised["policy"]["decisions"] == told["policy"]["decisions"] - 15
    await sql.rows("UPDATE models SET changed_us = :us", us=time.time_ns() // 1000)
    assert (await watch(engine)).realised["arms"]["control"]["decisions"] == 0


async def test_choices_are_counted_at_first_and_of_late(enrol, shop_of, engine, sql):
    version = await enrol(personal_suggestions=50.0)
    rows = await shop_of()
    now_us = time.time_ns() // 1000
    begun_us = now_us - 40 * DAY_US
    learners = sorted(row["customer_id"] for row in rows if row["receipt"]["customer"]["arm"] == "learner")
    early, middle = learners[:30], learners[30:50]
    move = "UPDATE decisions SET decided_us = :us WHERE customer_id = ANY(:ids)"
    await sql.rows(move, us=begun_us + DAY_US, ids=early)
    await sql.rows(move, us=begun_us + 20 * DAY_US, ids=middle)
    async with transaction(engine) as connection:
        then, now = await count_choices(connection, version, begun_us, now_us, 14 * DAY_US)
    assert then == {"personal-suggestions": 30}
    assert now == {"personal-suggestions": len(learners) - 50}


def test_choices_have_drifted_beyond_chance():
    before = {"gift": 500, "coupon": 500}
    drifted = compare_choices(before, {"gift": 950, "coupon": 40, "": 10})
    assert has_drifted({"choices": drifted})
    assert not has_drifted({"choices": compare_choices(before, {"gift": 540, "coupon": 460})})
    assert not has_drifted({"choices": compare_choices({"gift": 5, "coupon": 5}, {"gift": 9, "coupon": 1})})
    assert compare_choices({}, before) is None
    assert not has_drifted({"choices": None})


async def test_a_challenger_is_asked_about_what_was_decided(enrol, shop_of, engine, serve):
    """The champion shows coupons, the challenger suggestions, which sell; chance shows both."""
    champion = await enrol(first_order_coupon=50.0, personal_suggestions=30.0)
    challenger = await enrol(first_order_coupon=30.0, personal_suggestions=50.0)
    rows = await shop_of(exploration=1.0)
    shadow = (await watch(engine)).shadow
    learners = [row for row in rows if row["receipt"]["customer"]["arm"] == "learner"]
    assert (shadow["champion"], shadow["challenger"]) == (champion, challenger)
    assert (shadow["decisions"], shadow["same_first"]) == (len(learners), 0.0)
    assert 0.2 < shadow["agreement"] < 0.9
    assert shadow["judged"] < 100
    assert shadow["values"] is None


async def test_what_a_challenger_would_bring_is_estimated(enrol, shop_of, engine, serve, perennial, monkeypatch):
    monkeypatch.setattr("app.decisions.policy_shadow.FEWEST", 50)
    champion = await enrol(first_order_coupon=50.0, personal_suggestions=30.0)
    challenger = await enrol(first_order_coupon=30.0, personal_suggestions=50.0)
    await shop_of(exploration=1.0)
    shadow = (await watch(engine)).shadow
    assert shadow["values"][challenger]["value"] > shadow["values"][champion]["value"]
    lead = shadow["values"][challenger]["value"] - shadow["values"][champion]["value"]
    assert shadow["lead"]["value"] == pytest.approx(lead)
    async with serve() as service:
        compared = await service.client.get(f"/v1/models:compare?versions={champion},{challenger}")
        (pair,) = compared.json()["shadow"]
        metrics = (await service.client.get("/metrics")).text
    assert pair["choices"] == shadow
    assert pair["lists"] is None
    assert f'perennial_policy_shadow_agreement{{version="{challenger}"}}' in metrics
    told = await asyncio.to_thread(perennial, "models", "compare", champion, challenger)
    assert f"{challenger} would bring +" in told
    monkeypatch.setenv("PERENNIAL_REWARD_WAIT_DAYS", "0")
    assert "the challenger decides" in await asyncio.to_thread(perennial, "monitor")
    shown = await asyncio.to_thread(perennial, "models", "show", champion)
    assert "expected were 3.0000 (2.0000 to 4.0000), the learner brought" in shown
    assert f"# Model card: {champion}" in shown


async def test_who_would_decide_the_same_agrees(enrol, shop_of, engine):
    await enrol(first_order_coupon=50.0)
    await enrol(first_order_coupon=50.0, value=2.0)
    await shop_of(exploration=0.4)
    shadow = (await watch(engine)).shadow
    assert (shadow["agreement"], shadow["same_first"]) == (pytest.approx(1.0), 1.0)
