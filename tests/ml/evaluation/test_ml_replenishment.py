"""`perennial evaluate replenishment` as it is typed, on files of transactions."""

import csv
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from app.commands.main import main

START = datetime(2025, 1, 1, tzinfo=UTC)


def write(path, days):
    """Customers who need milk every 8 days and soap every 40; now and then something else."""
    rng, rows = np.random.default_rng(5), list[tuple[Any, ...]]()
    for number in range(90):
        for item, gap in (("milk", 8), ("soap", 40), (f"other{number % 7}", 90)):
            at = rng.uniform(0, gap)
            while at < days:
                moment = (START + timedelta(days=float(at))).isoformat()
                rows.append((f"C{number}", moment, f"A{len(rows)}", item, 1, 9.9))
                at += gap * rng.gamma(20, 1 / 20)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [("customer_id", "timestamp", "order_id", "item_id", "quantity", "unit_price"), *rows]
        )
    return path


def run(monkeypatch, path, *options):
    monkeypatch.setattr("sys.argv", ["perennial", "evaluate", "replenishment", "--data", str(path), *options])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return write(tmp_path_factory.mktemp("shop") / "sales.csv", 300)


def test_figures_of_what_is_due(monkeypatch, capsys, shop):
    assert run(monkeypatch, shop, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    due = result["due"]
    assert result["n"] == due["n"] == sum(each["n"] for each in due["deciles"])
    assert [*due["models"]] == ["perennial", "silence", "gap_ratio", "popularity"]
    assert due["models"]["perennial"]["log_loss"] < due["models"]["silence"]["log_loss"]
    said = [each["said"] for each in due["deciles"]]
    assert said == sorted(said)
    assert result["cutoffs"][0]["cutoff"] == "2025-10-21"


def test_a_short_file_is_refused_in_a_sentence(monkeypatch, capsys, tmp_path):
    assert run(monkeypatch, write(tmp_path / "few.csv", 40), "--json") == 2
    assert "weeks of purchases" in capsys.readouterr().err
