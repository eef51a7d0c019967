"""`perennial evaluate discounts`: a trait is told from chance, and what was given back was not bought."""

import csv
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ml.evaluation.discounts import HALF_DAYS, Half, compare
from tests.ml.evaluation.rhythms import evaluate

UNTIL = datetime(2026, 6, 1, tzinfo=UTC)
HEAD = ("customer_id", "timestamp", "order_id", "item_id", "quantity", "unit_price", "discount")


def write(path, draw_chance, *, prices=False, more=()):
    """A hundred customers with an order every six days of two and a half half-years; the chance that it is on discount
    is drawn for each customer and half-year. `prices`: the price is lower instead."""
    rng, rows = np.random.default_rng(3), []
    for number in range(100):
        for day in range(0, int(2.5 * HALF_DAYS), 6):
            is_discounted = rng.random() < draw_chance(number, day // HALF_DAYS)
            at = (UNTIL - timedelta(days=day, minutes=number)).isoformat()
            price, off = (8.0, 0.0) if prices and is_discounted else (10.0, 0.0 if prices else 2.0 * is_discounted)
            rows += [(f"C{number}", at, f"O{number}-{day}", item, 1, price, off) for item in ("milk", "soap")]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEAD, *rows, *more])
    return path


def trait(number, _half):
    return number / 200


def told(monkeypatch, capsys, path, *options):
    assert evaluate(monkeypatch, "discounts", path, "--json", *options) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("prices", [False, True])
def test_a_trait_is_found_again(tmp_path, monkeypatch, capsys, prices):
    options = ("--below-usual", "0.05") if prices else ()
    result = told(monkeypatch, capsys, write(tmp_path / "sales.csv", trait, prices=prices), *options)
    (pair,) = result["pairs"]  # the earliest half-year is not whole
    assert all(each["rank_correlation"] > 0.7 for each in pair["stable"])
    assert [each["customers"] for each in pair["stable"]] == [100, 100, 100]
    assert pair["squared_error"]["shrunk"] < pair["squared_error"]["shop"] / 2
    assert (result["n"], result["share"]) == (2 * 100 * 61, pytest.approx(0.25, abs=0.03))


def test_chance_is_not_taken_for_one(tmp_path, monkeypatch, capsys):
    (pair,) = told(monkeypatch, capsys, write(tmp_path / "sales.csv", lambda *_: 0.3))["pairs"]
    assert abs(pair["stable"][0]["rank_correlation"]) < 0.3
    assert pair["weight"] > 50
    assert pair["squared_error"]["shrunk"] < pair["squared_error"]["own"]


def test_what_was_given_back_was_not_bought(tmp_path, monkeypatch, capsys):
    back = [
        ("C99", UNTIL.isoformat(), f"O99-{day}", item, -1, 10.0, 0)
        for day in range(0, 120, 6)
        for item in ("milk", "soap")
    ]
    whole = told(monkeypatch, capsys, write(tmp_path / "whole.csv", trait))
    less = told(monkeypatch, capsys, write(tmp_path / "less.csv", trait, more=back))
    assert whole["n"] - less["n"] == len(back)


def test_by_hand():
    before, after = Half(np.array([4.0, 0]), np.array([4.0, 0]), np.array([2.0, 0])), Half(*np.ones((3, 2)))
    assert compare(before, after)["squared_error"]["own"] == 0.25  # who bought in one of them alone tells nothing
    assert compare(before, after)["stable"][0] == {"least_lines": 5, "customers": 0, "rank_correlation": None}


def test_a_file_that_says_too_little_is_refused(tmp_path, monkeypatch, capsys):
    path = write(tmp_path / "sales.csv", lambda *_: 0.0)
    assert evaluate(monkeypatch, "discounts", path) == 2
    assert "no line on discount; --below-usual goes by prices instead" in capsys.readouterr().err
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEAD, ("C1", UNTIL.isoformat(), "O1", "milk", 1, 10.0, 1.0)])
    assert evaluate(monkeypatch, "discounts", path) == 2
    assert f"has no items of {2 * HALF_DAYS} days and more" in capsys.readouterr().err


def test_the_table_is_printed(tmp_path, monkeypatch, capsys):
    assert evaluate(monkeypatch, "discounts", write(tmp_path / "sales.csv", trait)) == 0
    printed = capsys.readouterr().out
    assert "lines told on discount" in printed
    assert "100, 5 lines" in printed
