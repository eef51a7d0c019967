"""The comparators on a simulated shop, and on Online Retail II where it is at hand."""

import os
from pathlib import Path

import numpy as np
import pytest

from ml.evaluation.judging import measure
from ml.evaluation.metrics import auc
from ml.learning.btyd import BgNbd, ParetoNbd
from ml.learning.comparators import RANK_ONLY, PurchaseSummary, Recent, compare_churn, compare_orders, compare_spend

DATA = Path(os.environ.get("PERENNIAL_TEST_DATA", Path(__file__).parents[3] / "../shared/data"))
HORIZON_DAYS = 90.0


def shop(rng, customers=1500, cutoffs=(360.0, 450.0, 540.0)):
    """Purchases at each customer's own rate until each one's end; a summary and labels at each cut-off."""
    first = rng.uniform(0, 300, customers)
    last = first + rng.exponential(300, customers)
    rates = rng.gamma(1.0, 1 / 50, customers)
    times = [
        np.sort(np.append(begin, rng.uniform(begin, end, rng.poisson(rate * (end - begin)))))
        for begin, end, rate in zip(first, last, rates, strict=True)
    ]
    return [at_cutoff(times, cutoff) for cutoff in cutoffs]


def at_cutoff(times, cutoff):
    before = [bought[bought < cutoff] for bought in times]
    summary = PurchaseSummary(
        recency_days=np.array([cutoff - bought[-1] for bought in before]),
        tenure_days=np.array([cutoff - bought[0] for bought in before]),
        purchases=np.array([bought.size for bought in before], dtype=float),
        spend=np.array([20.0 * bought.size for bought in before]),
    )
    ahead = [((bought >= cutoff) & (bought < cutoff + HORIZON_DAYS)).any() for bought in times]
    return summary, ~np.array(ahead)


@pytest.fixture(scope="module")
def cutoffs():
    return shop(np.random.default_rng(2))


@pytest.fixture(scope="module")
def risks(cutoffs):
    *train, (test, _) = cutoffs
    return compare_churn(train, test, HORIZON_DAYS).predictions


def test_history_of_a_summary():
    """Bought once 40 days ago; twice, 40 and 10 days ago; twice on one day."""
    summary = PurchaseSummary(
        recency_days=np.array([40.0, 10.0, 40.2]),
        tenure_days=np.array([40.0, 40.0, 40.7]),
        purchases=np.array([1.0, 2.0, 1.0]),
        spend=np.array([5.0, 9.0, 7.0]),
    )
    assert summary.repeats.tolist() == [0, 1, 0]
    assert summary.last_repeat_days.tolist() == [0, 30, 0]


def test_every_comparator_answers_for_every_customer(cutoffs, risks):
    test, churned = cutoffs[-1]
    assert list(risks) == ["recency", "rfm_logit", "bg_nbd", "pareto_nbd"]
    for name, risk in risks.items():
        assert risk.shape == churned.shape
        assert auc(churned, risk) > 0.7, name
    assert risks["recency"] is test.recency_days
    assert all(risks[name].min() >= 0 and risks[name].max() <= 1 for name in risks if name not in RANK_ONLY)


def test_btyd_is_fitted_to_the_histories_at_the_cutoff(cutoffs, risks):
    test, _ = cutoffs[-1]
    history = (test.repeats, test.last_repeat_days, test.tenure_days)
    assert risks["bg_nbd"] == pytest.approx(BgNbd.fit(*history).probability_no_purchase(*history, HORIZON_DAYS))


def test_labels_teach_the_logit_and_nothing_else(cutoffs, risks):
    (early, churned), _, (test, _) = cutoffs
    reversed_labels = compare_churn([(early, ~churned)], test, HORIZON_DAYS).predictions
    assert np.corrcoef(reversed_labels["rfm_logit"], risks["rfm_logit"])[0, 1] < -0.8
    assert (reversed_labels["pareto_nbd"] == risks["pareto_nbd"]).all()


def test_refunds_beyond_the_spend_count_as_nothing_spent(cutoffs):
    (early, churned), _, (test, _) = cutoffs
    owed, nothing = (
        PurchaseSummary(test.recency_days, test.tenure_days, test.purchases, np.full(test.spend.size, spend))
        for spend in (-30.0, 0.0)
    )
    compared = [compare_churn([(early, churned)], each, HORIZON_DAYS) for each in (owed, nothing)]
    logits = [each.predictions["rfm_logit"] for each in compared]
    assert (logits[0] == logits[1]).all()


def test_metrics_of_a_rank_have_no_calibration(cutoffs, risks):
    metrics = measure("churn", cutoffs[-1][1], risks)
    assert metrics["recency"]["brier"] is None
    assert metrics["recency"]["auc"] == pytest.approx(auc(cutoffs[-1][1], risks["recency"]))
    assert all(value is not None for name in risks if name not in RANK_ONLY for value in metrics[name].values())


def test_a_comparator_that_cannot_learn_is_left_out_with_the_reason(cutoffs):
    early, churned = cutoffs[0]
    for train, reason in (([], "whole horizon"), ([(early, np.zeros_like(churned))], "some who did not")):
        compared = compare_churn(train, early, HORIZON_DAYS)
        assert list(compared.predictions) == ["recency", "bg_nbd", "pareto_nbd"]
        assert reason in compared.left_out["rfm_logit"]


def test_of_customers_who_bought_once_only_the_rates_are_left():
    days = np.linspace(10.0, 300.0, 50)
    once = PurchaseSummary(days, days, np.ones(50), np.full(50, 20.0))
    recent = Recent(np.ones(50), np.full(50, 20.0), 365.0)
    for compared in (compare_orders(once, recent, HORIZON_DAYS), compare_spend(once, recent, HORIZON_DAYS)):
        assert list(compared.predictions) == ["recent_rate"]
        assert all("Nobody bought again" in sentence for sentence in compared.left_out.values())
        assert len(compared.left_out) == 2


@pytest.fixture
def recent(cutoffs):
    test, _ = cutoffs[-1]
    return Recent(test.purchases, test.spend, 540.0)


def test_the_recent_rate_is_carried_on(cutoffs, recent):
    found = compare_orders(cutoffs[-1][0], recent, HORIZON_DAYS).predictions["recent_rate"]
    assert found == pytest.approx(recent.orders / 6)


def test_expected_orders_of_the_classics(cutoffs, recent):
    test, _ = cutoffs[-1]
    found = compare_orders(test, recent, HORIZON_DAYS).predictions
    history = (test.repeats, test.last_repeat_days, test.tenure_days)
    assert list(found) == ["recent_rate", "bg_nbd", "pareto_nbd"]
    assert found["pareto_nbd"] == pytest.approx(ParetoNbd.fit(*history).expected_purchases(*history, HORIZON_DAYS))


def test_spend_is_purchases_times_what_one_is_worth(cutoffs, recent):
    """Worth by Gamma-Gamma: between the customer's own mean and everyone's."""
    test, _ = cutoffs[-1]
    rng = np.random.default_rng(8)
    mean = rng.gamma(20.0, 1.0, test.spend.size) * rng.gamma(5.0, 1.0, test.spend.size)
    test = PurchaseSummary(test.recency_days, test.tenure_days, test.purchases, mean * test.purchases)
    compared = compare_spend(test, recent, HORIZON_DAYS)
    assert list(compared.predictions) == ["recent_rate", "bg_nbd_gamma_gamma", "pareto_nbd_gamma_gamma"]
    orders = compare_orders(test, recent, HORIZON_DAYS).predictions
    worth = compared.predictions["bg_nbd_gamma_gamma"] / orders["bg_nbd"]
    shrunk = np.abs(worth - np.median(mean)) < np.abs(mean - np.median(mean))
    assert np.corrcoef(worth, mean)[0, 1] > 0.9
    assert shrunk.mean() > 0.8


def test_who_got_back_all_they_paid_is_worth_what_others_are(cutoffs, recent):
    test, _ = cutoffs[-1]
    spend = test.purchases * np.random.default_rng(9).gamma(5.0, 10.0, test.spend.size)
    spend[0] = -40.0
    test = PurchaseSummary(test.recency_days, test.tenure_days, test.purchases, spend)
    found = compare_spend(test, recent, HORIZON_DAYS).predictions["pareto_nbd_gamma_gamma"]
    assert np.isfinite(found).all()
    assert found[0] > 0


def online_retail_at(cutoff):
    """Sale rows before the cut-off; several orders of one day are one purchase."""
    duckdb = pytest.importorskip("duckdb")
    query = """
        with orders as (
            select customer_id, order_id, min("timestamp")::timestamp as bought,
                   sum(quantity * unit_price) as paid
            from read_parquet($path) where quantity > 0 and unit_price > 0 group by customer_id, order_id),
        ahead as (
            select distinct customer_id, true as back from orders
            where bought >= $cutoff::timestamp and bought < $cutoff::timestamp + interval 90 day)
        select epoch($cutoff::timestamp - max(bought)) / 86400 as recency_days,
               epoch($cutoff::timestamp - min(bought)) / 86400 as tenure_days,
               count(distinct bought::date)::double as purchases,
               sum(paid) as spend,
               any_value(back) is null as churned
        from orders left join ahead using (customer_id)
        where bought < $cutoff::timestamp group by customer_id
    """
    answer = duckdb.execute(query, {"path": str(DATA / "online_retail_ii.parquet"), "cutoff": cutoff})
    columns = {name: np.asarray(column) for name, column in answer.fetchnumpy().items()}
    churned = columns.pop("churned").astype(bool)
    return PurchaseSummary(**columns), churned


@pytest.mark.skipif(
    not (DATA / "online_retail_ii.parquet").exists(),
    reason="needs online_retail_ii.parquet in PERENNIAL_TEST_DATA",
)
def test_online_retail_comes_out_as_measured():
    train = [online_retail_at(f"2010-{month:02d}-12") for month in range(6, 13)]
    test, churned = online_retail_at("2011-03-13")
    metrics = measure("churn", churned, compare_churn(train, test, HORIZON_DAYS).predictions)
    areas = {name: metrics[name]["auc"] for name in metrics}
    measured = {"recency": 0.7334, "rfm_logit": 0.7827, "bg_nbd": 0.7896, "pareto_nbd": 0.7888}
    assert areas == pytest.approx(measured, abs=5e-4)
    assert metrics["bg_nbd"]["ece"] == pytest.approx(0.063, abs=2e-3)
