"""A retrained policy takes the seat where it is not worse, by the figures of the log, than who holds it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.database.engine import transaction
from app.decisions.fairness_gate import gates_of
from app.foundation.settings import Settings
from app.models.gates import Finding
from app.models.policy_artefact import load_policy_model
from app.models.queries import read_changes, read_models
from app.models.service import register
from ml.data.cutoffs import Untrainable
from ml.training import policy_retraining
from ml.training.policies import learn_effects, train_policy
from ml.training.policy_retraining import judge
from ml.training.retraining import retrain
from tests.ml.evaluation.test_ml_policy import rows_of
from tests.ml.training.test_ml_policies import training_of


def figures(value, *, half=0.5, theirs=2.0, warnings=(), holder="champion"):
    return {
        "decisions": 1200,
        "policies": {"learned": {"warnings": list(warnings)}, holder: {"doubly_robust": {"value": theirs}}},
        "leads": {holder: {"value": value, "low": value - half, "high": value + half}},
    }


@pytest.mark.parametrize(
    ("metrics", "is_better"),
    [
        (figures(0.0), True),
        (figures(-0.09), True),
        (figures(-0.11), False),  # more than a twentieth is lost, whatever chance may say
        (figures(-0.09, half=0.05), False),  # it is worse beyond chance
        (figures(1.0, warnings=["lacking_support"]), False),
        (figures(1.0, warnings=["clipped"]), True),
    ],
)
def test_it_is_not_to_be_worse_than_the_champion(metrics, is_better):
    assert judge(metrics, "champion").is_better == is_better


def test_the_rules_are_to_be_beaten_as_for_an_empty_seat():
    assert judge(figures(0.0, holder="rules"), "rules").is_better
    verdict = judge(figures(-0.01, holder="rules"), "rules")
    assert verdict == (
        False,
        "Worse than the rules on 1,200 decisions, whose bring 2.0000 each: -0.0100 a decision (-0.5100 to +0.4900).",
    )


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


@pytest.fixture
def teach(monkeypatch):
    """Has policies learn of a training that is given."""

    def teach(training):
        async def read(*_):
            return training

        monkeypatch.setattr(policy_retraining, "read_training", read)

    return teach


async def states(engine):
    async with transaction(engine) as connection:
        return {row.version: row.state for row in await read_models(connection)}


async def test_from_the_registry_to_a_champion_and_against_it(sql, engine, settings, teach):
    training = training_of(rows_of())
    teach(training)
    told = await retrain(engine, settings, kind="policy")
    assert told.startswith("Not worse than the rules on 1,3")
    assert told.endswith("is in force.")
    ((first, state),) = (await states(engine)).items()
    assert state == "champion"
    others = replace(training_of(rows_of(seed=2)), champion=learn_effects(training.log))  # within the second
    teach(replace(others, held=first))
    told = await retrain(engine, settings, kind="policy")
    assert told.startswith("Not worse than the champion on")
    assert told.endswith(f"in the place of {first}.")
    assert await retrain(engine, settings, 30, "policy") == "A model was made less than 30 days ago."


async def test_what_is_worse_stays_a_challenger_with_its_figures(sql, engine, settings, teach, tmp_path):
    training = training_of(rows_of())
    directory = train_policy(training, tmp_path / "elsewhere", datetime(2026, 3, 1, tzinfo=UTC))
    async with transaction(engine) as connection:
        champion = await register(connection, directory, 1, "tests", gates=gates_of(settings))
    assert champion.state == "champion"
    teach(replace(training_of(rows_of(seed=2)), champion=learn_effects(training.log), held=champion.version))
    lead = {"value": -1.0, "low": -1.2, "high": -0.8}
    told = await _retrain_with(engine, settings, lead)
    assert told.startswith("Worse than the champion")
    assert "stays a challenger" in told
    (version,) = [version for version, state in (await states(engine)).items() if state == "challenger"]
    async with transaction(engine) as connection:
        latest = (await read_changes(connection, version))[0]
    assert (latest.act, latest.made_by) == ("kept", "retraining")
    assert "-1.0000 a decision" in latest.reason


async def test_who_took_the_seat_meanwhile_is_not_what_it_was_judged_beside(sql, engine, settings, teach, tmp_path):
    training = training_of(rows_of())
    directory = train_policy(training, tmp_path / "elsewhere", datetime(2026, 3, 1, tzinfo=UTC))
    async with transaction(engine) as connection:
        champion = await register(connection, directory, 1, "tests", gates=gates_of(settings))
    teach(replace(training_of(rows_of(seed=2)), champion=learn_effects(training.log), held="the-one-before"))
    told = await retrain(engine, settings, kind="policy")
    assert told.endswith("Meanwhile the registry was changed; it is left as it is.")
    assert (await states(engine))[champion.version] == "champion"


async def _retrain_with(engine, settings, lead):
    """Of figures as they are but for the lead over the champion."""
    load = load_policy_model

    def load_otherwise(directory):
        model = load(directory)
        metrics = model.manifest["metrics"]
        leads = {**metrics["leads"], "champion": lead}
        return replace(model, manifest={**model.manifest, "metrics": {**metrics, "leads": leads}})

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(policy_retraining, "load_policy_model", load_otherwise)
        return await retrain(engine, settings, kind="policy")


async def test_what_is_better_does_not_pass_the_gate_by_itself(sql, engine, settings, teach, monkeypatch):
    async def find(*_):
        return Finding("rules", True, "Of 60 customers of the value tier low …", {})

    teach(training_of(rows_of()))
    monkeypatch.setattr(policy_retraining, "gates_of", lambda _: {"policy": find})
    told = await retrain(engine, settings, kind="policy")
    assert told.startswith("Not worse than the rules")
    assert "value tier low … This needs the word of a second person" in told
    assert set((await states(engine)).values()) == {"challenger"}


async def test_nothing_to_learn_from(sql, engine, settings, teach):
    with pytest.raises(Untrainable, match="0 decisions"):
        await retrain(engine, settings, kind="policy")
    teach(training_of(rows_of(), simulated=True))
    with pytest.raises(Untrainable, match="demo shop"):
        await retrain(engine, settings, kind="policy")
    assert await states(engine) == {}
