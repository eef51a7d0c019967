"""`perennial train policy`: what actions add is learned of the database, and registered as models of scores are."""

import asyncio
import json
import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.database.engine import transaction
from app.decisions.fairness_gate import gates_of
from app.decisions.held import Decisions
from app.decisions.recalling import recall
from app.foundation.errors import Refusal
from app.foundation.settings import Settings
from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.decisions import CustomerContext, DecisionOptions, Policy, choose
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.lifecycle.learned_effects import TERMS, Learned, LearnedEffects
from app.models.held import Models
from app.models.policy_artefact import load_policy_model
from app.models.service import promote, register, rollback
from tests.models.policies import write_policy


async def decide(client, number):
    response = await client.post("/v1/decisions", json={"customer_id": f"C-{number}", "channel": "web"})
    assert response.status_code == 200, response.text


@pytest.fixture
async def shop_with_coupons(serve, sql, shop):
    """Prospects, of whom a third are held out; whoever gets the coupon orders for 80, of the others one in five."""
    async with serve(exploration=1.0, control_share=0.34) as service:
        for begin in range(0, 400, 20):
            await asyncio.gather(*(decide(service.client, number) for number in range(begin, begin + 20)))
        rows = await sql.rows("SELECT customer_id, receipt FROM decisions")
        buyers = [
            row["customer_id"]
            for row in rows
            if "first-order-coupon" in row["receipt"]["selection_probabilities"]
            or int(row["customer_id"].partition("-")[2]) % 5 == 0
        ]
        orders = [shop.order(customer_id, total=80.0, at=shop.ago()) for customer_id in buyers]
        response = await service.client.post("/v1/events", json=orders)
        assert response.json()["rejected"] == 0, response.text


def test_the_command_learns_of_the_database_and_registers(shop_with_coupons, perennial, monkeypatch, tmp_path):
    monkeypatch.setenv("PERENNIAL_REWARD_WAIT_DAYS", "0")
    told = perennial("train", "policy")
    (made,) = (tmp_path / "home" / "models").iterdir()
    assert f"Model {made.name}: It is the first one and serves at once." in told
    assert "learned" in told
    (listed,) = json.loads(perennial("models", "list", "--json"))
    assert (listed["version"], listed["kind"], listed["horizon_days"]) == (made.name, "policy", 30)
    assert (listed["state"], listed["readable"]) == ("champion", True)
    assert set(listed["metrics"]["policies"]) == {"rules", "learned"}
    worths = load_policy_model(made).effects.weigh_known("prospect", None, 100.0)
    others = [each.told for action_id, each in worths.items() if action_id != "first-order-coupon"]
    assert worths["first-order-coupon"].told > max(others) + 5
    monkeypatch.setenv("PERENNIAL_MARGIN", "0.3")  # another policy, within the second
    again = perennial("train", "policy", "--days", "30", "--json")
    figures = json.loads(again[: again.rindex("}") + 1])
    assert figures["state"] == "challenger"
    assert figures["training"]["withheld"] > 100
    assert set(figures["metrics"]["leads"]) == {"rules", "champion"}
    told = perennial("retrain", "--kind", "policy")
    assert "the champion" in told
    assert "Meanwhile" not in told


@pytest.fixture
async def shop_without_control(serve, sql, shop):
    """Two of five prospects who were given the coupon redeem it, and one of eight the ideas."""
    async with serve(exploration=1.0) as service:
        for begin in range(0, 300, 20):
            await asyncio.gather(*(decide(service.client, number) for number in range(begin, begin + 20)))
        rows, draw = await sql.rows("SELECT customer_id, decision_id, receipt FROM decisions"), random.Random(3)
        given = [(row, *row["receipt"]["selection_probabilities"]) for row in rows]
        told = [
            {"decision_id": row["decision_id"], "action_id": action_id, "outcome": "redeemed"}
            for row, action_id in given
            if draw.random() < {"first-order-coupon": 0.4, "personal-suggestions": 0.125}[action_id]
        ]
        response = await service.client.post("/v1/outcomes", json=told)
        assert response.json()["accepted"] == len(told), response.text


@pytest.fixture
def learned_responses(shop_without_control, perennial, monkeypatch):
    """Learned of that, and registered; what the command says."""
    monkeypatch.setenv("PERENNIAL_REWARD_WAIT_DAYS", "0")
    return perennial("train", "policy", "--json")


async def test_without_a_control_group_who_responds_decides(learned_responses, serve, sql):
    figures = json.loads(learned_responses[: learned_responses.rindex("}") + 1])
    assert (figures["state"], figures["training"]["estimate"]) == ("champion", "response")
    await sql.rows("DELETE FROM decisions")
    async with serve() as service:
        held = service.resources.of(Decisions)
        await service.resources.refresh()
        (action,) = (await ask(service.client, "C-new"))["actions"]
        usual = (await ask(service.client, "C-other", learning_enabled=False))["actions"][0]
        catalogue, rules = held.catalogue, held.book.rules
    assert (action["action_id"], action["estimate"]) == ("first-order-coupon", "response")
    assert action["response_probability"] == pytest.approx(0.4, abs=0.1)
    assert action["reasons"][4]["code"] == "learned_response"
    believed = catalogue.by_id["first-order-coupon"].response_rate
    assert (usual["estimate"], usual["response_probability"]) == ("prior", believed)
    row, other = await sql.rows("SELECT * FROM decisions ORDER BY decided_us")
    kept = row["receipt"]
    assert (kept["learned"], set(kept["responses"])) == ({}, {"first-order-coupon", "personal-suggestions"})
    assert "responses" not in other["receipt"]
    probability, deviation = kept["responses"]["first-order-coupon"]
    assert probability == action["response_probability"]
    (before,) = [other["receipt"]["expected_values"]["first-order-coupon"]]
    assert kept["expected_values"]["first-order-coupon"] == pytest.approx(
        before * (probability - deviation / 2) / believed
    )
    again = recall(row["customer_id"], row["decision_id"], row["decided_us"], kept).choose(catalogue, rules)
    assert (again.worths, dict(again.suppressed)) == (kept["expected_values"], kept["suppressed"])


def test_the_command_says_what_is_missing(sql, perennial):
    with pytest.raises(Refusal, match=r"^0 decisions whose reward is final withheld"):
        perennial("train", "policy")


CATALOGUE = ActionCatalogue(DEFAULT_ACTIONS)
PROSPECT = CustomerContext("C-1", "prospect", None, 100.0, False, {}, {})
LEARNED = {"first-order-coupon": Learned(-1.0, 0.1), "personal-suggestions": Learned(3.0, 1.0)}


def worths(customer=PROSPECT, **wanted):
    options = DecisionOptions("web", 1, **wanted)
    return choose(CATALOGUE, customer, options, Policy(0.0, 0.0, 0.25), now_us=10**15, seed="D-1").worths


def test_what_was_learned_takes_the_place_of_what_is_believed():
    learned = worths(PROSPECT._replace(learned=LEARNED))
    assert (learned["first-order-coupon"], learned["personal-suggestions"]) == pytest.approx((-1.05, 2.5))
    others = {each: worth for each, worth in worths().items() if each not in LEARNED}
    assert {each: learned[each] for each in others} == others


def test_business_as_usual_and_who_asks_for_it_go_by_the_rules():
    assert worths(PROSPECT._replace(learned=LEARNED, arm="business_as_usual")) == worths()
    assert worths(PROSPECT._replace(learned=LEARNED), learning_enabled=False) == worths()


def test_what_settles_a_complaint_comes_first_whatever_was_learned():
    unhappy = PROSPECT._replace(value_at_stake=900.0, has_open_complaint=True)
    hated = dict.fromkeys(CATALOGUE.by_id, Learned(-9.0, 0.0))
    told = worths(unhappy._replace(learned=hated))["service-recovery"]
    assert told == worths(unhappy)["service-recovery"] > 0


def test_the_control_group_withholds_what_was_learned_to_be_best():
    """Whom those who were offered it are compared with."""
    held_out = PROSPECT._replace(arm="control", learned=LEARNED)
    choice = choose(CATALOGUE, held_out, DecisionOptions("web", 1), Policy(0.5, 0.0, 0.25), now_us=10**15, seed="D-1")
    assert [item.action.action_id for item in choice.withheld] == ["personal-suggestions"]


@pytest.fixture
def enrol(engine, tmp_path):
    """Registers a policy, the first as champion; its version."""

    async def enrol(day, **effects):
        directory = write_policy(tmp_path, datetime(2026, 3, day, tzinfo=UTC), effects)
        async with transaction(engine) as connection:
            await register(connection, directory, day, "tests", gates=gates_of(Settings()))
        return directory.name

    return enrol


async def ask(client, customer_id="C-1", **wanted):
    response = await client.post("/v1/decisions", json={"customer_id": customer_id, "channel": "web", **wanted})
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_champion_decides_as_soon_as_it_is_held_and_no_longer(serve, engine, sql, enrol):
    settings = {"exploration": 0.0, "control_share": 0.0}
    async with serve(**settings) as service:
        client, refresh = service.client, service.resources.refresh

        async def first(**wanted):
            await sql.rows("DELETE FROM offers")
            return (await ask(client, f"C-{random.random()}", **wanted))["actions"][0]["action_id"]

        assert await first() == "first-order-coupon"
        one = await enrol(1, personal_suggestions=50.0)
        two = await enrol(2, first_order_coupon=60.0)
        await refresh()
        assert await first() == "personal-suggestions"
        assert await first(learning_enabled=False) == "first-order-coupon"
        async with transaction(engine) as connection:
            await promote(connection, two, 3, "tests", gates=gates_of(Settings()))
        await refresh()
        assert await first() == "first-order-coupon"
        async with transaction(engine) as connection:
            await rollback(connection, 4, "tests", kind="policy")
        await refresh()
        assert await first() == "personal-suggestions"
        assert service.resources.of(Models).policy_champion.version == one
    kept = [row["receipt"] for row in await sql.rows("SELECT receipt FROM decisions ORDER BY decided_us")]
    assert [receipt.get("policy_version") for receipt in kept] == [None, one, None, two, one]
    effect, deviation = kept[1]["learned"]["personal-suggestions"]
    assert kept[1]["expected_values"]["personal-suggestions"] == effect - deviation / 2
    assert (effect, deviation) == (pytest.approx(50.0, abs=0.1), 0.1)


async def test_reasons_say_what_the_effect_of_the_receipt_is_made_of(serve, sql, enrol):
    await enrol(1, personal_suggestions=50.0)
    async with serve(exploration=0.0, control_share=0.0) as service:
        told = (await ask(service.client))["actions"][0]["reasons"]
        chinese = await service.client.post(
            "/v1/decisions", json={"customer_id": "C-2", "channel": "web"}, headers={"Accept-Language": "zh"}
        )
    (row, _) = await sql.rows("SELECT receipt, answer FROM decisions ORDER BY decided_us")
    effect, deviation = row["receipt"]["learned"]["personal-suggestions"]
    values = {reason["code"]: reason["value"] for reason in told}
    assert (values["learned_effect"], values["learned_deviation"]) == (effect, deviation)
    terms = [values[f"learned_{term}"] for term in TERMS]
    assert sum(Decimal(str(term)) for term in terms) == Decimal(str(effect))
    assert values["learned_own"] == 50.0
    assert [reason["code"] for reason in told if "text" not in reason] == [
        "stage",
        "churn_risk",
        "value_at_stake",
        "expected_value",
    ]
    said = [reason["text"] for reason in chinese.json()["actions"][0]["reasons"] if "text" in reason]
    assert said[0] == "据 500 次决策学得：比什么都不做多带来的收益"
    assert len(said) == len(terms) + 2
    assert len(json.dumps(row["answer"])) < 4096


async def test_business_as_usual_is_not_decided_by_it(serve, sql, enrol):
    await enrol(1, personal_suggestions=50.0)
    async with serve(exploration=0.0, control_share=0.0, usual_share=0.999999) as service:
        assert (await ask(service.client))["actions"][0]["action_id"] == "first-order-coupon"
    (row,) = await sql.rows("SELECT receipt FROM decisions")
    assert "policy_version" not in row["receipt"]


@pytest.mark.parametrize(
    ("usual_share", "wanted", "times"),
    [(0.0, {}, 1), (0.999999, {}, 0), (0.0, {"learning_enabled": False}, 0), (0.0, {"max_actions": 0}, 0)],
)
@pytest.mark.usefixtures("sql")
async def test_it_is_reckoned_with_only_where_it_decides(serve, enrol, monkeypatch, usual_share, wanted, times):
    await enrol(1, personal_suggestions=50.0)
    weigh_known, weighed = LearnedEffects.weigh_known, []

    def weigh_and_count(effects, *customer):
        weighed.append(customer)
        return weigh_known(effects, *customer)

    monkeypatch.setattr(LearnedEffects, "weigh_known", weigh_and_count)
    async with serve(exploration=0.0, control_share=0.0, usual_share=usual_share) as service:
        await ask(service.client, **wanted)
    assert len(weighed) == times


async def test_receipts_are_enough_to_decide_once_more_without_the_policy(serve, sql, shop, enrol):
    draw = random.Random(5)
    effects = {action.action_id: draw.uniform(-1, 3) for action in DEFAULT_ACTIONS if draw.random() < 0.8}
    version = await enrol(1, **effects)
    async with serve(exploration=0.4, control_share=0.2, usual_share=0.2) as service:
        orders = [
            shop.order(f"C-{number}", total=draw.uniform(10, 200), at=shop.ago(days=draw.uniform(1, 300)))
            for number in range(60)
            for _ in range(draw.choice((0, 1, 4)))
        ]
        assert (await service.client.post("/v1/events", json=orders)).json()["rejected"] == 0
        for number in range(200):
            asked = {"max_actions": draw.choice((1, 2, 3)), "learning_enabled": draw.random() < 0.8}
            await ask(service.client, f"C-{number % 80}", channel=draw.choice(("web", "store")), **asked)
        held = service.resources.of(Decisions)
        catalogue, rules = held.catalogue, held.book.rules
    rows, learned = await sql.rows("SELECT * FROM decisions"), 0
    for row in rows:
        kept = row["receipt"]
        again = recall(row["customer_id"], row["decision_id"], row["decided_us"], kept).choose(catalogue, rules)
        assert again.worths == kept["expected_values"]
        assert dict(again.suppressed) == kept["suppressed"]
        for told, items in (("selection_probabilities", again.chosen), ("withheld", again.withheld)):
            assert {item.action.action_id: item.selection_probability for item in items} == kept[told]
        learned += kept.get("policy_version") == version
        assert len(json.dumps(kept, separators=(",", ":"))) <= 2048
    assert 90 < learned < 200
