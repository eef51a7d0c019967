"""Training on the simulated shop: what it learns from, what it writes, and what it refuses."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import joblib
import numpy as np
import pytest

from app.database.engine import transaction
from app.foundation.settings import Settings
from app.lifecycle import events as e
from app.lifecycle.drift import psi
from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.targets import TARGET_NAMES
from app.lifecycle.value import ValueShares
from app.models.artefact import load_model, read_artefact
from app.models.service import load_champion
from ml.data.cutoffs import (
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
from ml.data.states import labelled_states
from ml.learning.additive import pooled_score
from ml.learning.bins import bin_codes
from ml.learning.churn import usual_gap_days
from ml.learning.targets import fit_targets
from ml.training.commands import train_from_file
from ml.training.training import Training, train

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

DAY = e.DAY_US
HORIZON_DAYS = 60
MADE_AT = datetime(2026, 6, 2, 10, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def trained(shop, tmp_path_factory):
    """(directory of the artefact, what was said)."""
    said: list[str] = []
    models = tmp_path_factory.mktemp("models")
    directory = train(Training(shop, "the demo shop", True, HORIZON_DAYS), models, MADE_AT, said.append)
    return directory, said


@pytest.fixture(scope="module")
def manifest(trained):
    return json.loads((trained[0] / "manifest.json").read_text())


def test_the_artefact_says_what_it_is(trained, shop):
    directory, said = trained
    assert directory.name.startswith("demo-churn-20260602T101500-")
    model = load_model(directory)
    assert (model.version, model.horizon_days, model.simulated) == (directory.name, HORIZON_DAYS, True)
    assert (model.trained_at, model.method) == (MADE_AT, "additive_trees")
    assert model.data_until == to_time(span_of(shop).until_us)
    assert 5 < model.rhythm_days < 100
    assert all(sentence.endswith("…") for sentence in said)
    assert [path.name for path in directory.parent.iterdir()] == [directory.name]
    assert sorted(path.name for path in directory.iterdir()) == [
        "card.md",
        "manifest.json",
        "model.joblib",
        "tables.npz",
    ]


def test_the_registry_needs_manifest_and_tables_alone(trained):
    directory = trained[0]
    files = {name: (directory / name).read_bytes() for name in ("manifest.json", "tables.npz")}
    assert read_artefact(directory.name, files).version == directory.name


def test_the_card_is_of_this_model(trained, manifest):
    card = (trained[0] / "card.md").read_bytes()
    assert trained[0].name in card.decode()
    assert hashlib.sha256(card).hexdigest() == manifest["files"]["card.md"]


def test_every_label_ends_within_the_data_and_every_cutoff_has_history(manifest, shop):
    span = span_of(shop)
    cutoffs = [to_us(datetime.fromisoformat(text)) for text in manifest["training"]["cutoffs"]]
    assert len(cutoffs) > 6
    assert cutoffs == sorted(set(cutoffs))
    assert cutoffs[-1] + HORIZON_DAYS * DAY == span.until_us <= span.last_us
    assert cutoffs[0] - span.first_us >= HISTORY_DAYS * DAY
    assert to_us(datetime.fromisoformat(manifest["training"]["data_from"])) == span.first_us


OF_TARGETS = {
    "churn": {"auc", "brier", "ece"},
    "orders": {"mae", "rmse", "pearson", "spearman", "bias"},
    "spend": {"mae", "spearman", "normalised_gini", "bias"},
}


def test_every_target_is_measured_on_the_last_cutoff_beside_its_comparators(manifest):
    metrics = manifest["metrics"]
    assert metrics["cutoff"] == manifest["training"]["cutoffs"][-1]
    assert metrics["n"] > 100
    for target, names in OF_TARGETS.items():
        models = metrics[target]["models"]
        assert len(models) > 2
        assert names <= models["perennial"].keys()
    churn = metrics["churn"]["models"]["perennial"]
    assert churn["auc"] > 0.8
    assert churn["brier"] < metrics["base_rate"] * (1 - metrics["base_rate"])


@pytest.fixture(scope="module")
def present(shop):
    """Everyone known at the end of the data."""
    return labelled_states(shop, [span_of(shop).until_us], HORIZON_DAYS)


def test_the_estimators_are_kept_and_are_the_tables(trained, present):
    """model.joblib is for audit: it gives the scores that the tables give, but for the level."""
    fitted, scorecard = joblib.load(trained[0] / "model.joblib"), load_model(trained[0]).scorecard
    assert tuple(fitted) == (*TARGET_NAMES, "prospects_first_order")
    rows = present.features()
    links = scorecard.links(rows, float(present.cutoffs_us[0]))
    for at, target in enumerate(TARGET_NAMES):
        parts = fitted[target]
        estimate = pooled_score(
            *(parts[name] for name in ("link", "trees", "line", "edges", "periods", "unit", "stretch"))
        )
        own = 0.0 if parts["own"] is None else parts["own"].sum(rows)
        level = links[:, at] - estimate(bin_codes(rows, parts["edges"])) - own
        assert level == pytest.approx(np.full(len(level), level[0]), rel=0, abs=1e-9)


def test_prospects_are_foretold_in_the_same_artefact(trained, manifest):
    """Of this shop too few prove to be of the best: of them the rule speaks."""
    card, told = load_model(trained[0]).prospects, manifest["prospects"]
    assert card is not None
    assert card.methods == (told["first_order_method"], told["likeness_method"]) == ("additive_trees", "activity_rule")
    assert card.horizon_days == HORIZON_DAYS
    assert told["first_buyers"] >= 50 > told["best_customers"]
    assert told["first_order"]["models"].keys() == {"perennial", "activity_rule", "recency", "activity_count"}


def test_what_is_expected_now_is_what_the_manifest_says(trained, manifest, present):
    """And the curve of value is that of the customers known now."""
    model = load_model(trained[0])
    expected = model.scorecard.forecast(present.features(), float(present.cutoffs_us[0]))
    level = manifest["level"]
    assert expected.churn_risk.mean() == pytest.approx(level["expected_share"], rel=1e-9)
    assert expected.orders.mean() == pytest.approx(level["expected_orders"], rel=1e-9)
    assert expected.spend_minor.mean() / 100 == pytest.approx(level["expected_spend"], rel=1e-9)
    assert 0.1 < level["deviation"] <= level["worst_deviation"] < 1.0
    assert level["worst_on"] >= manifest["training"]["data_until"]
    tiers = model.value.bounds(ValueShares(0.6, 0.3)).tiers(expected.spend_minor)
    held = [
        expected.spend_minor[tiers == tier].sum() / expected.spend_minor.sum() for tier in ("high", "medium", "low")
    ]
    assert held == pytest.approx([0.6, 0.3, 0.1], abs=0.02)


def test_nothing_has_drifted_at_the_moment_of_training(trained, present):
    drift = psi(load_model(trained[0]).drift, present.features())
    assert list(drift) == list(FEATURE_NAMES)
    assert max(drift.values()) < 0.01  # sums of floats differ in the last bit, and so may a bin


WAYS = (("recency_days", 1), ("silence_ratio", 1), ("orders", -1), ("orders_decayed_30d", -1))


def test_more_silence_never_lowers_the_risk_and_more_orders_never_raise_it(trained):
    """And the other way round for orders and spend."""
    steps = load_model(trained[0]).scorecard.steps
    for name, way in WAYS:
        rises = np.diff(steps[FEATURE_NAMES.index(name)][1:], axis=0) * way
        assert (rises[:, TARGET_NAMES.index("churn")] >= -1e-12).all(), name
        assert (rises[:, [TARGET_NAMES.index("orders"), TARGET_NAMES.index("spend")]] <= 1e-12).all(), name


def test_labels_of_the_present_are_not_read(shop):
    """Whatever is claimed to have followed the present, the model is the same."""
    span = span_of(shop)
    at_us = span.until_us - 60 * DAY
    rows = labelled_states(shop, [span.until_us - 150 * DAY, at_us], HORIZON_DAYS)
    past, present = rows.at(rows.cutoffs_us < at_us), rows.at(rows.cutoffs_us == at_us)
    claimed = replace(
        present,
        orders_ahead=np.zeros_like(present.orders_ahead),
        spend_ahead_minor=np.full_like(present.spend_ahead_minor, 1e9),
    )
    honest, other = (fit_targets(past, given, HORIZON_DAYS) for given in (present, claimed))
    for one, its in zip(*(made.predict(present.features(), at_us) for made in (honest, other)), strict=True):
        assert np.array_equal(one, its)


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
        assert not list(tmp_path.iterdir())
        assert str(refused.value).endswith("Until then the model in force serves, or rules where there is none.")
        return str(refused.value)

    return refuse


def test_no_customers(refusal):
    assert "no customers and no orders" in refusal([])


def test_nothing_but_refunds(refusal, order_of):
    refunds = [order_of(f"C-{at}", at * DAY, type=e.ORDER_REFUNDED) for at in range(400)]
    assert "There is no order among the 400 events" in refusal(refunds)


def test_a_week_of_history(refusal, order_of):
    assert "There are 6 days of orders" in refusal(days_of_orders(order_of, 300, 7, 1))


def test_fifty_customers(refusal, order_of):
    assert "Only 50 customers have bought;" in refusal(days_of_orders(order_of, 50, 400, 20))


def test_everyone_buys_once(refusal, order_of):
    assert "None of 299 customers bought twice" in refusal([order_of(f"C-{at}", at * 2 * DAY) for at in range(300)])


def test_what_trees_cannot_learn_from_makes_a_model_all_the_same(table_of, order_of, tmp_path):
    """Nobody ever stays away: the artefact is as every other, and says how it was made."""
    events = table_of(days_of_orders(order_of, 210, 400, 25))
    directory = train(Training(events, "a test", False, 90), tmp_path, MADE_AT, lambda _: None)
    model = load_model(directory)
    assert model.method != "additive_trees"
    assert model.method in (directory / "card.md").read_text()
    rows = labelled_states(events, [span_of(events).until_us], 90).features()
    expected = model.scorecard.forecast(rows, float(span_of(events).until_us))
    assert all(np.isfinite(column).all() for column in expected)
    assert expected.churn_risk.mean() < 0.2


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
    assert all(np.isfinite(steps).all() for steps in model.scorecard.steps)
    assert model.manifest["metrics"]["churn"]["models"]["perennial"]["auc"] > 0.75


async def test_what_is_trained_on_a_file_is_registered(shop_events, trained, engine, sql, tmp_path, monkeypatch):
    """`perennial train --data`: of the first model it is said that it serves at once. Its training is made above."""
    seen = []

    def finish(training, models_directory, made_at, say):
        seen.append((training.source, training.horizon_days, training.events.count().to_pyarrow().as_py()))
        return trained[0]

    monkeypatch.setattr("ml.training.commands.train", finish)
    orders = [event for event in shop_events if event.type == e.ORDER_COMPLETED]
    rows = ((o.customer_id, o.reference, f"{to_time(o.occurred_us):%Y-%m-%d %H:%M:%S}", o.amount_minor) for o in orders)
    file = tmp_path / "orders.csv"
    file.write_text(
        "\n".join(",".join(map(str, row)) for row in [("customer_id", "order_id", "time", "amount"), *rows])
    )
    sentence = await train_from_file(engine, file, Settings(home=tmp_path, churn_horizon_days=HORIZON_DAYS))
    async with transaction(engine) as connection:
        champion = await load_champion(connection)
    assert champion is not None
    assert champion.version == trained[0].name
    assert sentence.startswith(f"Model {champion.version}: It is the first one and serves at once.")
    assert seen == [("orders.csv", HORIZON_DAYS, len(orders))]
