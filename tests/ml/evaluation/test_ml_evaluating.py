"""Evaluation on a small simulated file, and on Online Retail II where it is at hand."""

import csv
import json
import os
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import ml.data.leaks
import ml.data.states
import ml.evaluation.evaluating
import ml.evaluation.judging
from app.lifecycle import events as e
from app.lifecycle.features import FEATURE_NAMES
from ml.data.cutoffs import Untrainable, to_us
from ml.data.file_reading import FileReading
from ml.data.leaks import Leak
from ml.data.transactions import UnusableTransactions
from ml.evaluation.evaluating import evaluate, summarise_cutoffs
from ml.learning.methods import learn
from ml.report.page import render_report

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

DATA = Path(os.environ.get("PERENNIAL_TEST_DATA", Path(__file__).parents[3] / "../shared/data"))
CUTOFF = date(2026, 3, 2)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
METRICS: dict[str, set[str]] = {
    "churn": {"auc", "brier", "log_loss", "ece", "lift_at_10"},
    "orders": {"mae", "rmse", "pearson", "spearman", "bias"},
    "spend": {"mae", "spearman", "normalised_gini", "bias"},
}
COMPARATORS = {
    "churn": {"recency", "rfm_logit", "bg_nbd", "pareto_nbd"},
    "orders": {"recent_rate", "bg_nbd", "pareto_nbd"},
    "spend": {"recent_rate", "bg_nbd_gamma_gamma", "pareto_nbd_gamma_gamma"},
}


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
def learnt_once(one_bag):
    """The model of a cut-off is learnt once for all targets: the same events give the same one."""
    kept = {}

    def remember(events, at_us, horizon_days, say, calendar):
        key = (at_us, horizon_days, calendar, events.count().to_pyarrow().as_py())
        if key not in kept:
            kept[key] = learn(events, at_us, horizon_days, say, calendar)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ml.evaluation.evaluating, "learn", remember)
        yield


@pytest.fixture(scope="module")
def evaluations(orders_file, learnt_once):
    """By target."""
    return {target: evaluate(orders_file, target, CUTOFF, 60, progress=say_nothing) for target in METRICS}


def known_at_the_cutoff(events):
    """Times of the orders of each customer who bought before it; without those that were given back whole."""
    given: dict[tuple[str, str | None], int] = {}
    for event in events:
        if event.type == e.ORDER_REFUNDED:
            key = (event.customer_id, event.reference)
            given[key] = given.get(key, 0) + event.amount_minor
    bought: dict[str, list[int]] = {}
    for event in events:
        is_kept = given.get((event.customer_id, event.reference), 0) < event.amount_minor
        if event.type == e.ORDER_COMPLETED and is_kept:
            bought.setdefault(event.customer_id, []).append(event.occurred_us)
    return {customer_id: times for customer_id, times in bought.items() if min(times) < to_us(MIDNIGHT)}


def is_ahead(at_us):
    return to_us(MIDNIGHT) <= at_us < to_us(MIDNIGHT) + 60 * e.DAY_US


@pytest.mark.parametrize("target", METRICS)
def test_every_model_has_every_number_and_the_result_is_json(evaluations, target):
    result = evaluations[target].result
    assert json.loads(json.dumps(result)) == result
    assert set(result["models"]) == {"perennial"} | COMPARATORS[target]
    assert next(iter(result["models"])) == "perennial"
    for name, metrics in result["models"].items():
        assert set(metrics) == METRICS[target]
        assert all(value is not None for value in metrics.values()) or name == "recency"
    assert result["left_out"] == {}
    assert result["method"] == "additive_trees"
    assert result["note"]


@pytest.mark.parametrize("target", METRICS)
def test_every_number_lies_in_its_interval(evaluations, target):
    result = evaluations[target].result
    for name, metrics in result["models"].items():
        ranges = result["intervals"]["models"][name]
        for metric, value in metrics.items():
            assert value is None or ranges[metric][0] <= value <= ranges[metric][1], (name, metric)
    assert all(lead["comparator"] in COMPARATORS[target] for lead in result["intervals"]["against_best"].values())


def test_everyone_who_bought_before_is_judged(evaluations, shop_events):
    known = known_at_the_cutoff(shop_events)
    gone = [not any(map(is_ahead, times)) for times in known.values()]
    result = evaluations["churn"].result
    assert (result["n"], result["base_rate"]) == (len(known), sum(gone) / len(gone))
    orders = evaluations["orders"].result
    assert orders["mean_actual"] == pytest.approx(sum(sum(map(is_ahead, each)) for each in known.values()) / len(known))


def test_spend_is_net_of_refunds_and_in_major_units(evaluations, shop_events):
    known, signs = known_at_the_cutoff(shop_events), {e.ORDER_COMPLETED: 1, e.ORDER_REFUNDED: -1}
    paid = [event for event in shop_events if event.type in signs and event.customer_id in known]
    net_minor = sum(signs[event.type] * event.amount_minor for event in paid if is_ahead(event.occurred_us))
    assert evaluations["spend"].result["mean_actual"] == pytest.approx(net_minor / 100 / len(known))


def test_the_model_is_better_than_recency_alone(evaluations):
    result = evaluations["churn"].result
    models = result["models"]
    assert models["perennial"]["auc"] > models["recency"]["auc"]
    assert models["perennial"]["brier"] < result["base_rate"] * (1 - result["base_rate"])


def test_orders_and_spend_are_worth_ranking_by(evaluations):
    """And their level is about as good as a classic model's: the shop's first spring is nobody's to know."""
    orders, spend = (evaluations[target].result["models"] for target in ("orders", "spend"))
    assert orders["perennial"]["spearman"] > orders["recent_rate"]["spearman"]
    assert spend["perennial"]["normalised_gini"] > spend["recent_rate"]["normalised_gini"]
    assert abs(orders["perennial"]["bias"]) < orders["pareto_nbd"]["bias"] + 0.2
    assert abs(spend["perennial"]["bias"]) < spend["pareto_nbd_gamma_gamma"]["bias"] + 0.2


def test_stages_are_set_beside_what_followed(evaluations):
    found = evaluations["churn"].result["stages"]
    assert [each["stage"] for each in found] == ["mature", "growing", "new", "declining", "lost"]
    assert sum(each["customers"] for each in found) == evaluations["churn"].result["n"]
    rates = {each["stage"]: each["repurchased"] for each in found}
    assert rates["mature"] > rates["declining"]


def changed_after(path, tmp_path):
    """The file with other orders after the cut-off: other customers', under other numbers, for other amounts.

    Refunds stay: those of one order are one event, of the time of the first.
    """
    head, *lines = path.read_text().splitlines()
    changed = tmp_path / "changed.csv"
    changed.write_text("\n".join([head, *map(_other_ahead, lines)]) + "\n")
    return changed


def _other_ahead(line):
    card, at, order, _, is_return = line.split(",")
    if at < MIDNIGHT.isoformat() or is_return == "True":
        return line
    return f"{card[:-1]}{int(card[-1]) // 2},{at},{order}x,999.99,False"


def test_what_comes_after_the_cutoff_changes_no_prediction(evaluations, orders_file, tmp_path):
    """Other labels, the same predictions to the last bit: nothing learnt has seen them."""
    changed = changed_after(orders_file, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ml.evaluation.evaluating, "learn", learn)  # anew
        again = evaluate(changed, "spend", CUTOFF, 60, progress=say_nothing).latest
    before = evaluations["spend"].latest
    assert again.test.orders_ahead.tolist() != before.test.orders_ahead.tolist()
    assert again.test.customer_ids.tolist() == before.test.customer_ids.tolist()
    assert (again.risk == before.risk).all()
    assert again.judged.predictions.keys() == before.judged.predictions.keys()
    for name, predicted in again.judged.predictions.items():
        assert predicted.tolist() == before.judged.predictions[name].tolist(), name


def late(honest):
    """The states of thirty days later, passed off as those of the cut-off."""

    def states(events, cutoffs_us):
        found = honest(events, [cutoff_us + 30 * e.DAY_US for cutoff_us in cutoffs_us])
        return found.mutate(cutoff_us=found.cutoff_us - 30 * e.DAY_US)

    return states


def test_a_planted_leak_of_a_measure_is_refused(orders_file, monkeypatch):
    monkeypatch.setattr(ml.data.leaks, "states", late(ml.data.states.states))
    with pytest.raises(Leak, match="last_order_us"):
        evaluate(orders_file, "churn", CUTOFF, 60, progress=say_nothing)


def test_a_planted_leak_of_a_feature_is_refused(evaluations, orders_file, monkeypatch):
    """A feature that knows what comes next, where the labels are at hand."""
    honest = ml.data.states.LabelledStates.features

    def knowing(rows):
        vectors = honest(rows)
        vectors[:, FEATURE_NAMES.index("visits")] = rows.orders_ahead
        return vectors

    monkeypatch.setattr(ml.data.states.LabelledStates, "features", knowing)
    with pytest.raises(Leak, match="visits"):
        evaluate(orders_file, "churn", CUTOFF, 60, progress=say_nothing)


EARLIER = 3
"""Months are dear to judge: so many of those before the cut-off, and the first, which cannot be judged."""


@pytest.fixture(scope="module")
def monthly(orders_file, evaluations):
    find = ml.evaluation.evaluating._earlier_months

    def find_some(*arguments):
        months = find(*arguments)
        assert len(months) > EARLIER
        return [months[0], *months[-EARLIER:]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ml.evaluation.evaluating, "_earlier_months", find_some)
        return evaluate(orders_file, "churn", CUTOFF, 60, cutoffs="monthly", progress=say_nothing)


def test_rolling_cutoffs(monthly, evaluations):
    """Every month that can be judged is, each from what was known then; the latest stays where it was."""
    result = monthly.result
    days = [each["cutoff"] for each in result["cutoffs"]]
    assert days == sorted(days)
    assert days[-1] == "2026-03-02"
    assert len(days) + len(result["skipped"]) == EARLIER + 2
    assert len(days) > EARLIER
    assert {each["cutoff"] for each in result["skipped"]}.isdisjoint(days)
    assert all(each["reason"] for each in result["skipped"])
    plain = evaluations["churn"].result
    assert {name: result[name] for name in plain} == plain
    assert [month["cutoff"] for month in monthly.months] == days


def test_the_summary_of_cutoffs():
    def at(cutoff, auc, ece):
        numbers = {"auc": auc, "brier": None, "ece": ece}
        return {
            "target": "churn",
            "cutoff": cutoff,
            "n": 10,
            "base_rate": 0.5,
            "mean_predicted": 0.6,
            "models": {"perennial": numbers},
        }

    found = summarise_cutoffs([at("2026-01-02", 0.8, 0.02), at("2026-02-02", 0.7, 0.06)])
    assert found["models"]["perennial"]["auc"] == {"mean": 0.75, "worst": 0.7}
    assert found["models"]["perennial"]["ece"] == {"mean": 0.04, "worst": 0.06}
    assert found["models"]["perennial"]["brier"] is None
    month = {"cutoff": "2026-01-02", "n": 10, "mean_predicted": 0.6, "mean_actual": 0.5, "ece": 0.02}
    assert found["months"][0] == month | {"bias": pytest.approx(0.2)}


@pytest.mark.parametrize(
    ("cutoff", "sentence"),
    [
        (date(2026, 5, 2), "The data end on 2026-0[56]-.*: who bought until 2026-07-01 is not known yet.* instead"),
        (
            date(2023, 5, 1),
            "No order is before 2023-05-01: the first is of 202.*Until then the model in force serves, or rules",
        ),
    ],
)
def test_cutoffs_that_cannot_be_judged(orders_file, cutoff, sentence):
    with pytest.raises(Untrainable, match=sentence):
        evaluate(orders_file, "churn", cutoff, 60, progress=say_nothing)


def test_without_a_cutoff_it_is_the_last_that_can_be_judged(orders_file, monkeypatch):
    def refuse(history, target, cutoff_us):
        raise Untrainable(str(cutoff_us))

    monkeypatch.setattr(ml.evaluation.evaluating, "judge_at", refuse)
    with pytest.raises(Untrainable) as refused:
        evaluate(orders_file, "churn", None, 60, progress=say_nothing)
    moments = [datetime.fromisoformat(line.split(",")[1]) for line in orders_file.read_text().splitlines()[1:]]
    assert int(str(refused.value)) == to_us(max(moments)) // e.DAY_US * e.DAY_US - 60 * e.DAY_US


def test_columns_can_be_named(orders_file):
    with pytest.raises(
        UnusableTransactions, match=r"here is no column 'card'.*Until then the model in force serves, or rules"
    ):
        evaluate(
            orders_file, "churn", CUTOFF, 60, progress=say_nothing, reading=FileReading(columns={"customer_id": "card"})
        )


@pytest.mark.skipif(
    not (DATA / "online_retail_ii.parquet").exists(), reason="needs Online Retail II (PERENNIAL_TEST_DATA)"
)
def test_online_retail():
    """A cut-off after Christmas, learnt from the year before it."""
    found = evaluate(DATA / "online_retail_ii.parquet", "churn", date(2011, 3, 13), progress=say_nothing).result
    models = found["models"]
    assert found["n"] == 4606
    assert models["perennial"]["auc"] >= 0.780
    assert models["perennial"]["auc"] > models["recency"]["auc"] + 0.04
    assert models["perennial"]["brier"] <= min(models[name]["brier"] for name in ("rfm_logit", "bg_nbd"))
    assert models["bg_nbd"]["auc"] == pytest.approx(0.7897, abs=2e-3)


PICTURES = {
    "churn": "Stated risk against what happened, by tenths of customers",
    "orders": "Expected against actual, by tenths of customers",
    "spend": "Expected against actual, by tenths of customers",
}


@pytest.mark.parametrize("target", PICTURES)
def test_the_report_of_every_target_has_its_pictures(evaluations, target):
    page = render_report(evaluations[target], "CNY")
    drawn = set(re.findall(r'<svg [^>]*aria-label="([^"]+)"', page))
    assert {
        PICTURES[target],
        "What the customers at the top of the list hold",
        "Lift by tenths of customers",
        "Share of each stage that bought within 60 days",
    } <= drawn
    assert len(drawn) > 10  # the others are the shapes of the tables
    assert "nan" not in re.sub(r"<[^>]+>", " ", page).lower().split()
