"""Evaluation on a small simulated file, and on Online Retail II where it is at hand."""

import csv
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import ml.data
from app.lifecycle import events as e
from ml.cutoffs import Untrainable, to_us
from ml.data import Leak
from ml.evaluate import evaluate_churn
from ml.transactions import UnusableTransactions

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

DATA = Path(os.environ.get("PERENNIAL_TEST_DATA", Path(__file__).parents[2] / "../shared/data"))
CUTOFF = date(2026, 3, 2)
METRICS = {"auc", "brier", "log_loss", "ece", "lift_at_10"}


def say_nothing(_):
    pass


def write_orders(path, events, until_us=None):
    """The orders and refunds of the shop as a CSV of transactions."""
    kept = [event for event in events if event.type in (e.ORDER_COMPLETED, e.ORDER_REFUNDED)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["customer_id", "timestamp", "order_id", "amount", "is_return"])
        for event in kept:
            if until_us is None or event.occurred_us < until_us:
                moment = datetime.fromtimestamp(event.occurred_us / 1e6, UTC).isoformat()
                is_return = event.type == e.ORDER_REFUNDED
                writer.writerow([event.customer_id, moment, event.reference, event.amount_minor / 100, is_return])
    return path


@pytest.fixture(scope="module")
def orders_file(shop_events, tmp_path_factory):
    return write_orders(tmp_path_factory.mktemp("orders") / "orders.csv", shop_events)


@pytest.fixture(scope="module")
def result(orders_file):
    return evaluate_churn(orders_file, CUTOFF, 60, progress=say_nothing)


def test_the_form_of_the_result(result):
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert list(result) == ["n", "base_rate", "models"]
    assert list(result["models"]) == ["perennial", "recency", "rfm_logit", "bg_nbd", "pareto_nbd"]
    for name, metrics in result["models"].items():
        assert set(metrics) == METRICS
        unknown = {metric for metric, value in metrics.items() if value is None}
        assert unknown == ({"brier", "log_loss", "ece"} if name == "recency" else set())


def test_everyone_who_bought_before_is_counted(result, shop_events):
    cutoff_us = to_us(datetime.combine(CUTOFF, datetime.min.time(), UTC))
    bought = {}
    for event in shop_events:
        if event.type == e.ORDER_COMPLETED:
            bought.setdefault(event.customer_id, []).append(event.occurred_us)
    known = {customer_id: times for customer_id, times in bought.items() if min(times) < cutoff_us}
    gone = [not any(cutoff_us <= at < cutoff_us + 60 * e.DAY_US for at in times) for times in known.values()]
    assert (result["n"], result["base_rate"]) == (len(known), sum(gone) / len(gone))


def test_the_model_is_better_than_recency_alone(result):
    models = result["models"]
    assert models["perennial"]["auc"] > models["recency"]["auc"]
    assert models["perennial"]["brier"] < result["base_rate"] * (1 - result["base_rate"])


def test_nothing_after_the_horizon_matters(result, shop_events, tmp_path):
    """The file cut off where the outcome is known gives the same numbers to the last digit shown."""
    ends_us = to_us(datetime(2026, 5, 1, tzinfo=UTC))
    again = evaluate_churn(write_orders(tmp_path / "cut.csv", shop_events, ends_us), CUTOFF, 60, progress=say_nothing)
    assert (again["n"], again["base_rate"]) == (result["n"], result["base_rate"])
    for name, metrics in result["models"].items():
        assert again["models"][name] == pytest.approx(metrics, abs=1e-6)


def test_a_planted_leak_is_refused(orders_file, monkeypatch):
    honest = ml.data.states

    def late(events, cutoffs_us):
        found = honest(events, [cutoff_us + 30 * e.DAY_US for cutoff_us in cutoffs_us])
        return found.mutate(cutoff_us=found.cutoff_us - 30 * e.DAY_US)

    monkeypatch.setattr(ml.data, "states", late)
    with pytest.raises(Leak, match="last_order_us"):
        evaluate_churn(orders_file, CUTOFF, 60, progress=say_nothing)


@pytest.mark.parametrize(
    ("cutoff", "sentence"),
    [
        (date(2026, 5, 2), "The data end on 2026-0[56]-.*: who bought until 2026-07-01 is not known yet"),
        (
            date(2025, 5, 1),
            "There is too little to learn from before 2025-05-01: it takes 180 days of history",
        ),
    ],
)
def test_cutoffs_that_cannot_be_judged(orders_file, cutoff, sentence):
    with pytest.raises(Untrainable, match=sentence):
        evaluate_churn(orders_file, cutoff, 60, progress=say_nothing)


def test_columns_can_be_named(orders_file):
    with pytest.raises(UnusableTransactions, match="there is no column 'card'"):
        evaluate_churn(orders_file, CUTOFF, 60, progress=say_nothing, customer_id="card")


@pytest.mark.skipif(
    not (DATA / "online_retail_ii.parquet").exists(), reason="needs Online Retail II (PERENNIAL_TEST_DATA)"
)
def test_online_retail():
    """A cut-off after Christmas, learnt from the year before it."""
    found = evaluate_churn(DATA / "online_retail_ii.parquet", date(2011, 3, 13), progress=say_nothing)
    models = found["models"]
    assert found["n"] == 4606
    assert models["perennial"]["auc"] >= 0.780
    assert models["perennial"]["auc"] > models["recency"]["auc"] + 0.04
    assert models["perennial"]["brier"] <= min(models[name]["brier"] for name in ("rfm_logit", "bg_nbd"))
    assert models["bg_nbd"]["auc"] == pytest.approx(0.7897, abs=2e-3)
