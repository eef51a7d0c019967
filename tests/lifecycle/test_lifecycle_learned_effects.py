"""Learned worths by hand: sums of terms, how sure they are, and which actions keep what is believed of them."""

from dataclasses import replace
from decimal import Decimal
from math import exp, log1p, sqrt

import numpy as np
import pytest

from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.lifecycle.effect_words import Told, say_learned
from app.lifecycle.learned_effects import (
    CAUTION,
    FEWEST_SHOWN,
    STAGES,
    TERMS,
    Explained,
    Learned,
    LearnedEffects,
    Response,
    WithResponses,
    estimate_of,
    raw_features,
    replace_known,
    weigh,
)

BY_ID = {action.action_id: action for action in DEFAULT_ACTIONS}
COUPON = BY_ID["first-order-coupon"]


def effects_of(*ids, shown=FEWEST_SHOWN, **arrays):
    """Of a prospect .1 common, .2 group, .3 stage, .4 own, .5 a size of risk, .6 a size of value; else nothing."""
    terms, covariances = np.zeros((len(ids), len(STAGES), 6)), np.zeros((len(ids), len(STAGES), 3, 3))
    terms[:, STAGES.index("prospect")] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    covariances[:, STAGES.index("prospect")] = np.diag([0.01, 0.02, 0.03])
    told = {"centres": np.array([0.4, log1p(80.0)]), "scales": np.array([0.1, 2.0])} | arrays
    return LearnedEffects(ids, terms, covariances, np.full(len(ids), shown), **told)


def test_an_effect_is_the_sum_of_its_terms():
    (known,) = effects_of("gift").weigh_known("prospect", 0.2, 80.0).values()  # x = (−2, 0)
    assert known == (0.0, 0.3)
    assert known.cautious == pytest.approx(-CAUTION * 0.3)
    (known,) = effects_of("gift").weigh_known("prospect", 0.3, 80.0 * exp(4) + exp(4) - 1).values()  # x = (−1, 2)
    assert known == (pytest.approx(1.0 - 0.5 + 2 * 0.6), pytest.approx(sqrt(0.01 + 0.02 + 4 * 0.03), abs=1e-6))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_terms_that_are_told_add_up_to_the_effect_to_the_last_decimal(language):
    draw = np.random.default_rng(7)
    told = replace(effects_of("gift"), terms=draw.normal(size=(1, len(STAGES), 6)))
    for stage in STAGES:
        risk, at_stake = None if draw.random() < 0.2 else float(draw.random()), float(draw.gamma(2.0, 50.0))
        (learned,) = told.weigh_known(stage, risk, at_stake).values()
        explained = told.explain("gift", learned, stage, risk, at_stake)
        assert sum(Decimal(str(term)) for term in explained.terms.values()) == Decimal(str(learned.effect))
        x = (np.array(raw_features(risk, at_stake)) - told.centres) / told.scales
        exact = told.terms[0, STAGES.index(stage)] * [1, 1, 1, 1, *x]
        assert list(explained.terms.values()) == pytest.approx(list(exact), abs=4e-6)
        said = say_learned(explained, Told("offer", stage, risk, at_stake, "CNY"), language)
        assert [(code, value) for code, value, _ in said[2:]] == [
            (f"learned_{name}", term) for name, term in explained.terms.items()
        ]
        assert len({text for _, _, text in said}) == 8


def test_effects_are_told_in_words():
    explained = Explained(Learned(2.0, 0.5), dict.fromkeys(TERMS, 0.0), 1234)
    said = say_learned(explained, Told("offer", "declining", 0.317, 776.5, "EUR"), "en")
    assert [text for _, _, text in said] == [
        "Learned of 1,234 decisions: what it brings over doing nothing",
        "Uncertain by so much either way; 0.5 times that is taken off",
        "Of that, what any action has",
        "What those of the group offer have beyond that",
        "What the group has more or less at the stage declining",
        "What is this action's own",
        "For a churn risk of 32%",
        "For a value at stake of EUR 776.50",
    ]
    assert say_learned(explained, Told("offer", "new", None, 1.0, "EUR"), "en")[6][2] == (
        "Churn risk not known, a half is taken"
    )


def test_a_risk_that_is_not_known_is_a_half():
    told = effects_of("gift")
    assert told.weigh_known("prospect", None, 30.0) == told.weigh_known("prospect", 0.5, 30.0)
    assert told.weigh_known("mature", 0.5, 30.0)["gift"] == (0.0, 0.0)


def test_an_action_of_which_little_is_known_is_not_told():
    assert list(effects_of("gift").weigh_known("new", 0.2, 80.0)) == ["gift"]
    assert effects_of("gift", shown=FEWEST_SHOWN - 1).weigh_known("new", 0.2, 80.0) == {}


def test_weight_and_lever_multiply_what_is_brought_and_not_the_cost():
    cost, learned = COUPON.response_rate * COUPON.cost, Learned(1.0, 0.6)  # .7 with caution
    assert weigh(COUPON, learned) == pytest.approx(0.7)
    turned = COUPON.model_copy(update={"weight": 2.0, "lever": 1.5})
    assert weigh(turned, learned) == pytest.approx(3 * (0.7 + cost) - cost)
    assert weigh(COUPON.model_copy(update={"lever": 0.0}), Learned(99.0, 0.0)) <= 0


@pytest.mark.parametrize(
    "arrays",
    [{"scales": np.array([0.1, 0.0])}, {"centres": np.array([np.nan, 0.0])}, {"centres": np.zeros(3)}],
)
def test_arrays_that_do_not_fit_are_refused(arrays):
    with pytest.raises(ValueError, match="of"):
        effects_of("gift", **arrays)
    with pytest.raises(ValueError, match="twice"):
        effects_of("gift", "gift")


def test_a_response_takes_the_place_of_what_the_catalogue_believes_where_no_effect_is_known():
    """Of a prospect .2 respond, by a standard deviation of .1: half of that is off."""
    terms = np.zeros((2, len(STAGES), 6))
    terms[:, STAGES.index("prospect"), 0] = 0.2
    both = effects_of(COUPON.action_id, "personal-suggestions", shown=0)
    told = replace(both, shown=np.array([0, 30]), responses=replace(both, terms=terms, shown=np.array([30, 30])))
    known = told.weigh_known("prospect", 0.4, 80.0)
    assert known[COUPON.action_id] == Response(0.2, 0.1)
    assert isinstance(known["personal-suggestions"], Learned)
    standings = [(3, each, BY_ID[each]) for each in (COUPON.action_id, "store-invitation", "personal-suggestions")]
    worths = replace_known(standings, [action.terms for _, _, action in standings], [1.2, 5.0, 7.0], known)
    assert worths == [
        pytest.approx(1.2 * 0.15 / COUPON.response_rate),
        5.0,
        weigh(BY_ID["personal-suggestions"], known["personal-suggestions"]),
    ]
    assert [estimate_of(action, known) for _, _, action in standings] == ["response", "prior", "uplift"]
    explained = told.explain(COUPON.action_id, known[COUPON.action_id], "prospect", 0.4, 80.0)
    assert (explained.terms["common"], explained.shown) == (0.2, 30)
    (code, value, text) = say_learned(explained, Told("offer", "prospect", 0.4, 80.0, "CNY"), "en")[0]
    assert (code, value) == ("learned_response", 0.2)
    assert text == "Learned of 30 decisions: how likely it is that it is responded to"


@pytest.mark.parametrize(("probability", "cautious"), [(-0.1, 0.0), (0.04, 0.0), (0.5, 0.45), (1.5, 1.0)])
def test_a_probability_is_one(probability, cautious):
    assert Response(probability, 0.1).cautious == pytest.approx(cautious)


def test_what_is_for_complaints_is_believed():
    recovery = BY_ID["service-recovery"]
    assert estimate_of(recovery, {"service-recovery": Response(0.5, 0.1)}) == "prior"
    known = WithResponses({"service-recovery": Response(0.5, 0.1)})
    assert replace_known([(0, "service-recovery", recovery)], [recovery.terms], [3.0], known) == [3.0]
