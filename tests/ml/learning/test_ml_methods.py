"""Which way to learn: by how much history there is, and what is said where there is too little."""

from datetime import timedelta

import numpy as np
import pytest

from app.lifecycle import events as e
from ml.data.cutoffs import Untrainable, span_of, to_time, to_us
from ml.data.states import labelled_states
from ml.evaluation.metrics import auc
from ml.learning.methods import learn

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

DAY = e.DAY_US
HORIZON_DAYS = 60


def say_nothing(_):
    pass


@pytest.fixture(scope="module")
def known_days(shop):
    """(first midnight with an order, last midnight)."""
    span = span_of(shop)
    return span.first_us // DAY * DAY, span.until_us


@pytest.fixture(scope="module")
def by_trees(shop, known_days):
    return learn(shop, known_days[1], HORIZON_DAYS, say_nothing)


YOUNG_DAYS = 200
YOUNG_AT_US = 20_000 * DAY + YOUNG_DAYS * DAY


@pytest.fixture(scope="module")
def young_orders():
    """260 days of a shop that opened in the first 60, each customer at a pace of their own until they leave."""
    draw, orders = np.random.default_rng(11), []
    for customer in range(600):
        rate, day = draw.gamma(1.0, 0.02), draw.uniform(0, 60)
        until = min(YOUNG_DAYS + HORIZON_DAYS, day + draw.exponential(250))
        while day < until:
            orders.append(order(f"C{customer:04}", 20_000 * DAY + int(day * DAY), int(draw.gamma(8, 300)) + 1))
            day += draw.exponential(1 / rate) + 0.01
    return orders


def order(customer_id, at_us, amount_minor):
    identity = {"customer_id": customer_id, "source": "/till", "id": f"{customer_id}-{at_us}"}
    facts = {"type": "order.completed", "amount_minor": amount_minor, "discount_minor": 0, "items": 1, "points": 0}
    return identity | facts | {"occurred_us": at_us}


@pytest.fixture(scope="module")
def young(young_orders, table_of):
    return table_of(young_orders)


@pytest.fixture(scope="module")
def carried(young):
    return learn(young, YOUNG_AT_US, HORIZON_DAYS, say_nothing)


def test_a_long_history_grows_trees(by_trees, known_days):
    assert by_trees.method == "additive_trees"
    assert by_trees.inner_horizon_days == by_trees.targets.horizon_days == HORIZON_DAYS
    assert by_trees.cutoffs_us[-1] + HORIZON_DAYS * DAY == known_days[1]
    assert by_trees.rows == len(by_trees.past.churned)
    assert set(by_trees.past.cutoffs_us) == set(by_trees.cutoffs_us)
    assert set(by_trees.present.cutoffs_us) == {known_days[1]}
    assert by_trees.note.startswith("Additive trees, learnt at ")


def test_a_short_history_is_carried_over(carried, young):
    assert carried.method == "carried_over"
    assert carried.targets.horizon_days == HORIZON_DAYS
    assert carried.inner_horizon_days == round(200 * 60 / 260)
    assert all(20_000 * DAY < cutoff_us < YOUNG_AT_US for cutoff_us in carried.cutoffs_us)
    assert carried.note.startswith("The orders span 199 days; additive trees need 240, so a classic model")
    test = labelled_states(young, [YOUNG_AT_US], HORIZON_DAYS)
    predictions = carried.targets.predict(test.features(), YOUNG_AT_US)
    assert auc(test.churned, predictions.churn) > 0.75
    assert predictions.churn.mean() == pytest.approx(test.churned.mean(), abs=0.05)
    assert predictions.orders.sum() == pytest.approx(test.orders_ahead.sum(), rel=0.2)


def test_nothing_after_the_time_is_read(carried, young):
    """The same shop, broken off at that time, teaches the same; the labels of the present are not there."""
    again = learn(young.filter(young.occurred_us < YOUNG_AT_US), YOUNG_AT_US, HORIZON_DAYS, say_nothing)
    assert again.present.churned.all()
    assert carried.present.churned.all()
    vectors = carried.present.features()
    pairs = (learned.targets.predict(vectors, YOUNG_AT_US) for learned in (carried, again))
    for ours, theirs in zip(*pairs, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)


def test_few_customers_leave_a_classic(young):
    """A hundred and some customers are too few to learn a residual from."""
    few = young.filter(young.customer_id < "C0150")
    learned = learn(few, YOUNG_AT_US, HORIZON_DAYS, say_nothing)
    assert learned.method in ("pareto_nbd", "bg_nbd")
    assert (learned.cutoffs_us, learned.inner_horizon_days, len(learned.past.churned)) == ((), HORIZON_DAYS, 0)
    assert learned.rows == 150
    assert learned.note.endswith("serves, fitted to when 150 customers bought.")
    predictions = learned.targets.predict(learned.present.features(), YOUNG_AT_US)
    assert ((predictions.churn > 0) & (predictions.churn < 1)).all()
    assert (np.isfinite(predictions.spend_minor) & (predictions.spend_minor > 0)).all()


def test_a_huge_order_is_survived(carried, young_orders, table_of):
    kept = [made for made in young_orders if made["occurred_us"] < YOUNG_AT_US]
    odd = learn(table_of([kept[0] | {"amount_minor": 10**12}, *kept[1:]]), YOUNG_AT_US, HORIZON_DAYS, say_nothing)
    others = carried.present.customer_ids != kept[0]["customer_id"]
    ours, theirs = (
        learned.targets.predict(learned.present.features()[others], YOUNG_AT_US) for learned in (carried, odd)
    )
    assert np.corrcoef(ours.churn, theirs.churn)[0, 1] > 0.98
    assert theirs.spend_minor.sum() == pytest.approx(ours.spend_minor.sum(), rel=0.3)


def history(order_of, customers, days, again=0, kind="order.completed"):
    """So many customers over so many days, each with an order, and `again` of them with a second."""
    once = [order_of(f"C{n:04}", to_us(START) + n * days * DAY // customers, type=kind) for n in range(customers)]
    return once + [order_of(f"C{n:04}", to_us(START) + days * DAY - n - 1, type=kind) for n in range(again)]


START = to_time(20_000 * DAY)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (
            {"customers": 50, "days": 120, "again": 40},
            "Only 50 customers have bought; even the classic models need 100",
        ),
        ({"customers": 300, "days": 120}, "None of 300 customers bought twice: there is no rhythm to learn"),
        ({"customers": 300, "days": 700}, "None of 300 customers bought twice: there is no rhythm to learn"),
        (
            {"customers": 300, "days": 120, "again": 9},
            "Only 9 of 300 customers bought again; the classic models need 20",
        ),
        ({"customers": 300, "days": 7, "again": 200}, "There are 7 days of orders; to look 60 days ahead .* need 28"),
        ({"customers": 300, "days": 1, "again": 200}, "There is 1 day of orders; to look 60 days ahead .* need 28"),
        ({"customers": 1, "days": 120, "again": 1}, "Only 1 customer has bought; even the classic models need 100"),
        ({"customers": 300, "days": 120, "kind": "order.refunded"}, "There is no order among the 300 events"),
    ],
    ids=[
        "50 customers",
        "one purchase each",
        "one each, long",
        "few again",
        "a week",
        "a day",
        "a customer",
        "all returns",
    ],
)
def test_too_little_is_a_sentence_that_says_what_serves_instead(table_of, order_of, facts, sentence):
    events = table_of(history(order_of, **facts))
    at_us = to_us(START + timedelta(days=facts["days"]))
    with pytest.raises(
        Untrainable, match=rf"{sentence}.* Until then the model in force serves, or rules where there is none\."
    ):
        learn(events, at_us, HORIZON_DAYS, say_nothing)


def test_nothing_at_all_is_a_sentence(table_of):
    with pytest.raises(Untrainable, match="There are no customers and no orders"):
        learn(table_of([]), to_us(START), HORIZON_DAYS, say_nothing)
