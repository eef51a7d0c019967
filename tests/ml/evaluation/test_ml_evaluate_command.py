"""`perennial evaluate` as it is typed: what it prints, and what it says of files that it cannot use."""

import json
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.commands.main import main

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # as in a process of its own; others fail the test

ROOT = Path(__file__).parents[3]
START = datetime(2025, 1, 1, tzinfo=UTC)
INSTEAD = "Until then the model in force serves, or rules where there is none."


def perennial(*arguments):
    """The command in a process of its own, as a person starts it."""
    command = [sys.executable, "-m", "app", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=300)


def perennial_here(*arguments):
    """The same in this process, which has imported what takes the longer part of a refusal; a warning is an error."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["perennial", *map(str, arguments)])
        patch.setattr(signal, "signal", lambda *_: None)
        with pytest.raises(SystemExit) as ended:
            main()
    return subprocess.CompletedProcess(sys.argv, int(ended.value.code or 0), out.getvalue(), err.getvalue())


def write(path, rows, header="customer_id,timestamp,order_id,amount"):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def shop_rows(customers=320, days=500, seed=1, amount=20.0):
    """Everyone buys at their own pace, some until they leave."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[Any, ...]] = []
    for number in range(customers):
        first, pace = rng.uniform(0, days * 0.8), rng.gamma(2.0, 20.0) + 3
        end = min(first + rng.exponential(300), days)
        at = first
        while at < end:
            moment = START + timedelta(days=at)
            rows.append((f"C{number}", moment.isoformat(), f"A{len(rows)}", round(amount * rng.gamma(4, 0.25) + 1, 2)))
            at += rng.exponential(pace)
    return rows


def no_customer_column(path):
    return write(path, [row[1:] for row in shop_rows(50)], "timestamp,order_id,amount")


def one_purchase_each(path):
    rows = [(f"C{n}", (START + timedelta(days=n * 1.2)).isoformat(), f"A{n}", 10 + n % 7) for n in range(400)]
    return write(path, rows)


def fifty_customers(path):
    return write(path, shop_rows(50))


def a_week(path):
    rows = [(f"C{n % 300}", (START + timedelta(days=n / 100)).isoformat(), f"A{n}", 10 + n % 7) for n in range(700)]
    return write(path, rows)


def all_returns(path):
    return write(path, [(*row[:3], -row[3]) for row in shop_rows(300)])


UNUSABLE = {
    "no_customer_column": (no_customer_column, "No column for customer_id"),
    "one_purchase_each": (one_purchase_each, "bought twice"),
    "fifty_customers": (fifty_customers, "Only 50 customers"),
    "a_week": (a_week, "6 days"),
    "all_returns": (all_returns, "no order among"),
}


def assert_refused_in_a_sentence(done, reason):
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("perennial: ")
    assert reason in said
    assert INSTEAD in said


@pytest.mark.parametrize("target", ["churn", "orders", "spend"])
@pytest.mark.parametrize("name", UNUSABLE)
def test_evaluate_says_what_is_missing_and_what_serves_instead(name, target, tmp_path):
    make, reason = UNUSABLE[name]
    done = perennial_here("evaluate", target, "--data", make(tmp_path / "orders.csv"), "--json")
    assert_refused_in_a_sentence(done, reason)


@pytest.mark.parametrize("name", UNUSABLE)
def test_train_says_what_is_missing_and_what_serves_instead(name, tmp_path, monkeypatch):
    make, reason = UNUSABLE[name]
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path / "home"))
    done = perennial_here("train", "--data", make(tmp_path / "orders.csv"))
    assert_refused_in_a_sentence(done, reason)
    assert not list((tmp_path / "home" / "models").glob("*"))


class Reader(HTMLParser):
    """The words of a page, and what it would load."""

    def __init__(self):
        super().__init__()
        self.pictures, self.loads, self.words = 0, [], []

    def handle_starttag(self, tag, attrs):
        self.pictures += tag == "svg"
        if tag in ("script", "link", "img", "iframe", "object") or {"src", "href"} & {name for name, _ in attrs}:
            self.loads.append(tag)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def outlier(tmp_path_factory, one_bag):
    """A shop with one order larger than all the others together."""
    directory = tmp_path_factory.mktemp("outlier")
    rows = shop_rows()
    rows[len(rows) // 2] = (*rows[len(rows) // 2][:3], 9_000_000.0)
    page = directory / "report.html"
    data = write(directory / "orders.csv", rows)
    return perennial_here("evaluate", "spend", "--data", data, "--horizon", 60, "--json", "--html", page), page


def test_one_huge_order_is_pointed_out_and_does_not_stop_the_run(outlier):
    done, _ = outlier
    assert done.returncode == 0, done.stderr
    assert "One order of 9,000,000.00 CNY is" in done.stderr
    assert "instead of mae and bias" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    metrics = json.loads(done.stdout)["models"]["perennial"]
    assert all(np.isfinite(value) for value in metrics.values())


def test_the_report_is_whole_and_loads_nothing(outlier):
    _, page = outlier
    reader = Reader()
    reader.feed(page.read_text())
    told = " ".join(reader.words)
    assert reader.loads == []
    assert reader.pictures > 10
    for part in (
        "Beside the classic models",
        "Gamma-Gamma",
        "Do the stages mean something?",
        "What the model makes of",
    ):
        assert part in told
    assert "url(" not in page.read_text()
    assert "@import" not in page.read_text()


def test_a_report_for_nowhere_is_refused_before_the_work(tmp_path):
    done = perennial(
        "evaluate", "churn", "--data", write(tmp_path / "o.csv", []), "--html", tmp_path / "none" / "r.html"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("perennial: There is no directory for the report: ")


def test_the_table_for_the_terminal(tmp_path):
    done = perennial("evaluate", "orders", "--data", write(tmp_path / "orders.csv", shop_rows()), "--horizon", 60)
    assert done.returncode == 0, done.stderr
    assert "orders each in 60 days" in done.stdout
    assert "pareto_nbd" in done.stdout
    assert "recent_rate" in done.stdout
