"""`perennial evaluate demand` as it is typed, and what its figures are made of, by hand."""

import json

import numpy as np
import pytest

from app.lifecycle.clocks.demand import LATE_DAYS
from app.lifecycle.events import DAY_US
from ml.data.purchases import collect_purchases
from ml.data.unit_sales import count_units, look_back
from ml.learning.demand import Forecasts, blend, fit_demand
from tests.ml.evaluation.rhythms import evaluate, write_sales

DAY = 20_000.0


def purchases(*rows):
    """Each is (customer, item, days before DAY, units)."""
    customers, items, ago, units = zip(*rows, strict=True)
    none = np.full(len(rows), "")
    moments = (DAY - np.array(ago, np.float64)) * DAY_US
    return collect_purchases(np.array(customers), np.array(items), moments, np.array(units, np.float64), none, none)


def test_a_look_back():
    told = purchases(
        ("C", "milk", 100.5, 9),
        ("C", "milk", 3.5, 2),
        ("D", "milk", 0.5, 1),
        ("D", "milk", 10.5, 2),
        ("E", "milk", 2.5, 50),
        ("E", "soap", 14, 4),
        ("E", "soap", -1.5, 7),
    )
    seen = look_back(told, DAY)
    assert told.item_ids.tolist() == ["milk", "soap"]
    assert seen.typical.tolist() == [2.0, 4.0]  # the lower middle one of 1, 2, 2, 50
    assert {day: units for day, units in enumerate(seen.told[0]) if units} == {0: 1.0, 2: 50.0, 3: 2.0, 10: 2.0}
    assert seen.usual[0].sum() == 1 + 10 + 2 + 2  # five typical ones of the fifty
    assert seen.sold_days.tolist() == [LATE_DAYS, 14.0]
    # new of milk: D's two units and E's fifty, which count as ten; of soap E's four
    assert seen.new == pytest.approx([12 / LATE_DAYS, 4 / 14])
    assert count_units(told, DAY, DAY + 1).tolist() == [0.0, 0.0]
    assert count_units(told, DAY, DAY + 2).tolist() == [0.0, 7.0]


def forecasts(clocks, late, came):
    count = len(clocks)
    return Forecasts(clocks, late, np.ones(count), np.full(count, 7.0), came)


def test_clocks_count_as_much_as_they_are_right():
    draw = np.random.default_rng(2)
    came = draw.poisson(6.0, 4000).astype(np.float64)
    off = draw.normal(0.0, 3.0, (2, 4000))
    late = np.full(4000, 8.0)
    assert set(fit_demand(forecasts(came, late, came)).weights) == {1.0}
    assert set(fit_demand(forecasts(came + 9.0, came, came)).weights) == {0.0}
    even = fit_demand(forecasts(came + off[0], np.maximum(came + off[1], 0.01), came)).weights
    assert even[2] == pytest.approx(0.5, abs=0.15)


def test_intervals_hold_what_they_say_of_weeks_to_come():
    draw = np.random.default_rng(3)
    mean = draw.gamma(2.0, 6.0, 8000)
    came = draw.negative_binomial(4, 4 / (4 + mean)).astype(np.float64)
    whole = forecasts(mean, mean, came)
    past, ahead = whole.keep(np.arange(8000) < 4000), whole.keep(np.arange(8000) >= 4000)
    found = blend(fit_demand(past), ahead)
    held = ((found.low <= ahead.came) & (ahead.came <= found.high)).mean()
    assert 0.76 < held < 0.88  # of whole units a little more than .8


def test_figures_of_units(monkeypatch, capsys, tmp_path):
    shop = write_sales(tmp_path / "sales.csv", 380)
    assert evaluate(monkeypatch, "demand", shop, "--json", "--number", "2") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["n"] == 2 * 9  # items
    models = result["models"]
    assert [*models] == ["perennial", "clocks", "late_sales", "same_weekdays", "four_weeks", "last_year"]
    assert models["last_year"]["wape"] is None  # the first cut-off has none
    assert models["perennial"]["wape"] == pytest.approx(models["perennial"]["absolute_error"] / result["units"])
    assert models["perennial"]["wape"] < 0.4
    assert sum(each["n"] for each in result["classes"]) == result["n"]
    assert [each["cutoff"] for each in result["cutoffs"]] == ["2025-12-12", "2026-01-09"]
    assert 0.5 < result["interval"]["held"] <= 1
    assert evaluate(monkeypatch, "demand", shop, "--number", "1") == 0
    assert "same_weekdays" in capsys.readouterr().out


def test_a_short_file_is_refused_in_a_sentence(monkeypatch, capsys, tmp_path):
    assert evaluate(monkeypatch, "demand", write_sales(tmp_path / "few.csv", 40), "--json") == 2
    assert "weeks of purchases" in capsys.readouterr().err
