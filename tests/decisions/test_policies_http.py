"""`POST /v1/policies:evaluate`: by hand on a log of chance, and refused where there is none."""

from itertools import count
from types import SimpleNamespace

import pytest

from app.decisions import policies_router
from app.decisions.judging import judge_policy
from app.foundation.errors import NotEnough

NUMBERS = count()


def row(action="gift", reward=1.0, **more):
    """Of a person each."""
    receipt = {
        "request": {"learning_enabled": True},
        "customer": {"has_open_complaint": False},
        "expected_values": {"coupon": 1.0, "gift": 2.0, "call": 9.0},
        "suppressed": {"call": "no_consent"},
    }
    known = {"decided_us": 10**15, "arm": "learner", "place": 1, "propensity": 0.5, "receipt": receipt}
    known |= {"person_id": f"P-{next(NUMBERS)}", "activated_us": 10**15}
    return SimpleNamespace(**{**known, "action_id": action, "reward": reward, **more})


ROWS = [row("gift", 1.0) if place % 2 else row("coupon", 3.0) for place in range(200)]


def test_the_rules_and_the_other_way_round():
    rules, as_decided = judge_policy(ROWS, {}, 0.0)
    turned, _ = judge_policy(ROWS, {"coupon": 3.0}, 0.0)
    assert as_decided == 2.0
    for value, truth in ((rules, 1.0), (turned, 3.0)):
        assert value.inverse_propensity.value == pytest.approx(truth)
        assert value.self_normalised == pytest.approx((truth,) * 3)
        assert value.doubly_robust is not None
        assert value.doubly_robust.low <= truth <= value.doubly_robust.high
        assert value.effective_sample_size == pytest.approx(100)
        assert value.warnings == ()


def test_with_chance_both_are_chosen():
    value, _ = judge_policy(ROWS, {}, 0.05)
    assert value.inverse_propensity.value == pytest.approx(0.95 * 1 + 0.05 * 3)


def test_what_is_never_chosen_brings_nothing():
    value, _ = judge_policy(ROWS, {"coupon": 0.0, "gift": 0.0}, 0.0)
    assert value.inverse_propensity.value == 0.0
    assert set(value.warnings) == {"few_effective", "lacking_support"}


@pytest.mark.parametrize(
    "more",
    [
        {"arm": "control"},
        {"arm": "business_as_usual"},
        {"place": 2},
        {"reward": None},
        {"activated_us": None},
        {"receipt": {**row().receipt, "test": {"test_id": "tea", "side": "a", "gives": "gift", "never": "coupon"}}},
    ],
)
def test_what_chance_did_not_decide_is_not_judged(more):
    with pytest.raises(NotEnough, match="Chance decided 0 times"):
        judge_policy([row(**more)] * 200, {}, 0.0)


def test_of_one_person_alone_nothing_is_said():
    with pytest.raises(NotEnough, match="one person alone"):
        judge_policy([row()] * 200, {}, 0.0)


def test_refused_where_probabilities_were_not_kept():
    with pytest.raises(NotEnough, match="probability"):
        judge_policy([*ROWS, row(propensity=None)], {}, 0.0)


async def test_an_answer_over_http(client, monkeypatch):
    async def read_judged(*_):
        return ROWS

    monkeypatch.setattr(policies_router, "read_judged", read_judged)
    response = await client.post("/v1/policies:evaluate", json={"factors": {"coupon": 3}})
    assert response.status_code == 200, response.text
    told = response.json()
    assert (told["decisions"], told["as_decided"], told["clipped"], told["warnings"]) == (200, 2.0, 0, [])
    for how in ("inverse_propensity", "self_normalised", "doubly_robust"):
        assert told[how]["low"] <= told[how]["value"] <= told[how]["high"]
        assert told[how]["value"] == pytest.approx(3.0, abs=0.01)


async def test_over_http(client):
    response = await client.post("/v1/policies:evaluate", json={"factors": {"gift": 2}})
    assert (response.status_code, response.json()["type"]) == (409, "urn:perennial:problem:not-enough-data")
    assert "Chance decided 0 times" in response.text
    assert (await client.post("/v1/policies:evaluate", json={"exploration": 2})).status_code == 422
