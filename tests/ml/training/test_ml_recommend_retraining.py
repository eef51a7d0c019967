"""Retraining of recommendations: what decides, and what becomes of the challenger."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from app.database.engine import transaction
from app.foundation.settings import Settings
from app.lifecycle.ranking.ranker import ItemRanker
from app.models.item_artefact import load_item_model
from app.models.service import register
from ml.data.cutoffs import Untrainable
from ml.data.sales import Sales
from ml.evaluation.next_basket import judge_habits, judge_ranker, lead_of
from ml.training import recommend_retraining
from ml.training.item_artefact import ItemParts, write_item_artefact
from ml.training.recommend_retraining import judge
from ml.training.recommending import Recommending, make_recommender
from ml.training.retraining import retrain
from tests.ml.training.regulars import make_file

MADE_AT = datetime(2026, 11, 26, tzinfo=UTC)
CUTOFF = "2026-06-24"


@pytest.fixture(scope="module")
def sales(tmp_path_factory):
    return make_file(tmp_path_factory.mktemp("shop") / "orders.csv")


@pytest.fixture(scope="module")
def made(sales, tmp_path_factory):
    return make_recommender(Recommending(sales, "", False), tmp_path_factory.mktemp("models"), MADE_AT, lambda _: None)


@pytest.fixture(scope="module")
def model(made):
    return load_item_model(made.directory)


def turned(ranker):
    """What it held for likely it holds for unlikely."""
    of_all, of_new = (replace(each, one=-each.one, two=-each.two) for each in (ranker.of_all, ranker.of_new))
    return ItemRanker(ranker.facts, of_all, of_new)


def test_the_same_model_is_no_worse_than_itself(made, model):
    same = made._replace(twin=model.ranker)
    verdict = judge(model, model, same)
    assert verdict.is_better
    assert verdict.sentence.count("(+0.0000, +0.0000 to +0.0000)") == 4


def test_a_better_model_takes_the_place_of_a_worse_one(made, model):
    verdict = judge(replace(model, ranker=turned(model.ranker)), model, made)
    assert verdict.is_better, verdict.sentence
    assert verdict.sentence.startswith("Not worse than the champion of 15")
    assert f"at {CUTOFF}: the champion recall@10 " in verdict.sentence


@pytest.mark.parametrize("who", ["model", "twin"])
def test_neither_the_model_nor_its_way_of_learning_may_be_worse(made, model, who):
    """The other one is as good as the champion."""
    worse = turned(model.ranker)
    challenger = replace(model, ranker=worse) if who == "model" else model
    verdict = judge(model, challenger, made._replace(twin=worse if who == "twin" else model.ranker))
    assert not verdict.is_better
    assert verdict.sentence.startswith("Worse than the champion of ")


def test_where_no_model_serves_habits_are_to_be_beaten(made, model):
    assert judge(None, model, made).sentence.startswith("Not worse than habits and what sells of ")
    assert not judge(None, replace(model, ranker=turned(model.ranker)), made).is_better


def test_a_champion_that_numbers_items_otherwise_is_the_same(made, model):
    """Backwards, and with an item more: its lists are of the same items."""
    order = np.arange(len(model.item_ids))[::-1]
    facts, trial = model.ranker.facts, made.trial
    back = np.argsort(order)
    neighbours = [
        each._replace(items=back[each.items[order]].astype(np.int32), weights=each.weights[order])
        for each in (facts.basket, facts.owners)
    ]
    turned_facts = facts._replace(
        signals=facts.signals[:, order],
        basket=neighbours[0],
        owners=neighbours[1],
        factors=facts.factors[order],
        popular=back[facts.popular],
        gap_days=facts.gap_days[order],
    )
    other = ItemRanker(turned_facts, model.ranker.of_all, model.ranker.of_new)
    ids = [model.item_ids[place] for place in order]
    one, two = judge_ranker(model.ranker, model.item_ids, trial), judge_ranker(other, ids, trial)
    assert one["recall_at_10"].mean() == pytest.approx(two["recall_at_10"].mean(), abs=0.01)  # ties are broken by place
    assert one["recall_at_10"].mean() > 0.3


def test_too_few_customers_decide_nothing(made, model):
    targets = made.trial.targets
    few = targets.of_customers(np.arange(len(targets.customers)) < 49)
    verdict = judge(model, model, made._replace(trial=made.trial._replace(targets=few)))
    assert verdict == (False, "Only 49 customers came back after the last cut-off, too few to judge by.")
    assert not judge(model, model, made._replace(twin=None)).is_better


def test_the_figures_are_in_the_manifest(made, model):
    """Of what was learned before the cut-off, beside habits."""
    metrics, trial = model.manifest["metrics"], made.trial
    assert metrics["cutoff"][:10] == CUTOFF
    assert metrics["n"] == len(trial.targets.customers)
    said = metrics["next_basket"]["models"]
    for name, figures in (
        ("perennial", judge_ranker(made.twin, trial.item_ids, trial)),
        ("habits_and_popularity", judge_habits(trial)),
    ):
        assert said[name] == {each: float(values.mean()) for each, values in figures.items()}


def test_a_lead_by_hand():
    lead = lead_of(np.array([1.0, 0.0] * 200), np.zeros(400))
    assert lead.difference == 0.5
    assert 0.44 < lead.low < 0.47
    assert 0.53 < lead.high < 0.56


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path, identity_key="tests")


@pytest.fixture
def retraining_of(monkeypatch, sales, made):
    """The database's orders are the file's, and the model of them is made already."""

    async def load(*_, **__):
        return sales

    monkeypatch.setattr(recommend_retraining, "load_sales", load)
    monkeypatch.setattr(recommend_retraining, "make_recommender", lambda *_: made)


@pytest.mark.parametrize("is_worse", [True, False])
async def test_from_the_registry_to_a_champion(sql, engine, settings, model, tmp_path, retraining_of, is_worse):
    """The better one has the seat afterwards, whichever it was; a champion of scores stays as it is."""
    ranker = turned(model.ranker) if is_worse else model.ranker
    members = {name: model.manifest[name] for name in ("training", "data")}
    held = write_item_artefact(tmp_path, MADE_AT, ItemParts(ranker, model.item_ids, model.clocks), members)
    async with transaction(engine) as connection:
        await register(connection, held, 1, "tests")
    told = await retrain(engine, settings, kind="recommend")
    states = {row["version"]: row["state"] for row in await sql.rows("SELECT version, state FROM models")}
    last = await sql.row("SELECT * FROM model_changes ORDER BY change_id DESC LIMIT 1")
    assert (last["version"], last["made_by"]) == (model.version, "retraining")
    assert last["reason"] in told
    assert last["reason"].count("nDCG@10") == last["reason"].count("recall@10") == 3
    if is_worse:
        assert states == {held.name: "retired", model.version: "champion"}
        assert last["act"] == "promoted"
    else:  # it has seen what came, and the new one's twin has not
        assert states[model.version] == ("champion" if told.startswith("Not worse") else "challenger")


async def test_it_stays_a_challenger_with_its_figures(sql, engine, settings, model, retraining_of, monkeypatch):
    monkeypatch.setattr(recommend_retraining, "is_worse", lambda *_: True)
    told = await retrain(engine, settings, kind="recommend")
    assert "stays a challenger" in told
    last = await sql.row("SELECT version, state, act, reason FROM model_changes ORDER BY change_id DESC LIMIT 1")
    assert (last["version"], last["state"], last["act"]) == (model.version, "challenger", "kept")
    assert last["reason"].startswith("Worse than habits and what sells of ")
    assert await sql.value("SELECT count(*) FROM models WHERE state = 'champion'") == 0


async def test_nothing_to_learn_from(sql, engine, settings, monkeypatch, sales):
    with pytest.raises(Untrainable, match="There are no real orders with items"):
        await retrain(engine, settings, kind="recommend")
    few = Sales(sales.baskets.keep(sales.baskets.customers < 3), None)

    async def load(*_, **__):
        return few

    monkeypatch.setattr(recommend_retraining, "load_sales", load)
    with pytest.raises(Untrainable, match="Recommendations are not learned"):
        await retrain(engine, settings, kind="recommend")
