"""Next baskets foretold on a made shop: everybody has items that return every few weeks."""

import json
from datetime import date

import numpy as np
import pytest

from app.commands.main import main
from ml.data.columns import UnusableTransactions
from ml.evaluation.baskets import OURS, evaluate_baskets
from ml.evaluation.ranked import METRICS

RULES = ["popular", "personal_frequency", "personal_frequency_filled", "decayed_and_popular", "tifu_knn", "up_cf"]
WEEKS = 26


@pytest.fixture(scope="module")
def histories():
    """(customer, week, item): of thirty-six items a customer's own five come back after two to six weeks."""
    draw = np.random.default_rng(5)
    rows = []
    for customer in range(160):
        for item in draw.choice(36, size=5, replace=False):
            every = 2 + item % 5
            rows += [
                (customer, week, item) for week in range(draw.integers(every), WEEKS, every) if draw.random() < 0.9
            ]
    return sorted(rows)


@pytest.fixture(scope="module")
def numbered(histories, tmp_path_factory):
    path = tmp_path_factory.mktemp("baskets") / "numbered.csv"
    last = {customer: week for customer, week, _ in histories}
    lines = [
        f"{customer},{week},{item},{'target' if week == last[customer] else 'history'}"
        for customer, week, item in histories
    ]
    path.write_text("customer_id,basket_index,item_id,part\n" + "\n".join(lines))
    return path


@pytest.fixture(scope="module")
def timed(histories, tmp_path_factory):
    path = tmp_path_factory.mktemp("baskets") / "timed.csv"
    days = np.datetime64("2026-01-01") + 7 * np.arange(WEEKS)
    lines = [f"C{customer},{days[week]} 10:00,{customer}-{week},{item},1,2.50" for customer, week, item in histories]
    path.write_text("customer_id,timestamp,order_id,item_id,quantity,unit_price\n" + "\n".join(lines))
    return path


def test_a_shop_of_rhythms_by_time(timed):
    """What is due beats what was bought most: the ranker has learned it from earlier cut-offs."""
    result = evaluate_baskets(timed, horizon_days=28)
    models = result["models"]
    assert list(models) == [OURS, *RULES]
    assert all(list(metrics) == list(METRICS) for metrics in models.values())
    best = max(models[name]["recall_at_10"] for name in RULES)
    assert models[OURS]["ndcg_at_10"] > max(models[name]["ndcg_at_10"] for name in RULES)
    assert models[OURS]["recall_at_10"] >= best
    lead = result["intervals"]["against_best"]["ndcg_at_10"]
    assert lead["interval"][0] < lead["lead"] < lead["interval"][1]
    assert result["n"] > 100


def test_folds_of_customers_and_a_file_of_targets(numbered, tmp_path):
    whole = evaluate_baskets(numbered)
    assert whole["method"] == "5 folds of customers"
    assert whole["models"][OURS]["recall_at_10"] > whole["models"]["popular"]["recall_at_10"] + 0.2
    lines = numbered.read_text().splitlines()
    history = [line for line in lines[1:] if not (line.endswith("target") and int(line.split(",")[0]) % 5 == 0)]
    targets = [line for line in lines[1:] if line.endswith("target") and int(line.split(",")[0]) % 5 == 0]
    (tmp_path / "history.csv").write_text("\n".join([lines[0], *history]))
    (tmp_path / "targets.csv").write_text("\n".join([lines[0], *targets]))
    told: list[str] = []
    result = evaluate_baskets(tmp_path / "history.csv", tmp_path / "targets.csv", say=told.append)
    assert result["n"] == 32
    assert "Learning from 128 other customers." in told
    assert result["models"][OURS]["recall_at_10"] > result["models"]["popular"]["recall_at_10"] + 0.2


def test_the_same_file_gives_the_same_figures(numbered):
    assert evaluate_baskets(numbered) == evaluate_baskets(numbered)


def test_too_little_to_learn_from(tmp_path):
    path = tmp_path / "few.csv"
    lines = ["customer_id,basket_index,item_id", "a,1,tea", "a,2,tea", "b,1,tea"]
    path.write_text("\n".join(lines))
    with pytest.raises(UnusableTransactions, match=r"few\.csv: nobody came back to learn from"):
        evaluate_baskets(path)
    path.write_text("\n".join([*lines, "a,3,milk", "a,4,milk"]))
    with pytest.raises(UnusableTransactions, match="0 items were bought next; 200 are needed"):
        evaluate_baskets(path)


def test_nobody_came_back(timed):
    with pytest.raises(UnusableTransactions, match="Nobody who bought before the cut-off"):
        evaluate_baskets(timed, cutoff=date(2027, 1, 1))


def test_the_command(timed, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["perennial", "evaluate", "baskets", "--data", str(timed), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["models"][OURS]["recall_at_10"] > 0
