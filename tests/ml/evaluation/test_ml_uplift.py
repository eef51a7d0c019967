"""`perennial evaluate uplift`: effects are found where they are, and none where there are none."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from app.commands.main import main
from ml.data.trials import Trial, TrialColumns, load_trial
from ml.evaluation.uplift import value_of
from ml.learning.arm_policy import choose_arms
from ml.learning.uplift import fit_uplift

HILLSTROM = Path("../shared/data/hillstrom.parquet")
OPTIONS = ("--treatment", "arm", "--control", "none", "--outcome", "came", "--json")


def trial(rows=6000, effects=(0.0, 0.25, -0.1), seed=4):
    """The card moves the young, the mail keeps away who lives in the country; the others the other way."""
    draw = np.random.default_rng(seed)
    arms, age, place = draw.integers(3, size=rows), draw.uniform(18, 80, rows), draw.choice(["town", "country"], rows)
    young, rural = np.where(age < 40, 1, -0.3), np.where(place == "country", 1, -0.3)
    moved = np.choose(arms, [0 * age, effects[1] * young, effects[2] * rural])
    came = (draw.random(rows) < 0.3 + moved + 0.1 * (age > 60)).astype(float)
    return Trial(("none", "card", "mail"), arms, came, {"age": age, "place": place, "noise": draw.normal(size=rows)})


def write(path, trial):
    names = list(trial.features)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "arm", "came", *names])
        for at in range(len(trial)):
            known = [trial.features[name][at] for name in names]
            rows.writerow([at, trial.arm_names[trial.arms[at]], int(trial.outcome[at]), *known])
    return path


def run(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["perennial", "evaluate", "uplift", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_the_command_prints_the_figures(tmp_path, monkeypatch, capsys):
    data = write(tmp_path / "trial.csv", trial())
    assert run(monkeypatch, "--data", data, *OPTIONS, "--ignore", "id,noise") == 0
    result = json.loads(capsys.readouterr().out)
    metrics = {"qini", "uplift_at_10", "uplift_at_20", "uplift_at_30"}
    assert list(result["models"]) == ["perennial", "response", "random"]
    assert all(set(figures) == metrics for figures in result["models"].values())
    assert list(result["policy"]) == ["perennial", "best_constant"]
    assert all(set(value) == {"value", "low", "high"} for value in result["policy"].values())
    ours, chance = result["models"]["perennial"], result["models"]["random"]
    assert ours["qini"] > result["models"]["response"]["qini"]
    assert ours["uplift_at_20"] > chance["uplift_at_20"] + 0.05
    assert chance["qini"] == pytest.approx(0.0, abs=1e-12)
    assert result["policy"]["perennial"]["value"] > result["policy"]["best_constant"]["value"] + 0.02


def test_a_test_file_is_judged_by_and_the_same_every_time(tmp_path, monkeypatch, capsys):
    files = ("--data", write(tmp_path / "a.csv", trial(2000)), "--test", write(tmp_path / "b.csv", trial(2000, seed=5)))
    said = [(run(monkeypatch, *files, *OPTIONS, "--treated", "card"), capsys.readouterr().out) for _ in range(2)]
    assert said[0] == said[1]
    assert json.loads(said[0][1])["models"]["perennial"]["qini"] > 0


def test_without_differences_everybody_gets_the_best_arm():
    same = trial(rows=3000)
    alike = Trial(same.arm_names, same.arms, same.outcome, {"noise": same.features["noise"]})
    model = fit_uplift(alike)
    assert model.strength == 1.0
    assert len(set(model.outcomes(alike).argmax(axis=1).tolist())) == 1


def test_reasons_are_exact():
    learned = trial(rows=4000)
    model = fit_uplift(learned)
    outcomes = model.outcomes(learned)
    links = np.log(outcomes / (1 - outcomes))
    effects = links[:, 1:] - links[:, [0]]
    terms = model.terms(learned.features, len(learned))
    np.testing.assert_allclose(model.effects[:, 0] + terms.sum(axis=2), effects, atol=1e-9)
    strongest = np.abs(terms[:, 0]).mean(axis=0)
    assert strongest.argmax() == list(learned.features).index("age")


def test_amounts_are_learned_too():
    learned = trial(rows=4000)
    spend = Trial(learned.arm_names, learned.arms, learned.outcome * 20.0, learned.features)
    uplifts, chances = fit_uplift(spend).outcomes(spend), fit_uplift(learned).outcomes(learned)
    assert np.corrcoef(uplifts[:, 1] - uplifts[:, 0], chances[:, 1] - chances[:, 0])[0, 1] > 0.9


def test_the_value_of_a_policy_by_hand():
    judged = Trial(("a", "b"), np.array([0, 0, 1, 1]), np.array([1.0, 0, 1, 1]), {})
    value = value_of(np.array([0, 1, 1, 0]), judged)
    # rows 0 and 2 got what the policy gives, each at a propensity of one half
    assert value["value"] == pytest.approx((1 / 0.5 + 1 / 0.5) / 4)
    assert value["high"] - value["value"] == pytest.approx(1.95996 * np.std([2, 0, 2, 0], ddof=1) / 2, rel=1e-4)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--treatment", "group", "--control", "none", "--outcome", "came"), "no column 'group'"),
        (("--treatment", "arm", "--control", "nobody", "--outcome", "came"), "have 'nobody' in 'arm'"),
        (("--treatment", "arm", "--control", "none", "--outcome", "place"), "'place' is not a number"),
        (
            ("--treatment", "arm", "--control", "none", "--treated", "none", "--outcome", "came"),
            "at least one other arm",
        ),
    ],
)
def test_what_is_no_trial_is_refused(tmp_path, monkeypatch, capsys, words, sentence):
    data = write(tmp_path / "trial.csv", trial(200))
    assert run(monkeypatch, "--data", data, *words) != 0
    assert sentence in capsys.readouterr().err.replace("\n", " ")


def test_values_that_are_not_known_are_no_obstacle(tmp_path):
    path = tmp_path / "trial.csv"
    lines = [
        f"{('none', 'card')[at % 2]},{at % 3 % 2},{'' if at % 5 else at},{'' if at % 7 else 'x'}" for at in range(200)
    ]
    path.write_text("\n".join(["arm,came,age,place", *lines]))
    learned = load_trial(path, TrialColumns("arm", "none", "came"))
    assert np.isnan(learned.features["age"]).sum() == 160
    assert np.isfinite(fit_uplift(learned).outcomes(learned)).all()


@pytest.mark.skipif(not HILLSTROM.exists(), reason="the e-mail trial lies beside the project, not in it")
def test_women_who_are_moved_by_their_email_are_found(monkeypatch, capsys):
    words = (
        "--treatment",
        "segment",
        "--control",
        "No E-Mail",
        "--outcome",
        "visit",
        "--ignore",
        "row,conversion,spend",
    )
    assert run(monkeypatch, "--data", HILLSTROM, *words, "--treated", "Womens E-Mail", "--json") == 0
    models = json.loads(capsys.readouterr().out)["models"]
    assert models["perennial"]["qini"] > models["response"]["qini"] > 0


def test_each_customer_is_chosen_for_only_where_that_surely_beats_the_best_arm_for_all():
    """Real differences are used; what chance makes of a small trial whose arms do the same to all is not."""
    learned, judged = trial(), trial(seed=5)
    model = fit_uplift(learned)
    assert (choose_arms(model, learned, judged) == model.outcomes(judged).argmax(axis=1)).all()
    for seed in (0, 5):
        alike = trial(1500, (0.0, 0.0, 0.0), seed)
        card = alike.arms == 1
        alike.outcome[card] = np.random.default_rng(seed).random(card.sum()) < 0.36
        flattered = fit_uplift(alike)
        assert len(set(flattered.outcomes(judged).argmax(axis=1))) > 1
        assert len(set(choose_arms(flattered, alike, judged))) == 1
