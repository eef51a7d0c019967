"""Features by hand, one row like many, and nothing but the state and `as_of`."""

from math import cos, isnan, nan, pi, sin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle import events as e
from app.lifecycle.btyd import prospects_of_one
from app.lifecycle.events import DAY_US, Event
from app.lifecycle.features import (
    BASE,
    FEATURE_NAMES,
    FEATURES,
    features,
    features_of_one,
)
from app.lifecycle.measures import (
    DECAYED,
    EMPTY,
    HALF_LIVES_DAYS,
    NUMERIC,
    fold,
    numbers_of,
)

BARE = Event("C-1", "/pos", "1", "", 0, None, None, None, 0, 0, 0, 0, None, b"", "{}")


def happening(number, type_, day, **facts):
    return BARE._replace(id=str(number), type=type_, occurred_us=round(day * DAY_US), **facts)


HISTORY = (
    happening(1, e.ORDER_COMPLETED, 100, channel="store", amount_minor=10_000, discount_minor=1_000, items=3),
    happening(2, e.ORDER_COMPLETED, 110, channel="web", amount_minor=20_000, items=1),
    happening(3, e.ORDER_COMPLETED, 130, channel="store", amount_minor=30_000, items=2),
    happening(4, e.ORDER_REFUNDED, 131, amount_minor=6_000),
    happening(5, e.CASE_OPENED, 132, kind="complaint", reference="S-1"),
    happening(6, e.STORE_VISITED, 135, channel="store"),
)
AS_OF_DAY = 140
ORDER_DAYS = (100, 110, 130)
BY_HAND = {
    "recency_days": 10,
    "tenure_days": 40,
    "known_days": 40,
    "orders": 3,
    "net_spend": 54_000,
    "average_order": 18_000,
    "items_per_order": 2,
    "rhythm_days": 15,  # 30 days between first and last, two gaps
    "silence_ratio": 10 / 15,
    "recency_share": 10 / 40,
    "orders_per_day": 3 / 40,
    "last_gap_days": 20,
    "store_share": 2 / 3,
    "discount_share": 1_000 / 60_000,
    "refund_share": 0.1,
    "refund_recency_days": 9,
    "visit_recency_days": 5,
    "visits": 1,
    "complaint_recency_days": 8,
    "open_cases": 1,
    "season_same": sum(cos(2 * pi * (day - 140) / 365.2425) for day in ORDER_DAYS) / 3,
    "season_ahead": sum(sin(2 * pi * (day - 140) / 365.2425) for day in ORDER_DAYS) / 3,
    "orders_decayed_7d": 2 ** (-40 / 7) + 2 ** (-30 / 7) + 2 ** (-10 / 7),
    "spend_decayed_60d": 10_000 * 2 ** (-40 / 60) + 20_000 * 2 ** (-30 / 60) + 30_000 * 2 ** (-10 / 60),
    "items_decayed_240d": 3 * 2 ** (-40 / 240) + 2 ** (-30 / 240) + 2 * 2 ** (-10 / 240),
    "discount_decayed_120d": 1_000 * 2 ** (-40 / 120),
    "refunded_decayed_120d": 6_000 * 2 ** (-9 / 120),
    "visits_decayed_15d": 2 ** (-5 / 15),
    "orders_15d_per_60d": (2 ** (-40 / 15) + 2 ** (-30 / 15) + 2 ** (-10 / 15))
    / (2 ** (-40 / 60) + 2 ** (-30 / 60) + 2 ** (-10 / 60)),
}


def numbers(state):
    return numbers_of(state)


def vectors(*states):
    return np.array([numbers(state) for state in states], np.float64)


def feature_row(events, as_of_day):
    row = features(vectors(fold(events)), as_of_day * DAY_US)[0]
    return dict(zip(FEATURE_NAMES, row.tolist(), strict=True))


def test_features_by_hand():
    row = feature_row(HISTORY, AS_OF_DAY)
    assert {name: row[name] for name in BY_HAND} == pytest.approx(BY_HAND, rel=1e-12)


def test_the_season_of_an_order_is_seen_from_as_of():
    """An order a quarter of a year ago lies a quarter behind: neither the same season nor ahead."""
    year = 365.2425
    order = [happening(1, e.ORDER_COMPLETED, 1000)]
    same, quarter_later, before_it_comes_again = (feature_row(order, 1000 + year * share) for share in (2, 0.25, 0.75))
    assert (same["season_same"], same["season_ahead"]) == pytest.approx((1, 0), abs=1e-9)
    assert (quarter_later["season_same"], quarter_later["season_ahead"]) == pytest.approx((0, -1), abs=1e-9)
    assert before_it_comes_again["season_ahead"] == pytest.approx(1)


def test_a_steady_buyers_rates_do_not_change():
    """Weekly for twelve years: the decayed counts stand to one another as their half-lives."""
    row = feature_row([happening(n, e.ORDER_COMPLETED, 7 * n) for n in range(630)], 7 * 630)
    assert row["orders_15d_per_60d"] == pytest.approx(15 / 60, rel=0.2)
    assert row["orders_240d_per_480d"] == pytest.approx(240 / 480, rel=0.02)


UNKNOWN = {
    "someone who only looked": (
        [happening(1, e.STORE_VISITED, 90)],
        {"recency_days", "tenure_days", "average_order", "rhythm_days", "store_share", "discount_share"},
        {"known_days", "orders", "visits", "visit_recency_days", "orders_decayed_30d", "open_cases"},
    ),
    "someone who bought once": (
        [happening(1, e.ORDER_COMPLETED, 90, amount_minor=100)],
        {"rhythm_days", "silence_ratio", "last_gap_days", "refund_recency_days", "visit_recency_days"},
        {"recency_days", "tenure_days", "average_order", "recency_share", "store_share", "season_same"},
    ),
    "someone who got everything for nothing": (
        [happening(1, e.ORDER_COMPLETED, 90), happening(2, e.ORDER_COMPLETED, 95)],
        {"discount_share", "refund_share", "spend_15d_per_60d"},
        {"average_order", "rhythm_days", "orders_15d_per_60d", "net_spend"},
    ),
    "two orders at once": (
        [happening(1, e.ORDER_COMPLETED, 90), happening(2, e.ORDER_COMPLETED, 90)],
        {"silence_ratio", "rhythm_days", "last_gap_days"},
        {"average_order", "recency_share"},
    ),
}


@pytest.mark.parametrize(("events", "unknown", "known"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_cannot_be_known_is_nan_and_nothing_else_is(events, unknown, known):
    row = feature_row(events, AS_OF_DAY)
    assert {name for name in unknown | known if isnan(row[name])} == unknown


def test_of_nobody_only_the_counts_are_known():
    row = feature_row([], AS_OF_DAY)
    known = {name: value for name, value in row.items() if not isnan(value)}
    assert known == {"orders": 0, "visits": 0, "net_spend": 0, "complaints": 0, "open_cases": 0}


def test_an_event_after_as_of_counts_as_age_zero():
    """A till's clock may run ahead: no negative days, and no decayed sum above what happened."""
    row = feature_row(HISTORY, 120)
    assert (row["recency_days"], row["visit_recency_days"], row["refund_recency_days"]) == (0, 0, 0)
    assert row["tenure_days"] == 20
    assert row["visits_decayed_15d"] == 1
    assert row["orders_decayed_7d"] == pytest.approx(2 ** (-35 / 7) + 2 ** (-25 / 7) + 2 ** (-5 / 7))
    assert all(isnan(value) or value >= 0 for name, value in row.items() if not name.startswith("season"))


def test_decayed_sums_fade_with_as_of_alone():
    for days in HALF_LIVES_DAYS:
        now, later = feature_row(HISTORY, AS_OF_DAY), feature_row(HISTORY, AS_OF_DAY + days)
        assert later[f"orders_decayed_{days}d"] == pytest.approx(now[f"orders_decayed_{days}d"] / 2)


DAYS = st.integers(0, 1500)
ORDERS = st.lists(
    st.builds(
        lambda day, amount, discount, items, type_: BARE._replace(
            type=type_,
            occurred_us=day * DAY_US,
            amount_minor=amount,
            discount_minor=discount,
            items=items,
        ),
        DAYS,
        st.integers(0, 10**8),
        st.integers(0, 10**4),
        st.integers(0, 50),
        st.sampled_from([e.ORDER_COMPLETED, e.ORDER_REFUNDED, e.STORE_VISITED, e.PRODUCT_VIEWED]),
    ),
    max_size=20,
)
COLUMN_OF = {
    "orders": None,
    "visits": None,
    "spend": "amount_minor",
    "refunded": "amount_minor",
    "items": "items",
    "discount": "discount_minor",
}


@given(ORDERS.filter(bool), st.integers(1500, 3000))
def test_decayed_features_are_the_direct_sums(events, as_of_day):
    """Where several receipts are of one day, what is left of orders is that of some of them."""
    row = feature_row(events, as_of_day)
    orders = [event.occurred_us for event in events if event.type == e.ORDER_COMPLETED]
    surplus = len(orders) - len(set(orders))
    for measure in DECAYED:
        column = COLUMN_OF[measure.name.split("_")[0]]
        direct = sum(
            (getattr(event, column) if column else 1)
            * 2 ** (-(as_of_day - event.occurred_us / DAY_US) / measure.half_life_days)
            for event in events
            if event.type in measure.types
        )
        if measure.unit == "orders" and surplus:
            assert direct / (surplus + 1) * (1 - 1e-9) <= row[measure.name] <= direct * (1 + 1e-9), measure.name
        else:
            assert row[measure.name] == pytest.approx(direct, rel=1e-9, abs=1e-12), measure.name


@given(st.lists(ORDERS, min_size=1, max_size=12), st.integers(0, 3000))
def test_a_row_does_not_know_the_rows_beside_it(histories, as_of_day):
    states = [fold(history) for history in histories]
    as_of_us = as_of_day * DAY_US
    together = features(vectors(*states), as_of_us)
    assert together.shape == (len(states), len(FEATURES))
    for row, state in zip(together, states, strict=True):
        np.testing.assert_allclose(row, features(vectors(state), as_of_us)[0], rtol=1e-12, atol=0)


@given(ORDERS, st.integers(0, 3000))
def test_one_state_alone_has_the_same_features(events, as_of_day):
    state, as_of_us = fold(events), as_of_day * DAY_US
    np.testing.assert_allclose(
        features_of_one(numbers(state), as_of_us),
        features(vectors(state), as_of_us)[0],
        rtol=1e-12,
        atol=1e-12,
    )


@given(st.integers(2, 40), st.integers(1, 10**6), st.integers(0, 3600), st.floats(0, 400))
def test_receipts_of_one_visit_are_one_order(receipts, amount, seconds, silence_days):
    """All that a till that books each line leaves is one basket: the features of one receipt of the whole amount."""
    step = seconds / 86_400 / (receipts - 1)
    each = [
        happening(n, e.ORDER_COMPLETED, 90 + n * step, amount_minor=amount, items=1, channel="store")
        for n in range(receipts)
    ]
    whole = happening(0, e.ORDER_COMPLETED, 90, amount_minor=amount * receipts, items=receipts, channel="store")
    as_of_day = 91 + silence_days
    parts, one = feature_row(each, as_of_day), feature_row([whole], as_of_day)
    assert parts["orders"] == 1
    for name, value in one.items():
        assert parts[name] == pytest.approx(value, rel=0.05, abs=1e-3, nan_ok=True), name
    alone = features_of_one(numbers(fold(each)), as_of_day * DAY_US)
    np.testing.assert_allclose(alone, [parts[name] for name in FEATURE_NAMES], rtol=1e-12, atol=1e-12)


def test_who_came_a_second_time_that_day_has_one_order():
    row = feature_row([happening(n, e.ORDER_COMPLETED, day) for n, day in enumerate((90, 90, 90.5))], AS_OF_DAY)
    assert (row["orders"], row["tenure_days"]) == (1, row["recency_days"])
    assert np.isnan([row["last_gap_days"], row["rhythm_days"]]).all()


@pytest.mark.parametrize(("days", "orders", "last_gap"), [
    ((10, 40, 40.1, 40.2), 2, 30.2),
    ((10, 10.1, 40), 2, 29.9),
    ((10, 30, 40, 40.1), 3, nan),  # the last but one of another day is not in the state
    ((10, 10.1, 30, 40), 3, 10),
])  # fmt: skip
def test_receipts_of_one_day_are_one_order_of_everybody(days, orders, last_gap):
    """By hand: counts and rhythm are of days, money is all there; what is left of orders is exact of two days."""
    receipts = [happening(n, e.ORDER_COMPLETED, day, amount_minor=600) for n, day in enumerate(days)]
    row = feature_row(receipts, 70)
    recency, tenure = 70 - days[-1], 70 - days[0]
    assert row["orders"] == orders
    assert row["average_order"] == pytest.approx(600 * len(days) / orders)
    assert row["rhythm_days"] == pytest.approx((tenure - recency) / (orders - 1))
    assert row["last_gap_days"] == pytest.approx(last_gap, nan_ok=True)
    visits = {int(day): day for day in days}.values() if orders > 2 else (days[0], days[-1])
    left = sum(2 ** ((day - 70) / 30) for day in visits)
    assert row["orders_decayed_30d"] == pytest.approx(left, rel=1e-9 if orders == 2 else 0.1)
    assert (row["lapse_chance"], row["pace_orders"]) == pytest.approx(prospects_of_one(orders - 1, recency, tenure))


def test_without_days_receipts_are_orders():
    """As a process of an earlier version leaves a state, until it is filled."""
    state = fold([happening(n, e.ORDER_COMPLETED, day) for n, day in enumerate((10, 40, 40.1))])
    row = dict(
        zip(FEATURE_NAMES, features_of_one(numbers(state | {"order_days": ()}), AS_OF_DAY * DAY_US), strict=True)
    )
    assert row["orders"] == 3
    assert row["last_gap_days"] == pytest.approx(0.1)


def test_no_customers_have_no_rows():
    assert features(np.empty((0, len(NUMERIC))), 0.0).shape == (0, len(FEATURES))


def test_features_leave_the_state_as_it_was():
    states = vectors(fold(HISTORY), EMPTY)
    kept = states.copy()
    states.flags.writeable = False
    features(states, AS_OF_DAY * DAY_US)
    np.testing.assert_array_equal(states, kept)


def test_centuries_after_nothing_overflows():
    with np.errstate(all="raise", under="ignore"):
        row = features(vectors(fold(HISTORY)), 200_000 * DAY_US)[0]
    alone = features_of_one(numbers(fold(HISTORY)), 200_000 * DAY_US)
    assert row[FEATURE_NAMES.index("orders_decayed_7d")] == pytest.approx(0, abs=1e-200)
    np.testing.assert_allclose(alone, row, rtol=1e-12, atol=1e-12)


def test_names_are_unique_and_built_of_base_columns():
    assert len(set(FEATURE_NAMES)) == len(FEATURES)
    assert {part for each in FEATURES for part in (each.plus, each.minus, each.per, each.less)} <= set(BASE)
