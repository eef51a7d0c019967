"""Sales of a shop whose customers need things at rhythms that are known, and commands as they are typed."""

import csv
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from app.commands.main import main

START = datetime(2025, 1, 1, tzinfo=UTC)


def write_sales(path, days):
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


def evaluate(monkeypatch, what, path, *options):
    """The exit code of `perennial evaluate WHAT --data PATH`."""
    monkeypatch.setattr("sys.argv", ["perennial", "evaluate", what, "--data", str(path), *options])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code
