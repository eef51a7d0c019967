"""Targets more, two counts and a probability, from learning to what is told of them; in a copy that declares them."""

import pytest

from tests.targets_more import ask, declare_more

PROGRAM = """
import json, re, sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
import numpy as np
import ml.evaluation.evaluating
import ml.learning.additive
from app.customers.state import CustomerState
from app.foundation.settings import Settings
from app.lifecycle.events import DAY_US
from app.lifecycle.measures import LATEST
from app.lifecycle.stages import StagePolicy
from app.lifecycle.targets import OTHERS, TARGETS
from app.models.artefact import load_model
from app.scores.rendering import render_score
from app.scores.service import Scoring, score_states
from ml.data.cutoffs import span_of
from ml.data.states import labelled_states
from ml.demo.simulate import simulate
from ml.evaluation.evaluating import Evaluation, History, _describe_month, judge_at
from ml.evaluation.figures import render_figures
from ml.learning.methods import learn
from ml.report.page import render_report
from ml.training.retraining import judge
from ml.training.training import Training, train
from tests.ml.conftest import SHOP_ENDS_AT, as_event, as_table

ml.learning.additive.BAGS = 1
learn_once = cache(lambda at_us: learn(shop.filter(shop.occurred_us < at_us), at_us, 60, quiet))
ml.evaluation.evaluating.learn = lambda events, at_us, *_: learn_once(at_us)  # for each target the same
quiet = lambda _: None
shop = as_table([as_event(made) for made in simulate(7, 400, SHOP_ENDS_AT, days=580)])
until_us = span_of(shop).until_us
cutoff_us = until_us - 60 * DAY_US
directory = train(Training(shop, "the shop", False, 60), Path(sys.argv[1]), datetime(2026, 6, 2, tzinfo=UTC), quiet)
model = load_model(directory)
told = {"manifest": json.loads((directory / "manifest.json").read_text()), "card": (directory / "card.md").read_text()}

came = labelled_states(shop, [cutoff_us], 60)
expected = model.scorecard.expect(came.features(), cutoff_us)
told["means"] = {t.name: [float(expected[t.name].mean()), float(came.outcome(t).mean())] for t in OTHERS}
told["correlations"] = {t.name: float(np.corrcoef(expected[t.name], came.outcome(t))[0, 1]) for t in OTHERS}

states = [CustomerState(name, numbers, [None] * len(LATEST)) for name, numbers in zip(
    came.customer_ids[:40], np.where(np.isnan(came.states), None, came.states).tolist())]
scoring = Scoring.of(Settings.from_environment(), model)
ones = [one for state in states for one in score_states([state], cutoff_us, scoring)]
told["each"] = [render_score(one, scoring, "en") for one in ones]
told["together"] = [render_score(one, scoring, "en") for one in score_states(states, cutoff_us, scoring)]
told["foreseen"] = {t.answer: expected[t.name][:40].tolist() for t in OTHERS}
by_rules = Scoring.of(Settings.from_environment(), None)
told["rules"] = render_score(score_states(states[:1], cutoff_us, by_rules)[0], by_rules, "en")

learned = learn(shop.filter(shop.occurred_us >= until_us - 100 * DAY_US), until_us, 60, quiet)
rows = learned.present.features()
told["short"] = {t.name: float(learned.targets.expect(t, rows, until_us).mean()) for t in OTHERS}
told["method"] = learned.method

told["pages"], told["figures"], told["results"] = {}, {}, {}
for target in OTHERS:
    at = judge_at(History(shop, 60, 100.0, StagePolicy(), quiet), target.name, cutoff_us)
    result = at.describe()
    month = _describe_month(result)
    page = render_report(Evaluation(result, at, [month, month]), "CNY")
    told["pages"][target.name] = " ".join(re.sub("<[^>]*>", " ", page).split())
    told["figures"][target.name] = render_figures(result)
    told["results"][target.name] = result

def without(name):
    at = [target.name for target in TARGETS].index(name)
    card = model.scorecard
    links = tuple(np.nan if place == at else link for place, link in enumerate(card.intercepts))
    return replace(model, scorecard=replace(card, intercepts=links))

def spoilt(name):
    at = [target.name for target in TARGETS].index(name)
    card = model.scorecard
    links = tuple(link + 3.0 * (place == at) for place, link in enumerate(card.intercepts))
    return replace(model, scorecard=replace(card, intercepts=links))

names = ("pieces", "returns", "contacts")
twin = lambda *_: model.scorecard.expect
told["verdicts"] = {
    "same": judge(shop, model, model, twin)._asdict(),
    "older champion": judge(shop, without("pieces"), model, twin)._asdict(),
    **{f"spoilt {name}": judge(shop, model, spoilt(name), twin)._asdict() for name in names},
}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    directory = tmp_path_factory.mktemp("targets")
    return ask(declare_more(directory), PROGRAM, directory / "models")


def test_they_are_learnt_at_their_level_and_in_their_order(told):
    for name, (expected, came) in told["means"].items():
        assert expected == pytest.approx(came, rel=0.35), name
    assert all(correlation > 0.1 for correlation in told["correlations"].values()), told["correlations"]


def test_they_are_answered(told):
    assert told["each"] == told["together"]
    for member, foreseen in told["foreseen"].items():
        assert [score[member] for score in told["each"]] == pytest.approx(foreseen, abs=1e-4)
        assert told["rules"][member] is None
    assert told["rules"]["method"] == "rules"


def test_they_are_learnt_from_a_short_history_too(told):
    assert told["method"] == "pareto_nbd"
    assert 5 < told["short"]["pieces"] < 20
    assert 0.02 < told["short"]["returns"] < 0.3


def test_they_are_measured_and_the_card_tells_them(told):
    metrics, card = told["manifest"]["metrics"], told["card"]
    assert {"pearson", "rmse", "bias"} <= metrics["pieces"]["models"]["perennial"].keys()
    assert {"auc", "brier", "ece"} <= metrics["returns"]["models"]["perennial"].keys()
    assert "- `pieces`: Expected pieces in the horizon" in card
    assert "### The probability of a refund in the horizon" in card
    assert "Expected pieces were" in card
    assert "Probabilities of returns missed its share by" in card
    assert "pieces each" in card
    assert " with returns, " in card


def test_they_are_evaluated_and_the_report_speaks_of_them(told):
    pages, figures = told["pages"], told["figures"]
    assert "pieces each in 60 days" in figures["pieces"]
    assert "with returns in 60 days" in figures["returns"]
    assert "Expected pieces in the horizon: 2026-" in pages["pieces"]
    assert "pieces each in the 60 days from then on" in pages["pieces"]
    assert "The probability of a refund in the horizon: 2026-" in pages["returns"]
    assert "by the probability that was stated" in pages["returns"]
    assert "multiplies the odds of returns by" in pages["returns"]
    for page in pages.values():
        assert "stayed away" not in page
        assert "highest risk" not in page


def test_a_retraining_compares_what_both_know(told):
    verdicts = told["verdicts"]
    assert {name: verdict["is_better"] for name, verdict in verdicts.items()} == {
        "same": True,
        "older champion": True,
        "spoilt pieces": False,
        "spoilt returns": False,
        "spoilt contacts": False,
    }
    assert " pieces" in verdicts["same"]["sentence"]
