"""`perennial evaluate test`: both readings, CUPED, ratios, uneven sides."""

import json

import numpy as np
import pytest

from app.commands.main import main
from ml.data.trials import Trial, UnusableTrial
from ml.evaluation.ab import read_test


def trial_of(rows=4000, effect=0.0, seed=3, uneven=0.5):
    draw = np.random.default_rng(seed)
    before, arms = draw.gamma(2, 10, rows), (draw.random(rows) < uneven).astype(np.int64)
    outcome = 0.8 * before + draw.normal(0, 4, rows) + effect * arms
    return Trial(
        ("a", "b"),
        arms,
        outcome,
        {"before": before, "orders": draw.poisson(2, rows) + 1.0, "town": np.array(["x"] * rows)},
    )


def test_an_effect_is_seen_by_both():
    result = read_test(trial_of(effect=3.0), looked_for=2.0)
    assert result["fixed"]["low"] < 3.0 < result["fixed"]["high"]
    assert result["fixed"]["p"] < 0.001
    assert result["any_time"]["is_certain"]
    assert result["any_time"]["low"] < result["fixed"]["low"]
    assert not result["sample_ratio"]["is_mismatch"]
    assert sum(result["n"].values()) == 4000


def test_what_was_known_before_narrows_the_interval():
    trial = trial_of(effect=0.5)
    plain, known = (read_test(trial, 2.0, covariate)["fixed"] for covariate in (None, "before"))
    assert known["high"] - known["low"] < 0.5 * (plain["high"] - plain["low"])


def test_a_ratio_is_of_means():
    trial = trial_of(effect=1.0)
    fixed = read_test(trial, 2.0, per="orders")["fixed"]
    control = trial.arms == 0
    assert fixed["control"] == pytest.approx(trial.outcome[control].sum() / trial.features["orders"][control].sum())


def test_uneven_sides_are_told_unless_they_were_meant():
    trial = trial_of(uneven=0.4)
    assert read_test(trial, 2.0)["sample_ratio"]["is_mismatch"]
    assert not read_test(trial, 2.0, share=0.6)["sample_ratio"]["is_mismatch"]
    assert read_test(trial, 2.0, share=0.4)["sample_ratio"]["is_mismatch"]


def test_a_column_of_words_explains_nothing():
    with pytest.raises(UnusableTrial, match="'town' with a number"):
        read_test(trial_of(), 2.0, covariate="town")


def test_the_command(tmp_path, monkeypatch, capsys):
    path = tmp_path / "test.csv"
    path.write_text("\n".join(["side,bought", *(f"{'ab'[at % 2]},{int(at % 7 < 2 + at % 2)}" for at in range(1000))]))
    words = ("--data", str(path), "--treatment", "side", "--control", "a", "--outcome", "bought", "--effect", "0.1")
    for more in ((), ("--json",)):
        monkeypatch.setattr("sys.argv", ["perennial", "evaluate", "test", *words, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "Read once, at the end: 0.14" in said
    result = json.loads(said[said.index("{") :])
    assert result["n"] == {"a": 500, "b": 500}
    assert result["least_sample_each"] > 200
    assert not result["sample_ratio"]["is_mismatch"]
    monkeypatch.setattr("sys.argv", ["perennial", "evaluate", "test", *words, "--share", "0.9"])
    with pytest.raises(SystemExit):
        main()
    assert "not as large as chance makes them" in capsys.readouterr().out
