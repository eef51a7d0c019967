"""`POST /v1/actions:simulate`: by hand on small shops, and beside what decisions say of everybody."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from app.database.tables import metadata
from app.decisions import simulation_router
from tests.decisions.acting import action_of, consent, decide, put_policy
from tests.decisions.test_situations import born

MALFORMED = "urn:perennial:problem:malformed"
NO_POLICY: dict[str, Any] = {"caps": [], "quiet_hours": []}
CODES = {
    "risk_too_low": "min_risk",
    "value_too_low": "min_value",
    "condition_failed": "eligibility",
    "condition_unknown": "eligibility",
    "budget_spent": "limits",
    "action_cap_reached": "limits",
    "counter_busy": "limits",
    **dict.fromkeys(("open_complaint", "no_open_complaint", "no_resolved_complaint"), "complaint"),
}
"""Code of a decision → step, where they differ."""


async def simulate(client, **asked):
    answer = await client.post("/v1/actions:simulate", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def counts(simulation):
    """Step → (alone, after); of several parts of the eligibility a list."""
    told: dict[str, Any] = {}
    for step in simulation["funnel"]:
        found = (step["alone"]["customers"], step["after"]["customers"])
        if step["step"] == "eligibility":
            told.setdefault("eligibility", []).append(found)
        else:
            told[step["step"]] = found
    return told


async def replace(client, *actions):
    """Puts actions beside those of the catalogue, which rest; what was there before."""
    kept = (await client.get("/v1/actions")).json()["actions"]
    for action in kept:
        await client.put(f"/v1/actions/{action['action_id']}", json={**action, "enabled": False})
    for action in actions:
        put = await client.put(f"/v1/actions/{action['action_id']}", json=action)
        assert put.status_code == 200, put.text
    return kept


async def restore(client, kept, *actions):
    for action in actions:
        await client.delete(f"/v1/actions/{action['action_id']}")
    for action in kept:
        await client.put(f"/v1/actions/{action['action_id']}", json=action)


async def send(client, *events):
    answer = await client.post("/v1/events", json=list(events))
    assert answer.json()["rejected"] == 0, answer.text


def regular(shop, customer_id):
    """Somebody who has bought every fortnight for a year."""
    return [shop.order(customer_id, total=100.0, at=shop.ago(days=3 + 14 * n)) for n in range(26)]


TEN = [f"C-{number}" for number in range(10)]
COUPON = action_of(
    "coupon",
    stages=["mature"],
    channels=["email", "sms"],
    cool_down_days=30,
    min_value=1,
    eligibility={"all_of": [{"fact": "state.orders", "at_least": 3}, {"fact": "state.visits", "below": 1}]},
)


@pytest.fixture
async def ten(client, shop):
    """Ten customers: the first six are regulars, the others have only looked; four agree to e-mail, one of them a
    visitor; one regular has a complaint."""
    await put_policy(client, NO_POLICY)
    for customer_id in TEN[:6]:
        await send(client, *regular(shop, customer_id))
    await send(client, *(shop.event("store.visited", each) for each in TEN[6:]))
    for each in (*TEN[:3], TEN[6]):
        await consent(client, shop, each, channel="email")
    await send(client, shop.event("case.opened", TEN[5], data={"case_id": "S-1", "kind": "complaint"}))


@pytest.fixture
async def coupon(client):
    """The coupon alone is in force."""
    kept = await replace(client, COUPON)
    yield COUPON
    await restore(client, kept, COUPON)


async def contents(sql):
    return {name: Counter(map(str, await sql.rows(f'SELECT * FROM "{name}"'))) for name in metadata.tables}


@pytest.mark.usefixtures("ten", "coupon")
async def test_ten_customers_counted_by_hand(client):
    for customer_id in TEN[:2]:
        assert (await decide(client, customer_id))["actions"]
    told = await simulate(client, action_id="coupon", channel="email")
    assert {name: told[name] for name in ("action_id", "channels", "customers", "is_sample", "sampled", "left")} == {
        "action_id": "coupon",
        "channels": ["email"],
        "customers": 10,
        "is_sample": False,
        "sampled": 10,
        "left": None,
    }
    assert counts(told) == {
        "stage": (6, 6),
        "complaint": (9, 5),
        "min_risk": (10, 5),
        "min_value": (10, 5),
        "staff": (10, 5),
        "minor": (10, 5),
        "just_refunded": (10, 5),
        "eligibility": [(6, 5), (6, 5)],
        "profiling_opt_out": (10, 5),
        "no_consent": (4, 3),
        "bad_csat": (10, 3),
        "cap_reached": (10, 3),
        "limits": (10, 3),
        "cooling_down": (8, 1),
        "no_gain": (10, 1),
        "control_group": (10, 1),
    }
    stage = told["funnel"][0]
    assert stage["condition"] == {"en": "Stage is mature", "zh": "所处阶段为成熟"}
    assert stage["alone"] == {"customers": 6, "share": 0.6, "low": None, "high": None}
    parts = [step["condition"] for step in told["funnel"] if step["step"] == "eligibility"]
    assert parts == [
        {"en": "Orders is at least 3", "zh": "订单数不少于3"},
        {"en": "Visits is below 1", "zh": "访问次数少于1"},
    ]


@pytest.mark.usefixtures("ten", "coupon")
async def test_a_draft_is_simulated_as_it_would_be_once_it_is_put(client, sql):
    draft = {**COUPON, "min_value": 1e6, "eligibility": None, "stages": ["prospect", "mature"]}
    told = counts(await simulate(client, action=draft, channel="email"))
    assert (told["stage"], told["min_value"], told["control_group"]) == ((10, 10), (0, 0), (10, 0))
    assert "eligibility" not in told
    assert (await sql.row("SELECT definition FROM actions WHERE action_id = 'coupon'"))["definition"]["min_value"] == 1


@pytest.mark.usefixtures("ten", "coupon")
async def test_nothing_is_written(client, sql):
    await put_policy(client, {"caps": [{"scope": "all", "most": 1, "window_days": 7}], "quiet_hours": []})
    draft = {**COUPON, "action_id": "new-one", "cost": 1, "budget": 5, "daily_cap": 2, "total_cap": 9}
    assert (await decide(client, TEN[0]))["actions"]
    before = await contents(sql)
    for asked in ({"action_id": "coupon"}, {"action": draft}, {"action": {**draft, "action_id": "coupon"}}):
        await simulate(client, **asked)
    assert await contents(sql) == before
    assert before["contacts"].total() == before["offers"].total() == before["decisions"].total() == 1


@pytest.mark.usefixtures("ten", "coupon")
async def test_contact_caps_and_limits_as_they_stand(client):
    await put_policy(client, {"caps": [{"scope": "all", "most": 1, "window_days": 7}], "quiet_hours": []})
    limited = {**COUPON, "cost": 2, "budget": 5, "total_cap": 3, "cool_down_days": 0}
    await client.put("/v1/actions/coupon", json=limited)
    told = await simulate(client, action_id="coupon", channel="email")
    assert (counts(told)["cap_reached"], told["left"]) == ((10, 3), 2)
    assert (await decide(client, TEN[0]))["actions"]
    told = await simulate(client, action_id="coupon", channel="email")
    assert (counts(told)["cap_reached"], counts(told)["limits"], told["left"]) == ((9, 2), (10, 2), 1)
    assert (await decide(client, TEN[1]))["actions"]
    told = await simulate(client, action_id="coupon", channel="email")
    assert (counts(told)["cap_reached"], counts(told)["limits"], told["left"]) == ((8, 1), (0, 0), 0)


@pytest.mark.usefixtures("ten", "coupon")
async def test_without_a_channel_any_of_the_actions_channels_will_do(client, shop):
    await consent(client, shop, TEN[4], channel="sms")
    found = {each: counts(await simulate(client, action_id="coupon", channel=each)) for each in ("email", "sms")}
    assert (found["email"]["no_consent"], found["sms"]["no_consent"]) == ((4, 3), (1, 1))
    told = await simulate(client, action_id="coupon")
    assert (told["channels"], counts(told)["no_consent"]) == (["email", "sms"], (5, 4))


@pytest.mark.usefixtures("ten", "coupon")
async def test_quiet_hours_are_left_out_and_it_is_said(client, shop):
    await consent(client, shop, TEN[4], channel="sms")
    hours = [{"channels": ["sms"], "begins": "00:00", "ends": "23:59"}]
    await put_policy(client, {"caps": [], "quiet_hours": hours})
    told = await simulate(client, action_id="coupon", channel="sms")
    assert (told["left_out"], counts(told)["control_group"]) == (["quiet_hours"], (10, 1))
    assert (await simulate(client, action_id="coupon", channel="email"))["left_out"] == []
    draft = {**COUPON, "action_id": "cross-sell"}
    assert (await simulate(client, action=draft, channel="email"))["left_out"] == ["items"]


@pytest.mark.usefixtures("ten")
async def test_what_requests_tell_is_supposed(client):
    draft = {**COUPON, "eligibility": {"fact": "context.weather", "equals": "rain"}}
    assert counts(await simulate(client, action=draft))["eligibility"] == [(0, 0)]
    told = await simulate(client, action=draft, context={"weather": "rain"})
    assert counts(told)["eligibility"] == [(10, 5)]


@pytest.mark.usefixtures("ten")
async def test_a_person_of_several_ids_counts_once(client, shop):
    await send(client, shop.event("customer.merged", TEN[0], data={"merged": TEN[6]}))
    told = await simulate(client, action=COUPON, channel="email")
    assert (told["customers"], told["sampled"]) == (9, 9)
    assert counts(told)["eligibility"] == [(6, 5), (5, 4)], "the regular has looked as well"
    assert (counts(told)["stage"], counts(told)["no_consent"]) == ((6, 6), (3, 2))


@pytest.mark.usefixtures("ten")
async def test_a_sample_is_told_with_its_intervals_and_is_the_same_all_day(client, monkeypatch):
    monkeypatch.setattr(simulation_router, "MOST_PERSONS", 5)
    first, second = [await simulate(client, action=COUPON, channel="email") for _ in range(2)]
    assert (first["customers"], first["is_sample"], first["sampled"]) == (10, True, 5)
    assert first["funnel"] == second["funnel"]
    stage = first["funnel"][0]["alone"]
    assert stage["low"] <= stage["share"] <= stage["high"]
    assert stage["customers"] == round(stage["share"] * 10)
    assert stage["share"] * 5 == pytest.approx(round(stage["share"] * 5)), "a share of five"


async def test_an_empty_shop(client):
    told = await simulate(client, action=COUPON)
    assert (told["customers"], told["sampled"], told["is_sample"]) == (0, 0, False)
    assert all(
        step[each] == {"customers": 0, "share": 0, "low": None, "high": None}
        for step in told["funnel"]
        for each in ("alone", "after")
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"eligibility": {"fact": "state.nonsense", "at_least": 1}},
        {"eligibility": {"fact": "context.gender", "equals": "f"}},
        {"eligibility": {"all_of": [{"segment": "vip"}]}},
        {"stages": ["elderly"]},
        {"cost": "2"},
        {"surprise": 1},
    ],
)
async def test_a_wrong_draft_is_refused_as_when_it_is_put(client, changes):
    draft = {**COUPON, **changes}
    put = (await client.put("/v1/actions/coupon", json=draft)).json()
    told = await client.post("/v1/actions:simulate", json={"action": draft})
    problem = told.json()
    assert (told.status_code, problem["type"]) == (422, MALFORMED)
    within = [{**each, "pointer": each["pointer"].removeprefix("/action")} for each in problem["errors"]]
    assert within == put["errors"]


async def test_what_is_asked_wrongly(client):
    assert (await client.post("/v1/actions:simulate", json={"action_id": "none-such"})).status_code == 404
    for asked in ({}, {"action": COUPON, "action_id": "coupon"}, {"action": COUPON, "channel": "store"}, {"x": 1}):
        answer = await client.post("/v1/actions:simulate", json=asked)
        assert (answer.status_code, answer.json()["type"]) == (422, MALFORMED), asked


# Beside decisions.

PROBES = [
    action_of("any-offer", cool_down_days=30),
    action_of("retain", aim="retain", min_risk=0.4, min_value=120, group="loyalty", cost=1),
    action_of("ask", group="survey", effect=0.2),
    action_of("mend", complaint="open", aim="retain", cost=10),
    action_of("follow", complaint="resolved", group="care"),
    action_of(
        "picky",
        stages=["new", "growing", "mature"],
        eligibility={
            "all_of": [
                {"fact": "score.churn_risk", "at_most": 0.8},
                {"not": {"fact": "state.latest_csat", "below": 3}},
            ]
        },
    ),
]


def random_customer(draw, shop, customer_id):
    """Events of somebody as a shop may have them."""
    came = [shop.event("store.visited", customer_id)]
    if draw.random() < 0.85:
        every, last = draw.choice([7, 14, 40]), draw.choice([0, 2, 20, 100, 400])
        came = [
            shop.order(
                customer_id, total=draw.choice([5.0, 60.0, 400.0]), at=shop.ago(days=last + every * n, seconds=5)
            )
            for n in range(draw.choice([1, 2, 5, 15]))
        ]
    case = {"case_id": f"S-{customer_id}", "kind": "complaint"}
    opened = shop.event("case.opened", customer_id, data=case, at=shop.ago(days=6))
    resolved = shop.event("case.resolved", customer_id, data=case, at=shop.ago(days=4))
    may_be = [
        (0.8, "consent.changed", {"purpose": "marketing", "granted": draw.random() < 0.85}),
        (0.4, "feedback.submitted", {"metric": "csat", "score": draw.choice([1, 3, 5])}),
        (0.1, "order.refunded", {"order_id": "elsewhere", "total": 5.0}),
        (0.1, "tier.changed", {"tier": "staff"}),
        (0.1, "customer.identified", {"birthday": born(years=15)}),
        (0.1, "consent.changed", {"purpose": "personalization", "granted": False}),
    ]
    others = [shop.event(type_, customer_id, data=data) for share, type_, data in may_be if draw.random() < share]
    complaints = draw.choice([[], [], [], [opened], [opened, resolved]])
    return [*came, *others, *complaints]


def step_of(decision, action_id):
    """The step that a decision stopped at; `chosen`: at none."""
    if any(each["action_id"] == action_id for each in decision["actions"]):
        return "chosen"
    codes = {each["action_id"]: each["code"] for each in decision["suppressed"]}
    return CODES.get(codes[action_id], codes[action_id]) if action_id in codes else "stage"


def steps_lost(simulation):
    """Step → how many it was that stopped."""
    lost: Counter[str] = Counter()
    before = simulation["customers"]
    for step in simulation["funnel"]:
        after = step["after"]["customers"]
        lost[step["step"]] += before - after
        before = after
    return +(lost + Counter(chosen=before))


async def test_simulations_say_what_decisions_do_of_everybody(serve, sql, shop):
    """Sixty customers, six actions, one after the other: what is decided counts for the caps of the next."""
    draw = random.Random(12)
    seen: Counter[str] = Counter()
    async with serve(control_share=0.2) as service:
        client = service.client
        people = [f"P-{number}" for number in range(60)]
        for each in people:
            await send(client, *random_customer(draw, shop, each))
        await send(client, shop.event("customer.merged", "P-0", data={"merged": "P-59"}))
        await put_policy(client, {"caps": [{"scope": "all", "most": 2, "window_days": 7}], "quiet_hours": []})
        for probe in (PROBES[0], *PROBES):
            kept = await replace(client, probe)
            simulation = await simulate(client, action_id=probe["action_id"], channel="email")
            decided = await asyncio.gather(*(decide(client, each) for each in people[:-1]))
            await restore(client, kept, probe)
            lost = Counter(step_of(each, probe["action_id"]) for each in decided)
            assert steps_lost(simulation) == lost, probe["action_id"]
            seen += lost
    assert {*seen} >= {"stage", "complaint", "min_risk", "min_value", "staff", "minor", "just_refunded", "just_bought"}
    assert {*seen} >= {"eligibility", "no_consent", "bad_csat", "cap_reached", "cooling_down", "no_gain", "chosen"}
    assert {*seen} >= {"profiling_opt_out", "control_group"}
