"""A policy is learned of decisions: what the fitted model says, in an artefact that is read whole or refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.foundation.errors import Refusal
from app.lifecycle.learned_effects import FEATURES, STAGES, TERMS, Response
from app.models.artefact import CARD, MANIFEST, TABLES, ArtefactRefused, canonical_manifest
from app.models.policy_artefact import is_policy_servable, load_policy_model
from ml.data.decisions import NONE, read_decisions
from ml.learning.effects import Offers, fit_effects
from ml.report.policy_card import render_policy_card
from ml.training.policies import PolicyTraining, learn_effects, learn_responses, train_policy
from tests.ml.evaluation.test_ml_policy import GROUPS, rows_of
from tests.models.policies import judged

MADE_AT = datetime(2026, 11, 27, 8, tzinfo=UTC)


def training_of(rows, *, simulated=False):
    catalogue = {"digest": "d", "version": 3}
    log = read_decisions(rows, GROUPS)
    return PolicyTraining(log, GROUPS, MADE_AT - timedelta(days=180), MADE_AT, 30, catalogue, simulated)


@pytest.fixture(scope="module")
def log():
    """Risks and values at stake are spread."""
    rows = rows_of()
    for number, row in enumerate(rows):
        row.receipt["customer"]["value_at_stake"] = 5.0 * (number % 37)
    return read_decisions(rows, GROUPS)


def test_tables_say_what_the_fitted_model_says(log):
    """Mean and deviation of every effect that is known, at any stage and features, as services ask for them."""
    offers = Offers(log.actions, log.stages, log.features, log.rewards, log.persons).take(log.is_compared)
    means, deviations = fit_effects(offers, log.groups, len(STAGES)).effects(log.stages[:40], log.features[:40])
    told = learn_effects(log)
    assert (np.abs(log.features[:40]) > 0.1).any(axis=0).all()
    for row, (stage, features) in enumerate(zip(log.stages[:40], log.features[:40], strict=True)):
        risk, value = features * told.scales + told.centres
        known = told.weigh_known(STAGES[stage], risk, np.expm1(value))
        places = [told.action_ids.index(action_id) for action_id in known]
        assert list(known) == ["coupon", "gift"]
        assert [each.told for each in known.values()] == pytest.approx(means[row, places].tolist(), abs=1e-6)
        assert [each.deviation for each in known.values()] == pytest.approx(deviations[row, places].tolist(), abs=1e-6)


def test_what_each_action_adds_is_found(log):
    """A coupon brings 3 more than nothing, a gift 1; a call was never made, and nothing is told of it."""
    told = learn_effects(log)
    worths = told.weigh_known("mature", 0.5, 50.0)
    assert set(worths) == {"coupon", "gift"}
    assert worths["coupon"].told == pytest.approx(3.0, abs=0.3)
    assert worths["gift"].told == pytest.approx(1.0, abs=0.3)
    shown = dict(zip(told.action_ids, told.shown.tolist(), strict=True))
    assert shown["call"] == 0
    assert shown["coupon"] == (log.actions == log.action_ids.index("coupon")).sum()


def test_what_cannot_be_compared_teaches_nothing():
    """Nobody to be offered anything, a complaint, what was prepared and never shown; all of them unlike the others."""
    rows = rows_of(600)
    for row in rows[:300]:
        row.reward = 1000.0
    for row in rows[:100]:
        row.receipt["customer"]["has_open_complaint"] = True
    for row in rows[100:200]:
        row.action_id, row.place, row.receipt["withheld"] = None, None, {}
    for row in rows[200:300]:
        row.activated_us = None
        row.action_id, row.place = "coupon", 1
    log, few = read_decisions(rows, GROUPS), read_decisions(rows[300:], GROUPS)
    assert log.is_compared.sum() == few.is_compared.sum() == 300
    of_all, of_few = (learn_effects(each).weigh_known("mature", 0.5, 50.0)["coupon"].told for each in (log, few))
    assert of_all == pytest.approx(of_few, rel=0.02)


def test_what_was_withheld_of_several_places_is_shared():
    """As the first of two places has half of what came."""
    rows = [row for row in rows_of(200) if row.action_id is None]
    reward = rows[0].reward
    rows[0].receipt["withheld"] = {"coupon": 0.5, "gift": 0.5}
    assert read_decisions(rows, GROUPS).rewards[0] == reward / 2
    assert (read_decisions(rows, GROUPS).actions == NONE).all()


def test_the_artefact_is_read_back(tmp_path):
    directory = train_policy(training_of(rows_of()), tmp_path, MADE_AT)
    model = load_policy_model(directory)
    assert directory.name.startswith("policy-20261127T080000-")
    assert (model.version, model.horizon_days, model.simulated) == (directory.name, 30, False)
    assert model.data_until == MADE_AT
    made, again = learn_effects(training_of(rows_of()).log), model.effects
    assert again.weigh_known("new", 0.3, 20.0) == made.weigh_known("new", 0.3, 20.0)
    manifest = model.manifest
    assert (manifest["features"], manifest["terms"]) == (list(FEATURES), list(TERMS))
    assert manifest["catalogue"] == {"digest": "d", "version": 3}
    assert manifest["actions"]["call"] == {"group": "care", "shown": 0}
    assert manifest["training"]["shown"] + manifest["training"]["withheld"] == 1500
    policies = manifest["metrics"]["policies"]
    assert policies["learned"]["doubly_robust"]["low"] > policies["rules"]["doubly_robust"]["high"]


def test_the_card_says_what_it_would_have_brought(tmp_path):
    training = training_of(rows_of())
    directory = train_policy(replace(training, champion=learn_effects(training.log)), tmp_path, MADE_AT)
    card, manifest = (directory / CARD).read_text(), load_policy_model(directory).manifest
    assert card.startswith(f"# Model card: {directory.name}\n")
    lead = manifest["metrics"]["leads"]["rules"]
    assert f"- over the rules, without chance: {lead['value']:.4f} ({lead['low']:.4f} to {lead['high']:.4f})" in card
    value = manifest["metrics"]["policies"]["champion"]["doubly_robust"]["value"]
    assert f"| the champion of then | {value:.4f} (" in card
    assert "| call | care | 0 |" in card
    assert "The log warns" not in card
    warned = {**manifest, "metrics": {**judged(warnings=["clipped"])}}
    assert "- some decisions were so unlikely that their weight was cut" in render_policy_card(warned)
    assert "It was not judged." in render_policy_card({**manifest, "metrics": {}})
    assert "what each action adds" in card
    responded = {**manifest, "training": {**manifest["training"], "estimate": "response"}}
    assert "who responds to each action, since nobody was held out" in render_policy_card(responded)


def test_of_the_demo_shop_it_is_called_so(tmp_path):
    directory = train_policy(training_of(rows_of(), simulated=True), tmp_path, MADE_AT)
    assert directory.name.startswith("demo-policy-")
    assert load_policy_model(directory).simulated


def test_what_is_not_as_it_was_is_refused(tmp_path):
    directory = train_policy(training_of(rows_of()), tmp_path, MADE_AT)
    manifest, tables = ((directory / name).read_bytes() for name in (MANIFEST, TABLES))
    turned = bytearray(tables)
    turned[len(turned) // 2] ^= 1
    (directory / TABLES).write_bytes(turned)
    with pytest.raises(ArtefactRefused, match="does not match its digest"):
        load_policy_model(directory)
    (directory / TABLES).write_bytes(tables)
    for members, told in (
        ({"effects_digest": "0" * 64}, "of another definition"),
        ({"kind": "recommend"}, "it is no policy"),
        ({"format": 2}, "its format is none of 1"),
        ({"horizon_days": 0}, "a horizon that is none"),
    ):
        changed = canonical_manifest(json.loads(manifest) | members)
        (directory / MANIFEST).write_bytes(changed)
        with pytest.raises(ArtefactRefused, match=told):
            load_policy_model(directory)
    assert is_policy_servable(directory.name, manifest)
    assert not is_policy_servable(directory.name, b"{}")


def test_too_small_a_log_is_refused_in_a_sentence(tmp_path):
    rows = rows_of()
    shown = [row for row in rows if row.action_id is not None]
    withheld = [row for row in rows if row.action_id is None]
    with pytest.raises(Refusal, match=r"^99 decisions whose reward is final withheld an action of the"):
        train_policy(training_of(shown + withheld[:99]), tmp_path, MADE_AT)
    with pytest.raises(Refusal, match=r"^40 decisions whose reward is final showed an action; 100 are needed"):
        train_policy(training_of(shown[:40] + withheld), tmp_path, MADE_AT)
    for row in shown:
        row.arm = "business_as_usual"
    with pytest.raises(Refusal, match="Chance decided 0 times"):
        train_policy(training_of(rows), tmp_path, MADE_AT)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_learned_of_nothing(tmp_path):
    training = training_of([])
    assert training.log.features.shape == (0, 2)
    with pytest.raises(Refusal, match=r"^0 decisions"):
        train_policy(training, tmp_path, MADE_AT)


def responding(count=1500, seed=3):
    """Nobody is held out. Three of ten take a coupon, one of ten a gift; the catalogue believes a half of either."""
    draw, rows = np.random.default_rng(seed), [row for row in rows_of(count) if row.action_id is not None]
    for row in rows:
        row.response = float(draw.random() < {"coupon": 0.3, "gift": 0.1}[row.action_id])
        row.receipt["expected_values"] = {"coupon": 1.0, "gift": 2.0, "call": 9.0}
    return rows


RATES = dict.fromkeys(GROUPS, 0.5)


def test_without_a_control_group_it_is_learned_who_responds(tmp_path):
    training = training_of(responding())
    training = replace(training, log=read_decisions(responding(), GROUPS, RATES))
    directory = train_policy(training, tmp_path, MADE_AT)
    model = load_policy_model(directory)
    known = model.effects.weigh_known("mature", 0.5, 50.0)
    assert {name: type(each) for name, each in known.items()} == {"coupon": Response, "gift": Response}
    assert known["coupon"].told == pytest.approx(0.3, abs=0.05)
    assert known["gift"].told == pytest.approx(0.1, abs=0.05)
    assert 0.005 < known["coupon"].deviation < 0.05
    manifest = model.manifest
    assert manifest["training"]["estimate"] == "response"
    assert manifest["actions"]["coupon"]["shown"] > 500
    policies = manifest["metrics"]["policies"]
    assert policies["rules"]["doubly_robust"]["value"] == pytest.approx(3.0, abs=0.2), "gifts"
    assert policies["learned"]["doubly_robust"]["value"] == pytest.approx(5.0, abs=0.2), "coupons: .6 against .4"
    again = train_policy(replace(training, champion=model.effects), tmp_path / "again", MADE_AT)
    assert json.loads((again / MANIFEST).read_bytes())["metrics"]["policies"]["champion"] == policies["learned"]


def test_what_nobody_is_said_to_have_responded_to_is_believed(tmp_path):
    """It is not known whether nobody did, or nobody told."""
    rows = responding()
    for row in rows:
        row.response *= row.action_id == "coupon"
    directory = train_policy(training_of(rows), tmp_path, MADE_AT)
    assert set(load_policy_model(directory).effects.weigh_known("mature", 0.5, 50.0)) == {"coupon"}


def test_what_is_learned_of_few_draws_near_its_group_and_stage():
    """Five calls of which four were taken."""
    rows = responding()
    for number, row in enumerate(rows[:5]):
        row.action_id, row.response = "call", float(number != 0)
    log = read_decisions(rows, {**GROUPS, "call": "offer"}, RATES)
    told = learn_responses(log).responses
    assert told is not None
    probability, deviation = replace(told, shown=np.full(3, 99)).respond_known("mature", 0.5, 50.0)["call"]
    assert 0.3 < probability < 0.75
    assert deviation > 1.5 * replace(told, shown=np.full(3, 99)).respond_known("mature", 0.5, 50.0)["gift"].deviation


def test_where_a_control_group_tells_what_actions_add_responses_are_not_used(tmp_path):
    rows = rows_of()
    for row in rows:
        row.response = 1.0
    model = load_policy_model(train_policy(training_of(rows), tmp_path, MADE_AT))
    assert model.effects.responses is None
    assert model.manifest["training"]["estimate"] == "uplift"
