"""`GET …/score` and `POST /v1/scores:batch`."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from app.lifecycle.features import FEATURES
from app.models.held import Models
from app.scores.schemas import ScoreOut

MALFORMED = "urn:perennial:problem:malformed"
START = datetime(2023, 1, 1, tzinfo=UTC)


def day(number):
    return (START + timedelta(days=number)).isoformat()


async def send(client, *events):
    response = await client.post("/v1/events", json=list(events))
    assert response.json()["rejected"] == 0, response.text


async def score(client, customer_id="C-1", as_of=None):
    params = {} if as_of is None else {"as_of": as_of}
    response = await client.get(f"/v1/customers/{customer_id}/score", params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def batch(client, customer_ids, as_of=None):
    body = {"customer_ids": customer_ids} | ({} if as_of is None else {"as_of": as_of})
    response = await client.post("/v1/scores:batch", json=body)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture
async def modelled(serve, sql, make_model):
    """A service with a model."""
    async with serve() as service:
        service.resources.of(Models).champion = make_model("v7")
        yield service.client


MEMBERS = [
    *(
        "customer_id",
        "as_of",
        "stage",
        "stage_rule",
        "stage_since",
        "flags",
        "churn_risk",
        "churn_horizon_days",
    ),
    *("expected_orders", "expected_spend", "value_tier"),
    *("expected_next_order_at", "expected_next_order_interval"),
    *("reasons", "value_reasons", "method", "data_sufficiency", "model_version"),
]


async def test_a_score_by_rules(client, shop):
    """Orders every 5 days. With the usual gap of 45 as one gap more, the rhythm is (45 + 15)/4 = 15 days.

    Five days on, a third of a gap is silent: still active, so the risk is exp(−90/15), and 90/15 orders of 10 are to
    be expected, of which the first comes by t with (1 − exp(−t/15)) / (1 − exp(−6)).
    """
    await send(client, *(shop.order(at=day(n)) for n in (15, 20, 25, 30)))
    told = await score(client, as_of=day(35))
    assert [name for name in told if name in MEMBERS] == MEMBERS
    assert told.keys() == ScoreOut.model_fields.keys()
    assert told["churn_risk"] == pytest.approx(math.exp(-6), abs=1e-6)
    assert (told["method"], told["model_version"], told["reasons"]) == ("rules", None, [])
    assert (told["expected_orders"], told["expected_spend"]) == (6.0, 60.0)
    assert (told["value_tier"], told["value_reasons"]) == (None, [])
    assert (told["stage"], told["stage_rule"]) == ("growing", "buys_again")
    assert (told["as_of"], told["churn_horizon_days"]) == ("2023-02-05T00:00:00.000Z", 90)
    assert told["data_sufficiency"] == "enough"
    interval = told["expected_next_order_interval"]
    for at, part in ((told["expected_next_order_at"], 0.5), (interval["from"], 0.1), (interval["until"], 0.9)):
        days = (datetime.fromisoformat(at) - START).total_seconds() / 86_400 - 35
        assert (1 - math.exp(-days / 15)) / (1 - math.exp(-6)) == pytest.approx(part, abs=1e-5)


async def test_the_risk_by_rules_rises_with_silence(client, shop):
    """Four gaps of 15 days silent: (1/2)³ active, so 1 − (1 − exp(−6))/8."""
    await send(client, *(shop.order(at=day(n)) for n in (15, 20, 25, 30)))
    told = await score(client, as_of=day(90))
    assert told["churn_risk"] == pytest.approx(1 - (1 - math.exp(-6)) / 8, abs=1e-6)
    assert (told["expected_orders"], told["expected_spend"]) == (0.75, 7.5)
    assert (await score(client, as_of=day(105)))["expected_next_order_at"] is None


async def test_a_horizon_of_another_length(serve, sql, shop):
    async with serve(churn_horizon_days=30) as service:
        await send(service.client, *(shop.order(at=day(n)) for n in (15, 20, 25, 30)))
        told = await score(service.client, as_of=day(35))
    assert told["churn_horizon_days"] == 30
    assert told["churn_risk"] == pytest.approx(math.exp(-2), abs=1e-6)


BY_THE_MODEL = [(5, -1.5, 0.7, 0.8, "high"), (40, 0.5, -0.6, -0.7, "medium"), (100, 2.0, -1.8, -2.0, "low")]


@pytest.mark.parametrize(("days_later", "churn", "orders", "spend", "tier"), BY_THE_MODEL)
async def test_a_score_by_the_model_is_its_reasons_added_up(modelled, shop, days_later, churn, orders, spend, tier):
    """Three links, each its intercept and its terms: here the one of the silence."""
    await send(modelled, *(shop.order(at=day(n)) for n in (0, 10, 20, 30)))
    told = await score(modelled, as_of=day(30 + days_later))
    assert told["churn_risk"] == pytest.approx(1 / (1 + math.exp(0.5 - churn)), abs=1e-6)
    assert told["expected_orders"] == pytest.approx(math.exp(0.1 + orders), abs=1e-4)
    assert told["expected_spend"] == pytest.approx(math.exp(9.0 + spend) / 100, abs=0.005)
    assert told["value_tier"] == tier
    reason = {
        "feature": "recency_days",
        "label": next(feature.label for feature in FEATURES if feature.name == "recency_days"),
        "text": f"{days_later} days since the last order; usually orders every 10 days",
        "value": float(days_later),
        "unit": "days",
        "effect": churn,
    }
    assert told["reasons"] == [reason]
    assert told["value_reasons"] == [reason | {"effect": spend}]
    assert (told["method"], told["model_version"]) == ("additive_trees", "v7")


async def test_the_next_order_is_dated_while_one_is_to_be_expected(modelled, shop):
    """With u orders of an active customer (1 − p) / m = (1 − e^(−u)) / u."""
    await send(modelled, *(shop.order(at=day(n)) for n in (0, 10, 20, 30)))
    told = await score(modelled, as_of=day(35))
    risk, orders = told["churn_risk"], told["expected_orders"]
    interval = told["expected_next_order_interval"]
    days, first, last = (
        (datetime.fromisoformat(at) - START).total_seconds() / 86_400 - 35
        for at in (told["expected_next_order_at"], interval["from"], interval["until"])
    )
    pace = 1.0
    for _ in range(100):
        pace = orders / (1 - risk) * (1 - math.exp(-pace))
    for found, part in ((days, 0.5), (first, 0.1), (last, 0.9)):
        assert (1 - math.exp(-pace * found / 90)) / (1 - math.exp(-pace)) == pytest.approx(part, abs=1e-4)


async def test_reasons_are_told_in_the_language_asked_for(modelled, shop):
    await send(modelled, *(shop.order(at=day(n)) for n in (0, 9, 18)))
    asked = {"params": {"as_of": day(41)}, "headers": {"Accept-Language": "zh-CN,zh;q=0.9"}}
    single = (await modelled.get("/v1/customers/C-1/score", **asked)).json()
    assert single["reasons"][0]["text"] == "距上次下单已 23 天，通常每 9 天下单一次"
    body = {"json": {"customer_ids": ["C-1"], "as_of": day(41)}, "headers": asked["headers"]}
    assert (await modelled.post("/v1/scores:batch", **body)).json()["scores"] == [single]
    other = await score(modelled, as_of=day(41))
    assert other["reasons"][0]["text"] == "23 days since the last order; usually orders every 9 days"
    assert other["value_reasons"][0]["text"] == other["reasons"][0]["text"]


async def test_a_checkout_tells_its_reasons_in_the_language_asked_for(modelled, shop):
    await send(modelled, shop.order(at=shop.ago(days=19)), shop.order(at=shop.ago(days=10)))
    checkout = {"event": shop.event("store.visited"), "channel": "store"}
    for language, text in (
        ("zh", "距上次下单已 9 天，通常每 9 天下单一次"),
        ("fr, en", "9 days since the last order; usually orders every 9 days"),
    ):
        checkout["event"]["id"] += language
        response = await modelled.post("/v1/checkouts", json=checkout, headers={"Accept-Language": language})
        assert response.json()["score"]["reasons"][0]["text"].replace("10", "9") == text


async def test_value_tiers_are_as_the_deployment_has_them(serve, sql, shop, make_model):
    """Of the model's curve half of the value is at 150 and more: e^9.8 minor units are 180."""
    for share, tier in ((0.5, "high"), (0.0, "medium")):
        async with serve(value_high_share=share, value_medium_share=0.5) as service:
            service.resources.of(Models).champion = make_model("v7")
            await service.client.post("/v1/events", json=[shop.order(at=day(0))])
            assert (await score(service.client, as_of=day(5)))["value_tier"] == tier


async def test_a_batch_and_single_scores_are_the_same(modelled, shop):
    for number in range(20):
        await send(modelled, *(shop.order(f"C-{number}", at=day(n * (1 + number))) for n in range(1 + number % 5)))
    customers = [f"C-{number}" for number in range(20)]
    singles = [await score(modelled, customer, as_of=day(120)) for customer in customers]
    assert (await batch(modelled, customers, as_of=day(120)))["scores"] == singles


async def test_a_batch_keeps_the_order_asked_for_and_names_the_unknown(client, shop):
    await send(client, *(shop.order(customer) for customer in ("a", "b", "c")))
    told = await batch(client, ["c", "nobody", "a", "c", "noone", "b"])
    assert [item["customer_id"] for item in told["scores"]] == ["c", "a", "b"]
    assert told["unknown"] == ["nobody", "noone"]
    assert len({item["as_of"] for item in told["scores"]}) == 1


async def test_a_batch_of_a_thousand(client, shop):
    customers = [f"C-{number}" for number in range(1000)]
    await send(client, *(shop.order(customer) for customer in customers))
    assert [item["customer_id"] for item in (await batch(client, customers))["scores"]] == customers


def assert_same_score(one, other):
    """Times to the millisecond that they are cut to, everything else exactly."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        if name == "stage_since" and value is not None:
            apart = datetime.fromisoformat(value) - datetime.fromisoformat(other[name])
            assert abs(apart) <= timedelta(milliseconds=2)
        else:
            assert value == other[name], name


async def test_a_past_score_is_the_score_that_was_given_then(modelled, shop):
    """However much has happened since."""
    await send(modelled, *(shop.order(at=shop.ago(days=days)) for days in (200, 170, 140, 100, 60)))
    await send(modelled, shop.event("case.opened", at=shop.ago(days=50), data={"case_id": "1", "kind": "complaint"}))
    await send(modelled, shop.event("feedback.submitted", at=shop.ago(days=50), data={"metric": "nps", "score": 2}))
    then = await score(modelled)
    after = datetime.fromisoformat(then["as_of"]) + timedelta(minutes=1)
    await send(modelled, *(shop.order(total=999, at=after.isoformat()) for _ in range(5)))
    await send(modelled, shop.event("case.resolved", at=after.isoformat(), data={"case_id": "1"}))
    await send(modelled, shop.event("feedback.submitted", at=after.isoformat(), data={"metric": "nps", "score": 10}))
    assert (await score(modelled))["flags"] != then["flags"]
    assert_same_score(await score(modelled, as_of=then["as_of"]), then)
    (in_batch,) = (await batch(modelled, ["C-1"], as_of=then["as_of"]))["scores"]
    assert_same_score(in_batch, then)


async def test_every_past_day_is_the_score_of_the_history_until_then(client, sql, shop):
    """Fed day by day, and asked each day: the same as asked afterwards."""
    days = [0, 3, 40, 41, 55, 130, 131, 300]
    events = [shop.order(at=day(number)) for number in days]
    asked = []
    for number, event in zip(days, events, strict=True):
        await send(client, event)
        asked.append((day(number + 1), await score(client, as_of=day(number + 1))))
    for as_of, told in asked:
        assert await score(client, as_of=as_of) == told


async def test_the_events_before_a_time_count_and_those_at_it_do_not(client, shop):
    await send(client, shop.order(at=day(10)), shop.order(at=day(20)))
    before = await client.get("/v1/customers/C-1/score", params={"as_of": day(10)})
    assert (before.status_code, before.json()["type"]) == (404, "urn:perennial:problem:unknown-customer")
    assert (await batch(client, ["C-1"], as_of=day(10)))["unknown"] == ["C-1"]
    at_second = await score(client, as_of=day(20))
    a_microsecond_on = await score(client, as_of=(START + timedelta(days=20, microseconds=1)).isoformat())
    assert (at_second["data_sufficiency"], at_second["stage"]) == ("little", "new")
    assert (at_second["expected_spend"], a_microsecond_on["expected_spend"]) == (20.0, 32.73)


BAD_TIMES = [
    *("", "Kanarienvogel", "2025-02-30", "2025-01-01T00:00:00", "1735689600", "now", "2025-13-01T00:00:00Z"),
    *("1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2025-01-01T00:00:00Z\0"),
    "9" * 5000,
]


@pytest.mark.parametrize("as_of", BAD_TIMES)
async def test_a_time_that_is_none(client, shop, as_of):
    await send(client, shop.order())
    response = await client.get("/v1/customers/C-1/score", params={"as_of": as_of})
    assert (response.status_code, response.json()["type"]) == (422, MALFORMED)
    assert "Kanarienvogel" not in response.text


async def test_a_time_to_come(client, shop):
    await send(client, shop.order())
    tomorrow = shop.ago(days=-1)
    single = await client.get("/v1/customers/C-1/score", params={"as_of": tomorrow})
    many = await client.post("/v1/scores:batch", json={"customer_ids": ["C-1"], "as_of": tomorrow})
    for response in (single, many):
        assert (response.status_code, response.json()["type"]) == (422, MALFORMED)


async def test_a_zone_whose_plus_sign_was_not_encoded(client, shop):
    await send(client, shop.order(at=day(0)))
    response = await client.get("/v1/customers/C-1/score?as_of=2025-02-01T08:00:00+08:00")
    assert response.json()["as_of"] == "2025-02-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("orders", "sufficiency"), [(0, "none"), (1, "little"), (2, "little"), (3, "enough"), (7, "enough")]
)
async def test_how_much_stood_behind_it(modelled, shop, orders, sufficiency):
    await send(modelled, shop.event("store.visited", at=day(0)), *(shop.order(at=day(n)) for n in range(orders)))
    told = await score(modelled, as_of=day(30))
    assert told["data_sufficiency"] == sufficiency
    for name in ("churn_risk", "expected_orders", "expected_spend", "value_tier"):
        assert (told[name] is None) == (orders == 0)
    assert told["method"] == ("additive_trees" if orders else "rules")


STAGES = {
    "prospect": ([], 400),
    "new": ([0], 10),
    "growing": ([0, 20, 40], 45),
    "mature": ([*range(0, 211, 30)], 220),
    "declining": ([*range(0, 211, 30)], 300),
    "lost": ([*range(0, 211, 30)], 600),
}


@pytest.mark.parametrize("stage", STAGES)
async def test_every_stage_is_met(client, shop, stage):
    days, as_of = STAGES[stage]
    await send(client, shop.event("product.viewed", at=day(-1)), *(shop.order(at=day(n)) for n in days))
    told = await score(client, as_of=day(as_of))
    assert told["stage"] == stage
    assert told["stage_rule"]
    if stage != "mature" and told["stage_since"] is not None:
        assert day(-1)[:10] <= told["stage_since"][:10] <= day(as_of)[:10]


async def test_flags(client, shop):
    promoter = shop.event("feedback.submitted", at=day(215), data={"metric": "nps", "score": 10})
    complaint = shop.event("case.opened", at=day(216), data={"case_id": "1", "kind": "complaint"})
    await send(client, *(shop.order(at=day(n)) for n in range(0, 211, 30)), promoter, complaint)
    assert (await score(client, as_of=day(216)))["flags"] == ["advocate"]
    assert (await score(client, as_of=day(217)))["flags"] == ["advocate", "open_complaint"]
    back = [*range(0, 331, 30), 800]
    await send(client, *(shop.order("C-2", at=day(n)) for n in back))
    told = await score(client, "C-2", as_of=day(805))
    assert (told["stage"], told["flags"]) == ("growing", ["reactivated"])
    summers = [start + n for start in (150, 515, 880) for n in (0, 10, 20)]
    await send(client, *(shop.order("C-3", at=day(n)) for n in summers))
    assert (await score(client, "C-3", as_of=day(1000)))["flags"] == ["seasonal"]
