"""Histories too short for the whole horizon: windows inside them, what is carried over, what is distilled."""

from dataclasses import replace

import numpy as np
import pytest

from app.lifecycle import events as e
from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.targets import sigmoid
from ml.data.cutoffs import Span, Untrainable
from ml.data.states import labelled_states
from ml.evaluation.metrics import auc, brier
from ml.learning.residual import fit_residual
from ml.learning.short import Classics, carry_over, distil_classic, fit_classics, inner_windows

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

DAY = e.DAY_US
START_US = 20_000 * DAY
HISTORY_DAYS = HORIZON_DAYS = 240
AT_US = START_US + HISTORY_DAYS * DAY


def order(customer_id, day, amount_minor):
    at_us = START_US + int(day * DAY)
    identity = {"customer_id": customer_id, "source": "/till", "id": f"{customer_id}-{at_us}"}
    facts = {"type": "order.completed", "amount_minor": amount_minor, "discount_minor": 0, "items": 1, "points": 0}
    return identity | facts | {"occurred_us": at_us}


def shop_of_two_kinds(customers=800, seed=5):
    """Who pays much comes back far more often, which times of purchase alone cannot know of one-time buyers."""
    draw = np.random.default_rng(seed)
    for customer in range(customers):
        rich = customer % 2 == 0
        rate = draw.gamma(4, 0.004 if rich else 0.0004)
        day = draw.uniform(0, 60)
        until = min(HISTORY_DAYS + HORIZON_DAYS, day + draw.exponential(400))
        while day < until:
            yield order(f"C{customer:04}", day, int(draw.gamma(8, 1500 if rich else 250)) + 1)
            day += draw.exponential(1 / rate) + 0.01


@pytest.fixture(scope="module")
def table(table_of):
    return table_of(list(shop_of_two_kinds()))


@pytest.fixture(scope="module")
def present(table):
    return labelled_states(table, [AT_US], HORIZON_DAYS)


@pytest.fixture(scope="module")
def classics(present):
    return fit_classics(present)


@pytest.fixture(scope="module")
def carried(table, present):
    windows = inner_windows(Span(START_US, AT_US - 1), AT_US, HORIZON_DAYS)
    labelled = [(window, labelled_states(table, [window.cutoff_us], window.days)) for window in windows]
    return carry_over(labelled, present, HORIZON_DAYS)


@pytest.mark.parametrize(("history", "horizon", "middle"), [(240, 240, 120), (270, 90, 68), (60, 240, 48)])
def test_the_middle_window_is_the_present_in_small(history, horizon, middle):
    """Its days are to the history before it as the horizon is to the whole history; all end at the present."""
    windows = inner_windows(Span(START_US, START_US), START_US + history * DAY, horizon)
    assert windows[2].days == middle
    assert middle / (history - middle) == pytest.approx(horizon / history, rel=0.02)
    assert [window.cutoff_us for window in windows] == sorted(window.cutoff_us for window in windows)
    assert {window.cutoff_us + window.days * DAY for window in windows} == {START_US + history * DAY}
    assert windows[0].cutoff_us > START_US


def test_the_residual_adds_what_purchase_times_do_not_say(present, carried, classics):
    """Money tells the two kinds apart: the carried model uses it, though no window was as long as the horizon."""
    churned, vectors = present.churned, present.features()
    plain = sigmoid(classics.churn(present, HORIZON_DAYS))
    risk = carried.predict(vectors, AT_US).churn
    assert auc(churned, risk) > auc(churned, plain) + 0.003
    assert brier(churned, risk) < brier(churned, plain)
    assert risk.mean() == pytest.approx(churned.mean(), abs=0.1)


def test_orders_and_spend_are_expected_as_they_come(present, carried):
    predictions = carried.predict(present.features(), AT_US)
    assert predictions.orders.sum() == pytest.approx(present.orders_ahead.sum(), rel=0.4)
    assert predictions.spend_minor.sum() == pytest.approx(present.spend_ahead_minor.sum(), rel=0.3)
    rich = np.array([int(customer_id[1:]) % 2 == 0 for customer_id in present.customer_ids])
    assert predictions.spend_minor[rich].mean() > 3 * predictions.spend_minor[~rich].mean()


def test_the_tables_say_what_the_classics_say(present, classics):
    targets = distil_classic(classics, present, HORIZON_DAYS)
    predictions = targets.predict(present.features(), AT_US)
    taught = sigmoid(classics.churn(present, HORIZON_DAYS))
    assert np.abs(predictions.churn - taught).mean() < 0.01
    assert np.corrcoef(predictions.orders, np.exp(classics.orders(present, HORIZON_DAYS)))[0, 1] > 0.99
    assert targets.horizon_days == HORIZON_DAYS


def test_the_tables_hold_later_too(present, carried):
    """A customer who stays away for another quarter is at more risk, and worth less."""
    later_us = AT_US + 90 * DAY
    silent = replace(present, cutoffs_us=present.cutoffs_us + 90 * DAY)
    now, later = carried.predict(present.features(), AT_US), carried.predict(silent.features(), later_us)
    assert later.churn.mean() > now.churn.mean() + 0.03
    assert later.orders.sum() < now.orders.sum()


def test_a_huge_order_changes_nobody_elses_expectations(table_of, present, classics):
    outlier = order("C0001", HISTORY_DAYS - 1, 10**12)
    shop = [made for made in shop_of_two_kinds() if made["occurred_us"] < AT_US]
    odd = labelled_states(table_of([*shop, outlier]), [AT_US], HORIZON_DAYS)
    others = odd.customer_ids != "C0001"
    worth = np.exp(fit_classics(odd).order_worth(odd))
    assert np.median(worth[others] / np.exp(classics.order_worth(present))[others]) == pytest.approx(1, abs=0.1)
    assert np.isfinite(worth).all()
    assert worth.max() < 1e9


def test_nobody_who_bought_again_is_a_sentence(table_of):
    once = labelled_states(table_of([order(f"C{n}", n / 10, 500) for n in range(300)]), [AT_US], HORIZON_DAYS)
    with pytest.raises(
        Untrainable, match=r"Nobody bought again.* Until then the model in force serves, or rules where there is none\."
    ):
        fit_classics(once)


def test_equal_spends_have_one_worth(table_of):
    """Gamma-Gamma has nothing to tell apart; the mean serves."""
    made = [order(f"C{n}", n / 10 + gap, 500) for n in range(200) for gap in (0, *range(5, n % 90, 17))]
    rows = labelled_states(table_of(made), [AT_US], HORIZON_DAYS)
    classics = fit_classics(rows)
    assert isinstance(classics, Classics)
    assert classics.worth is None
    assert np.exp(classics.order_worth(rows)) == pytest.approx(np.full(200, 500.0))


def test_the_residual_finds_a_planted_slope_and_no_other():
    """log-odds = offset + level + a slope on spend: the level is left out, noise gets next to nothing."""
    draw = np.random.default_rng(3)
    vectors = np.full((6000, len(FEATURE_NAMES)), np.nan)
    spend, silence = FEATURE_NAMES.index("net_spend"), FEATURE_NAMES.index("recency_share")
    vectors[:, spend] = np.expm1(draw.normal(8, 1, 6000))
    vectors[:, silence] = draw.random(6000)
    offset = draw.normal(0, 1, 6000)
    planted = -0.8 * (np.log1p(vectors[:, spend]) - 8)
    churned = draw.random(6000) < sigmoid(offset + 0.7 + planted)
    added = fit_residual(vectors, churned, offset).add(vectors)
    assert np.corrcoef(added, planted)[0, 1] > 0.99
    assert np.std(added) == pytest.approx(0.8, rel=0.12)
    assert abs(added.mean()) < 0.05
