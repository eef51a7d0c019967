"""Training on the simulated shop: what it learns from, what it writes, and what it refuses."""

import json
from datetime import UTC, datetime, timedelta

import joblib
import numpy as np
import pytest

from app.lifecycle import events as e
from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.scorer import sigmoid
from app.scores.artefact import latest_version, load_model
from ml.additive import bin_codes, pooled_log_odds
from ml.churn import fit_churn, usual_gap_days
from ml.cutoffs import (
    HISTORY_DAYS,
    MOST_CUTOFFS,
    Span,
    Untrainable,
    check_trainable,
    matured,
    monthly_cutoffs,
    span_of,
    to_time,
    to_us,
)
from ml.data import labelled_states
from ml.train import Training, train

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

DAY = e.DAY_US
HORIZON_DAYS = 60
MADE_AT = datetime(2026, 6, 2, 10, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def trained(shop, tmp_path_factory):
    """(directory of the artefact, what was said)."""
    said = []
    models = tmp_path_factory.mktemp("models")
    directory = train(Training(shop, "the demo shop", True, HORIZON_DAYS), models, MADE_AT, said.append)
    return directory, said


@pytest.fixture(scope="module")
def manifest(trained):
    return json.loads((trained[0] / "manifest.json").read_text())


def test_the_artefact_is_in_force_and_says_what_it_is(trained, shop):
    directory, said = trained
    assert latest_version(directory.parent) == directory.name
    assert directory.name.startswith("demo-churn-20260602T101500-")
    model = load_model(directory)
    assert (model.version, model.horizon_days, model.simulated) == (directory.name, HORIZON_DAYS, True)
    assert model.trained_at == MADE_AT
    assert model.data_until == to_time(span_of(shop).until_us)
    assert 5 < model.rhythm_days < 100
    assert all(sentence.endswith("…") for sentence in said)
    assert sorted(path.name for path in directory.parent.iterdir()) == ["current", directory.name]
    assert sorted(path.name for path in directory.iterdir()) == [
        "manifest.json",
        "model.joblib",
        "tables.npz",
    ]


def test_every_label_ends_within_the_data_and_every_cutoff_has_history(manifest, shop):
    span = span_of(shop)
    cutoffs = [to_us(datetime.fromisoformat(text)) for text in manifest["training"]["cutoffs"]]
    assert len(cutoffs) > 6
    assert cutoffs == sorted(set(cutoffs))
    assert cutoffs[-1] + HORIZON_DAYS * DAY == span.until_us <= span.last_us
    assert cutoffs[0] - span.first_us >= HISTORY_DAYS * DAY
    assert to_us(datetime.fromisoformat(manifest["training"]["data_from"])) == span.first_us


def test_it_is_measured_on_the_last_cutoff_beside_the_classics(manifest):
    metrics = manifest["metrics"]
    assert metrics["cutoff"] == manifest["training"]["cutoffs"][-1]
    assert set(metrics["models"]) == {"perennial", "recency", "rfm_logit", "bg_nbd", "pareto_nbd"}
    assert metrics["models"]["perennial"]["auc"] > 0.8
    assert metrics["models"]["perennial"]["brier"] < metrics["base_rate"] * (1 - metrics["base_rate"])


def test_the_estimators_are_kept_and_are_the_tables(trained, shop, manifest):
    """model.joblib is for audit: it gives the scores that the tables give."""
    directory, _ = trained
    fitted = joblib.load(directory / "model.joblib")
    tables = load_model(directory).churn
    cutoff_us = to_us(datetime.fromisoformat(manifest["training"]["cutoffs"][-1]))
    features = labelled_states(shop, [cutoff_us], HORIZON_DAYS).features()
    by_tables = tables.intercept + tables.terms(features).sum(axis=1)
    score = pooled_log_odds(fitted["trees"], fitted["line"], fitted["edges"], fitted["periods"])
    by_estimators = score(bin_codes(features, fitted["edges"]))
    level = by_tables - by_estimators
    assert level == pytest.approx(np.full(len(level), level[0]), rel=0, abs=1e-12)


def test_more_silence_never_lowers_the_risk_and_more_orders_never_raise_it(trained):
    tables = load_model(trained[0]).churn
    for name, way in (("recency_days", 1), ("silence_ratio", 1), ("orders", -1), ("orders_decayed_30d", -1)):
        known = tables.steps[FEATURE_NAMES.index(name)][1:]
        assert (way * np.diff(known) >= 0).all(), name


def test_the_level_is_that_of_the_present(shop):
    """The risks of those known now average to the forecast share, whatever the past cut-offs averaged to."""
    span = span_of(shop)
    cutoffs = monthly_cutoffs(span, span.until_us - HORIZON_DAYS * DAY)[-3:]
    rows = labelled_states(shop, [*cutoffs, span.until_us], HORIZON_DAYS)
    past, present = rows.at(rows.cutoffs_us < span.until_us), rows.at(rows.cutoffs_us == span.until_us)
    model = fit_churn(past, present, HORIZON_DAYS)
    assert model.risk(present.features()).mean() == pytest.approx(model.expected_share, abs=1e-9)
    assert [error.cutoff_us for error in model.errors] == cutoffs
    tables = model.additive.tables
    one = present.features()[0]
    log_odds = tables.intercept + sum(tables.terms_of_one(one.tolist()))
    assert model.risk(one[None])[0] == pytest.approx(sigmoid(log_odds), rel=1e-12)


def test_a_cutoff_before_the_shop_opened_does_not_matter(table_of, shop_events):
    """One order a year before all others: at the first cut-offs there is one customer, without a rhythm."""
    first = next(event for event in shop_events if event.type == e.ORDER_COMPLETED)
    stray = first._replace(customer_id="DEMO-stray", id="stray", occurred_us=first.occurred_us - 400 * DAY)
    orders = [event for event in shop_events if event.type == e.ORDER_COMPLETED]
    table = table_of([stray, *orders])
    span = span_of(table)
    cutoffs = [span.first_us + 200 * DAY, span.until_us - 150 * DAY]
    rows = labelled_states(table, [*cutoffs, span.until_us], HORIZON_DAYS)
    past, present = rows.at(rows.cutoffs_us < span.until_us), rows.at(rows.cutoffs_us == span.until_us)
    assert [error.cutoff_us for error in fit_churn(past, present, HORIZON_DAYS).errors] == cutoffs[1:]


def test_labels_of_the_present_are_not_read(shop):
    """Whatever is claimed to have followed the present, the model is the same."""
    span = span_of(shop)
    rows = labelled_states(shop, [span.until_us - 150 * DAY, span.until_us - 60 * DAY], HORIZON_DAYS)
    past, present = (
        rows.at(rows.cutoffs_us < span.until_us - 60 * DAY),
        rows.at(rows.cutoffs_us == span.until_us - 60 * DAY),
    )
    claimed = type(present)(
        present.customer_ids,
        present.cutoffs_us,
        present.states,
        present.purchase_days,
        np.zeros_like(present.orders_ahead),
    )
    honest, other = (fit_churn(past, given, HORIZON_DAYS) for given in (present, claimed))
    assert np.array_equal(honest.risk(present.features()), other.risk(present.features()))


def test_the_usual_gap_is_the_median_of_the_customers_own(table_of, order_of):
    """Every 10 days; every 20, twice on one of the days; once."""
    weekly = [order_of("A", at * 10 * DAY) for at in range(5)]
    monthly = [order_of("B", at * 20 * DAY) for at in range(3)] + [order_of("B", 5)]
    rows = labelled_states(table_of([*weekly, *monthly, order_of("C", 0)]), [50 * DAY], 30)
    assert usual_gap_days(rows) == pytest.approx(15)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("2026-03-31", ["2025-11-30", "2025-12-31", "2026-01-31", "2026-02-28", "2026-03-31"]),
        ("2026-01-12", ["2025-12-12", "2026-01-12"]),
        ("2025-11-01", []),
    ],
)
def test_monthly_cutoffs(last, expected):
    """Orders from 1 June 2025 on: half a year of history is there on 28 November."""
    span = Span(to_us(datetime(2025, 6, 1, tzinfo=UTC)), to_us(datetime(2026, 5, 1, tzinfo=UTC)))
    cutoffs = monthly_cutoffs(span, to_us(datetime.fromisoformat(last + "T00:00:00+00:00")))
    assert [f"{to_time(cutoff_us):%Y-%m-%d}" for cutoff_us in cutoffs] == expected


def test_cutoffs_go_back_two_years_at_most():
    span = Span(0, to_us(datetime(2026, 1, 1, tzinfo=UTC)))
    cutoffs = monthly_cutoffs(span, span.last_us)
    assert len(cutoffs) == MOST_CUTOFFS
    assert to_time(cutoffs[0]) == datetime(2024, 2, 1, tzinfo=UTC)


def test_matured_labels_end_by_then():
    assert matured([0, 10 * DAY, 10 * DAY + 1], 40 * DAY, 30) == [0, 10 * DAY]


def test_the_last_day_is_left_out_unless_it_is_whole():
    assert Span(0, 5 * DAY + 17).until_us == 5 * DAY


# What cannot be learnt from says so.


def days_of_orders(order_of, customers, days, every):
    """Each customer orders every so many days, from a day of their own on."""
    return [
        order_of(f"C-{number}", day * DAY + number)
        for number in range(customers)
        for day in range(number % every, days, every)
    ]


@pytest.fixture
def refusal(table_of, tmp_path):
    """Trains on events and gives the sentence of the refusal."""

    def refuse(events):
        with pytest.raises(Untrainable) as refused:
            train(Training(table_of(events), "a test", False, 90), tmp_path, MADE_AT, lambda _: None)
        assert latest_version(tmp_path) is None
        assert str(refused.value).endswith("Scores come from rules instead.")
        return str(refused.value)

    return refuse


def test_no_customers(refusal):
    assert "no customers and no orders" in refusal([])


def test_nothing_but_refunds(refusal, order_of):
    refunds = [order_of(f"C-{at}", at * DAY, type=e.ORDER_REFUNDED) for at in range(400)]
    assert "There is no order among the 400 events" in refusal(refunds)


def test_a_week_of_history(refusal, order_of):
    assert "The orders span 6 days; a model of 90 days needs 270" in refusal(days_of_orders(order_of, 300, 7, 1))


def test_fifty_customers(refusal, order_of):
    assert "Only 50 customers have bought; a model needs 200." in refusal(days_of_orders(order_of, 50, 400, 20))


def test_everyone_buys_once(refusal, order_of):
    assert "None of 299 customers bought twice" in refusal([order_of(f"C-{at}", at * 2 * DAY) for at in range(300)])


def test_nobody_ever_stays_away(refusal, order_of):
    assert "stayed away 0 times; a model needs 50 of each" in refusal(days_of_orders(order_of, 210, 400, 25))


def test_enough_of_each_is_enough(shop):
    span = span_of(shop)
    rows = labelled_states(shop, [span.until_us - 90 * DAY], 90)
    check_trainable(rows, rows, 90)


def test_a_customer_who_spends_a_fortune_does_not_break_it(table_of, shop_events, order_of, tmp_path):
    """One order of 10^12 minor units among the others."""
    first = min(event.occurred_us for event in shop_events)
    whale = order_of("DEMO-whale", first + 200 * DAY, amount_minor=10**12, items=10**6)
    few = [event for event in shop_events if event.type == e.ORDER_COMPLETED]
    events = [{name: getattr(event, name) for name in whale} for event in few]
    training = Training(table_of([*events, whale]), "a test", False, HORIZON_DAYS)
    model = load_model(train(training, tmp_path, MADE_AT + timedelta(hours=8), lambda _: None))
    assert not model.simulated
    assert model.version.startswith("churn-20260602T181500-")
    assert all(np.isfinite(steps).all() for steps in model.churn.steps)
    assert model.manifest["metrics"]["models"]["perennial"]["auc"] > 0.75
