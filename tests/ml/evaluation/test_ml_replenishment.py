"""`perennial evaluate replenishment` as it is typed, on files of transactions."""

import json

import pytest

from tests.ml.evaluation.rhythms import evaluate, write_sales


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return write_sales(tmp_path_factory.mktemp("shop") / "sales.csv", 300)


def test_figures_of_what_is_due(monkeypatch, capsys, shop):
    assert evaluate(monkeypatch, "replenishment", shop, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    due = result["due"]
    assert result["n"] == due["n"] == sum(each["n"] for each in due["deciles"])
    assert [*due["models"]] == ["perennial", "silence", "gap_ratio", "popularity"]
    assert due["models"]["perennial"]["log_loss"] < due["models"]["silence"]["log_loss"]
    said = [each["said"] for each in due["deciles"]]
    assert said == sorted(said)
    assert result["cutoffs"][0]["cutoff"] == "2025-10-21"


def test_a_short_file_is_refused_in_a_sentence(monkeypatch, capsys, tmp_path):
    assert evaluate(monkeypatch, "replenishment", write_sales(tmp_path / "few.csv", 40), "--json") == 2
    assert "weeks of purchases" in capsys.readouterr().err
