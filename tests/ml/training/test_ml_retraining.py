"""Retraining: what decides, and what becomes of the challenger. One model is trained for all tests here."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from app.checkout.importing import run_import
from app.database.engine import transaction
from app.database.tables import models
from app.foundation.settings import Settings
from app.ingest.rules import Rules
from app.lifecycle.events import DAY_US
from app.lifecycle.scorer import Scorecard
from app.models.artefact import load_model
from app.models.retraining import retraining_lock
from app.models.service import register
from app.scores.scoring import Scoring
from ml.data.cutoffs import Untrainable, span_of
from ml.data.states import labelled_states
from ml.demo.simulate import simulate
from ml.training.artefact import Parts, write_artefact
from ml.training.commands import train_from_database
from ml.training.retraining import judge, learn_twin_of, retrain
from ml.training.settling import Verdict
from ml.training.training import Training, train

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

HORIZON_DAYS = 60
MADE_AT = datetime(2026, 6, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def trained(shop, tmp_path_factory, one_bag):
    """A model of the shop's real events, as a directory."""
    directory = tmp_path_factory.mktemp("models")
    return train(Training(shop, "the shop", False, HORIZON_DAYS), directory, MADE_AT, lambda _: None)


@pytest.fixture(scope="module")
def model(trained):
    return load_model(trained)


@pytest.fixture(scope="module")
def cutoff_us(shop):
    return span_of(shop).until_us - HORIZON_DAYS * DAY_US


def negated(model):
    """Whom it held for lost it holds for loyal."""
    card = model.scorecard
    steps = tuple(-each for each in card.steps)
    return replace(model, scorecard=Scorecard(card.edges, card.intercepts, steps, card.level_days, card.levels))


def flattened(model):
    """Everybody's risk is the same."""
    card = model.scorecard
    steps = tuple(np.zeros_like(each) for each in card.steps)
    return replace(model, scorecard=Scorecard(card.edges, card.intercepts, steps, card.level_days, card.levels))


def forecasts_of(model):
    """A way of learning that always comes to this model."""
    return lambda *_: model.scorecard.expect


def test_a_better_model_takes_the_place_of_a_worse_one(shop, model):
    for worse, learn_twin in ((negated(model), learn_twin_of), (flattened(model), forecasts_of(model))):
        verdict = judge(shop, champion=worse, challenger=model, learn_twin=learn_twin)
        assert verdict.is_better, verdict.sentence
        assert verdict.sentence.startswith("Not worse than the champion of ")


def test_a_model_that_was_made_worse_is_not_promoted(shop, model):
    """Though its twin, learnt as it should be, would be good enough."""
    for worse in (negated(model), flattened(model)):
        verdict = judge(shop, champion=model, challenger=worse, learn_twin=forecasts_of(model))
        assert not verdict.is_better
        assert verdict.sentence.startswith("Worse than the champion of ")


@pytest.mark.parametrize("target", [1, 2], ids=["orders", "spend"])
def test_a_model_that_promises_too_much_is_not_promoted_though_its_risks_are_right(shop, model, target):
    card = model.scorecard
    intercepts = tuple(each + (place == target) for place, each in enumerate(card.intercepts))  # a logarithm
    promising = replace(model, scorecard=Scorecard(card.edges, intercepts, card.steps, card.level_days, card.levels))
    verdict = judge(shop, champion=model, challenger=promising, learn_twin=forecasts_of(model))
    assert not verdict.is_better, verdict.sentence


def test_a_way_of_learning_that_was_made_worse_is_not_promoted(shop, model):
    """Though the new model, which has seen what came, looks as good as the champion."""
    verdict = judge(shop, champion=model, challenger=model, learn_twin=forecasts_of(negated(model)))
    assert not verdict.is_better


def test_labels_that_were_shuffled_teach_nothing_that_is_promoted(shop, model, cutoff_us):
    """A twin that learnt from the wrong customers: the right risks, given to others."""
    right = forecasts_of(model)()

    def learn_shuffled(*_):
        return lambda rows, as_of_us: {
            name: np.random.default_rng(3).permutation(each) for name, each in right(rows, as_of_us).items()
        }

    assert not judge(shop, champion=model, challenger=model, learn_twin=learn_shuffled).is_better


def test_the_same_model_is_no_worse_than_itself(shop, model):
    assert judge(shop, champion=model, challenger=model, learn_twin=forecasts_of(model)).is_better


def test_the_numbers_are_those_of_the_last_matured_cutoff(shop, model, cutoff_us):
    came = labelled_states(shop, [cutoff_us], HORIZON_DAYS)
    risk = model.scorecard.forecast(came.features(), cutoff_us).churn_risk
    brier = np.mean((risk - came.churned) ** 2)
    log_loss = -np.mean(np.log(np.where(came.churned, risk, 1 - risk)))
    told = judge(shop, champion=model, challenger=negated(model), learn_twin=forecasts_of(model)).sentence
    assert f"of {len(risk):,} customers at {np.datetime64(cutoff_us, 'us').astype('M8[D]')}" in told
    assert told.count(f"Brier {brier:.5f}, log-loss {log_loss:.5f}") == 2  # the champion's and the twin's


def test_models_of_different_horizons_are_not_compared(shop, model):
    verdict = judge(shop, champion=replace(model, horizon_days=30), challenger=model)
    assert verdict == Verdict(False, "The champion looks 30 days ahead, this one 60.")


def test_a_twin_that_cannot_learn_promotes_nothing(shop, model):
    def learn_nothing(*_):
        raise Untrainable("Only 3 customers have bought.")

    verdict = judge(shop, champion=model, challenger=model, learn_twin=learn_nothing)
    assert not verdict.is_better
    assert "Only 3 customers" in verdict.sentence


def test_where_no_model_serves_the_rules_are_to_be_beaten(shop, model):
    rules = Scoring.of(Settings(churn_horizon_days=HORIZON_DAYS), None)
    won = judge(shop, champion=rules, challenger=model, learn_twin=forecasts_of(model))
    assert won.is_better, won.sentence
    assert won.sentence.startswith("Not worse than the rules of ")
    lost = judge(shop, champion=rules, challenger=negated(model), learn_twin=forecasts_of(model))
    assert not lost.is_better
    assert lost.sentence.startswith("Worse than the rules of ")


@pytest.mark.parametrize("held", ["nobody", "the demo shop", "unreadable"])
@pytest.mark.parametrize("is_better", [True, False])
async def test_no_seat_is_taken_unjudged(sql, engine, settings, trained, worse, monkeypatch, held, is_better):
    """Not even one that is empty, the demo shop's, or a model's that cannot be read."""
    async with transaction(engine) as connection:
        if held != "nobody":
            await register(connection, worse, 1, "tests")
        if held == "the demo shop":
            await connection.execute(update(models).values(is_simulated=True))
        if held == "unreadable":
            await connection.execute(update(models).values(tables=b""))
    monkeypatch.setattr("ml.training.retraining.load_events", count_none)
    monkeypatch.setattr("ml.training.retraining.train", lambda *_: trained)
    monkeypatch.setattr("ml.training.retraining.judge", lambda *_: Verdict(is_better, "Judged."))
    told = await retrain(engine, settings)
    seats = await sql.rows("SELECT version FROM models WHERE state = 'champion'")
    assert told.startswith("Judged.")
    left = [] if held == "nobody" else [worse.name]
    assert [seat["version"] for seat in seats] == ([trained.name] if is_better else left)


async def count_none(engine, connection, simulated):
    connection.execute(
        "CREATE TABLE events AS SELECT 'store.visited' AS type, 0 AS amount_minor, 0 AS occurred_us, '' AS source,"
        " '' AS reference"
    )
    return 1


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path, identity_key="tests", churn_horizon_days=HORIZON_DAYS)


@pytest.fixture
async def stocked(sql, engine, settings):
    """The database, with the real events of a shop up to now."""
    made_events = [dict(made, source="/pos/1") for made in simulate(7, 300, datetime.now(UTC), days=400)]

    async for _ in run_import(engine, "shop", lambda _: iter(made_events), Rules.of(settings, b"tests")):
        pass
    return engine


@pytest.fixture
def worse(model, tmp_path):
    """The directory of a champion that holds the lost for loyal."""
    members = {name: model.manifest[name] for name in ("horizon_days", "method", "population", "training", "data")}
    parts = Parts(negated(model).scorecard, model.value, model.drift, {}, lambda _: "A card.")
    return write_artefact(tmp_path / "models", "churn", MADE_AT, parts, members)


async def test_from_the_database_to_a_champion(stocked, sql, settings, worse):
    """The model in force is worse: the one that is made takes its place, and the audit has the numbers."""
    async with transaction(stocked) as connection:
        await register(connection, worse, 1, "tests")
    told = await retrain(stocked, settings)
    states = {row["version"]: row["state"] for row in await sql.rows("SELECT version, state FROM models")}
    (made,) = states.keys() - {worse.name}
    assert states == {worse.name: "retired", made: "champion"}
    assert told.endswith(f"{made} is in force in the place of {worse.name}.")
    last = await sql.row("SELECT * FROM model_changes ORDER BY change_id DESC LIMIT 1")
    assert (last["version"], last["act"], last["made_by"]) == (made, "promoted", "retraining")
    assert last["reason"] in told
    assert last["reason"].count("Brier") == 3
    assert "less than 30 days ago" in await retrain(stocked, settings, every_days=30)
    assert await sql.value("SELECT count(*) FROM models") == 2


async def test_one_retraining_at_a_time(sql, engine, settings):
    async with retraining_lock(engine) as is_ours:
        assert is_ours
        assert await retrain(engine, settings) == "Another process is retraining."
    async with retraining_lock(engine) as is_ours:
        assert is_ours


REAL: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/pos/1",
    "subject": "C-1",
    "type": "order.completed",
    "time": "2026-06-01T10:00:00Z",
    "data": {"total": 10.0, "currency": "CNY", "order_id": "1"},
}
DEMO = {**REAL, "source": "/demo/pos/1"}


async def count(engine, settings, *made):
    async for _ in run_import(engine, f"made {made[-1]['id']}", lambda _: iter(made), Rules.of(settings, b"tests")):
        pass


@pytest.mark.parametrize("made", [(), (REAL,)], ids=["nothing real", "too little that is real"])
async def test_whoever_trains_on_the_demo_shop_is_told_how(sql, engine, settings, made):
    await count(engine, settings, DEMO, *made)
    for learn in (train_from_database(engine, settings, simulated=False), retrain(engine, settings)):
        with pytest.raises(Untrainable, match="'perennial train --simulated' learns from") as refused:
            await learn
        assert "'perennial import FILE'" in str(refused.value)


async def test_an_order_or_refund_that_outweighs_the_rest_is_told_of_the_databases_events(
    sql, engine, settings, trained, monkeypatch, capsys
):
    made = [{**REAL, "id": str(n)} for n in range(100)]
    refund = {
        **REAL,
        "type": "order.refunded",
        "id": "refund",
        "data": {"total": 900.0, "currency": "CNY", "order_id": "of before"},
    }
    await count(engine, settings, *made, refund)
    monkeypatch.setattr("ml.training.retraining.train", lambda *_: trained)
    monkeypatch.setattr("ml.training.commands.train", lambda *_: trained)
    monkeypatch.setattr("ml.training.retraining.judge", lambda *_: Verdict(False, "Judged."))
    for learn in (train_from_database(engine, settings, simulated=False), retrain(engine, settings)):
        await learn
        assert "One refund of 900.00 CNY is 90% of all spend, on 2026-" in capsys.readouterr().err
    await count(engine, settings, {**made[0], "id": "great", "data": {**REAL["data"], "total": 9000.0}})
    await train_from_database(engine, settings, simulated=False)
    said = capsys.readouterr().err
    assert "One order of 9,000.00 CNY is 90% of all spend" in said
    assert "One refund" not in said


async def test_nobody_is_sent_to_a_demo_shop_that_is_not_there(sql, engine, settings):
    with pytest.raises(Untrainable, match="no real events") as refused:
        await train_from_database(engine, settings, simulated=False)
    assert "--simulated" not in str(refused.value)
    assert "'perennial import FILE'" in str(refused.value)
    with pytest.raises(Untrainable, match="'perennial demo'"):
        await train_from_database(engine, settings, simulated=True)
