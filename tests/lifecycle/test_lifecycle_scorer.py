"""Step tables: one row like many, exact on an edge, the level of its time, and refused when they do not fit."""

import io
from math import exp, inf, log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.events import DAY_US
from app.lifecycle.packing import pack, unpack
from app.lifecycle.scorer import (
    Scorecard,
    StepTables,
    combine,
    place,
    strongest,
)
from app.lifecycle.targets import TARGET_NAMES, logistic, sigmoid
from tests.lifecycle.forecasts import forecast_each

TABLES = StepTables(
    -0.25,
    (np.array([1.0, 2.0]), np.empty(0), np.array([0.0])),
    (np.array([9.0, 0.1, 0.2, 0.3]), np.zeros(2), np.array([-1.0, -2.0, 2.0])),
)
"""Steps are of: unknown, below the first edge, from each edge on."""

NO_LEVEL = (np.array([0]), {target: np.zeros(1) for target in TARGET_NAMES})
CARD = Scorecard(
    TABLES.edges,
    (-0.25, 0.5, 6.0),
    tuple(np.column_stack([steps, -steps, 2 * steps]) for steps in TABLES.steps),
    np.array([10, 20, 40]),
    np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 3.0], [-1.0, 0.0, 5.0]]),
)

BY_HAND = {
    "below every edge": ((0.5, 7.0, -3.0), (0.1, 0.0, -2.0)),
    "exactly on the edges": ((1.0, 7.0, 0.0), (0.2, 0.0, 2.0)),
    "minus zero is zero": ((2.0, 7.0, -0.0), (0.3, 0.0, 2.0)),
    "a hair below an edge": ((np.nextafter(2.0, 0), 0.0, -5e-324), (0.2, 0.0, -2.0)),
    "unknown": ((nan, nan, nan), (9.0, 0.0, -1.0)),
    "without end": ((inf, -inf, -inf), (0.3, 0.0, -2.0)),
}


@pytest.mark.parametrize(("row", "terms"), BY_HAND.values(), ids=BY_HAND)
def test_terms_by_hand(row, terms):
    assert tuple(TABLES.terms(np.array([row]))[0]) == terms
    forecast = CARD.forecast_one(row, 0.0)
    assert forecast.churn_terms == terms
    assert forecast.spend_terms == tuple(2 * term for term in terms)


def test_a_forecast_by_hand():
    """At day 20 the level is (1, −2, 3); the terms of the row are .2, 0 and 2."""
    forecast = CARD.forecast_one((1.0, 7.0, 0.0), 20.0 * DAY_US)
    assert forecast.churn_risk == pytest.approx(1 / (1 + exp(-(-0.25 + 1.0 + 2.2))), rel=1e-12)
    assert forecast.orders == pytest.approx(exp(0.5 - 2.0 - 2.2), rel=1e-12)
    assert forecast.spend_minor == pytest.approx(exp(6.0 + 3.0 + 4.4), rel=1e-12)


@pytest.mark.parametrize(
    ("day", "level"),
    [
        (0.0, (0.0, 0.0, 0.0)),
        (10.0, (0.0, 0.0, 0.0)),
        (15.0, (0.5, -1.0, 1.5)),
        (20.0, (1.0, -2.0, 3.0)),
        (35.0, (-0.5, -0.5, 4.5)),
        (40.0, (-1.0, 0.0, 5.0)),
        (4000.5, (-1.0, 0.0, 5.0)),
    ],
)
def test_the_level_is_linear_between_its_days_and_holds_its_ends(day, level):
    assert CARD.level(day * DAY_US)[:3] == pytest.approx(level, abs=1e-12)


VALUES = st.floats(-1e3, 1e3)
SMALL = st.floats(-5, 5)


@st.composite
def tables_of(draw, edges):
    steps = [draw(st.lists(SMALL, min_size=len(each) + 2, max_size=len(each) + 2)) for each in edges]
    return StepTables(draw(SMALL), tuple(np.array(each) for each in edges), tuple(map(np.array, steps)))


@st.composite
def edges_of(draw, features):
    column = st.lists(VALUES, max_size=6, unique=True).map(sorted)
    return draw(st.lists(column, min_size=features, max_size=features))


@st.composite
def tables_and_rows(draw):
    """Tables of all targets over edges of their own, a level, and rows beside, between and exactly on edges."""
    features = draw(st.integers(1, 5))
    edges = {target: draw(edges_of(features)) for target in TARGET_NAMES}
    tables = {target: draw(tables_of(edges[target])) for target in TARGET_NAMES}
    on_edges = [[value for each in edges.values() for value in each[at]] for at in range(features)]
    cell = [st.sampled_from([*each, nan, inf, -inf]) | VALUES for each in on_edges]
    rows = draw(st.lists(st.tuples(*cell), min_size=1, max_size=8))
    days = np.array(sorted(draw(st.sets(st.integers(0, 100), min_size=1, max_size=4))))
    level = st.lists(SMALL, min_size=len(days), max_size=len(days)).map(np.array)
    levels = {target: draw(level) for target in TARGET_NAMES}
    return tables, days, levels, np.array(rows, np.float64), draw(st.floats(-10, 120)) * DAY_US


@given(tables_and_rows())
def test_one_scorecard_says_what_its_tables_say(drawn):
    """Whatever the edges of each: the bins of all together are finer, and change no term."""
    tables, days, levels, rows, at_us = drawn
    card = combine(tables, days, levels)
    forecasts = forecast_each(card, rows, at_us)
    assert [list(each.churn_terms) for each in forecasts] == tables["churn"].terms(rows).tolist()
    assert [list(each.spend_terms) for each in forecasts] == tables["spend"].terms(rows).tolist()
    link = tables["orders"].intercept + np.interp(at_us / DAY_US, days, levels["orders"])
    expected = link + tables["orders"].terms(rows).sum(axis=1)
    assert [log(each.orders) for each in forecasts] == pytest.approx(expected, abs=1e-9)


@given(tables_and_rows())
def test_one_row_has_the_forecast_it_has_among_many(drawn):
    tables, days, levels, rows, at_us = drawn
    card = combine(tables, days, levels)
    each = forecast_each(card, rows, at_us)
    ones = [card.forecast_one(row, at_us) for row in rows.tolist()]
    assert [
        one._replace(
            churn_terms=list(one.churn_terms), spend_terms=list(one.spend_terms), orders_terms=list(one.orders_terms)
        )
        for one in ones
    ] == each
    columns = card.forecast(rows, at_us)
    assert columns.churn_risk.tolist() == [one.churn_risk for one in ones]
    assert columns.orders.tolist() == [one.orders for one in ones]
    assert columns.spend_minor.tolist() == [one.spend_minor for one in ones]


def test_many_rows_are_looked_up_in_blocks_and_come_out_in_order():
    rows = np.random.default_rng(5).normal(1.0, 1.0, (20_000, 3))
    columns = CARD.forecast(rows, 12.5 * DAY_US)
    for at in (0, 8191, 8192, 16_384, 19_999):
        one = CARD.forecast_one(rows[at].tolist(), 12.5 * DAY_US)
        assert (columns.churn_risk[at], columns.orders[at]) == pytest.approx((one.churn_risk, one.orders), rel=1e-12)


def test_nobody_is_forecast_of_nobody():
    assert [len(column) for column in CARD.forecast(np.empty((0, 3)), 0.0)] == [0, 0, 0]
    assert forecast_each(CARD, np.empty((0, 3)), 0.0) == []


def test_equal_edges_are_kept_once():
    card = combine(dict.fromkeys(TARGET_NAMES, TABLES), *NO_LEVEL)
    assert [each.tolist() for each in card.edges] == [each.tolist() for each in TABLES.edges]


@given(tables_and_rows())
def test_packed_tables_come_back_through_a_file(drawn):
    tables, days, levels, rows, at_us = drawn
    card, file = combine(tables, days, levels), io.BytesIO()
    np.savez(file, **pack(card))  # type: ignore[arg-type]  # no array is named allow_pickle
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        back = unpack(arrays, len(card.edges))
    assert back.intercepts == card.intercepts
    assert forecast_each(back, rows, at_us) == forecast_each(card, rows, at_us)


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="zip"):
        CARD.forecast_one([1.0, 2.0], 0.0)


STEPS = pack(CARD)["churn.steps"]
MISFITS = {
    "features of another number": {"features": 4},
    "an edge too few": {"edges": np.array([1.0, 2.0])},
    "a step too many": {"churn.steps": np.append(STEPS, 0.0)},
    "a step too few": {"spend.steps": STEPS[:-1]},
    "steps in a square": {"orders.steps": STEPS[:, None]},
    "a step that is no number": {"churn.steps": np.where(np.arange(len(STEPS)) == 2, nan, STEPS)},
    "an infinite step": {"orders.steps": np.where(np.arange(len(STEPS)) == 2, inf, STEPS)},
    "steps beyond all numbers": {"spend.steps": 1e6 * STEPS},
    "a count below none": {"edge_counts": np.array([4, -1, 0])},
    "an edge that is no number": {"edges": np.array([1.0, nan, 0.0])},
    "edges that do not ascend": {"edges": np.array([2.0, 1.0, 0.0])},
    "an edge twice": {"edges": np.array([1.0, 1.0, 0.0])},
    "no intercept": {"churn.intercept": np.empty(0)},
    "an intercept that is no number": {"spend.intercept": np.array([nan])},
    "no day of the level": {"level.days": np.empty(0, np.int64)},
    "days that do not ascend": {"level.days": np.array([10, 20, 20])},
    "a level too many": {"level.orders": np.zeros(4)},
    "a level that is no number": {"level.spend": np.array([0.0, nan, 0.0])},
}


@pytest.mark.parametrize("changes", MISFITS.values(), ids=MISFITS)
def test_arrays_that_do_not_fit_are_refused(changes):
    features = changes.get("features", 3)
    with pytest.raises(ValueError, match="step tables"):
        unpack({**pack(CARD), **changes}, features)


@pytest.mark.parametrize("name", pack(CARD))
def test_a_missing_array_is_refused(name):
    arrays = pack(CARD)
    del arrays[name]
    with pytest.raises(KeyError, match=name):
        unpack(arrays, 3)


@pytest.mark.parametrize("log_odds", [-20.0, -3.0, -0.1, 0.0, 0.7, 5.0, 20.0])
def test_log_odds_become_probabilities(log_odds):
    assert logistic(log_odds) == pytest.approx(1 / (1 + exp(-log_odds)), rel=1e-6)
    assert sigmoid(np.array([log_odds]))[0] == pytest.approx(logistic(log_odds), rel=1e-12)


@pytest.mark.parametrize(("log_odds", "probability"), [(-1e6, 0.0), (1e6, 1.0), (-inf, 0.0), (inf, 1.0)])
def test_extreme_log_odds_neither_overflow_nor_leave_the_unit_interval(log_odds, probability):
    with np.errstate(all="raise"):
        assert logistic(log_odds) == probability
        assert sigmoid(np.array([log_odds]))[0] == probability


@given(st.floats(-800, 800), st.floats(-800, 800))
def test_more_log_odds_are_never_less_probable(one, other):
    low, high = sorted((one, other))
    assert 0 <= logistic(low) <= logistic(high) <= 1


def test_reasons_are_the_strongest_terms_either_way():
    assert strongest([0.1, -0.9, 0.0, 0.5], 2) == [1, 3]
    assert strongest([0.1, -0.9, 0.0, 0.5], 9) == [1, 3, 0]
    assert strongest([0.0, 0.0], 5) == []


def test_equal_terms_keep_the_order_of_their_features():
    assert strongest([0.2, -0.5, 0.5, -0.2], 4) == [1, 2, 0, 3]


@given(tables_and_rows())
def test_a_card_over_features_more_says_the_same(drawn):
    """To the last bit, wherever the features are that it does not know, and whatever their values."""
    tables, days, levels, rows, at_us = drawn
    card = combine(tables, days, levels)
    places = [None, *(place for at in range(len(card.edges)) for place in (at, None))]
    more = np.full((len(rows), len(places)), np.nan)
    more[:, 0] = 7.0
    more[:, 1::2] = rows
    wider = place(card, places)
    assert wider.links(more, at_us).tolist() == card.links(rows, at_us).tolist()
    for told, known in zip(forecast_each(wider, more, at_us), forecast_each(card, rows, at_us), strict=True):
        assert told[:3] == known[:3]
        assert (told.churn_terms[1::2], set(told.churn_terms[::2])) == (known.churn_terms, {0.0})
    for row, wide in zip(rows.tolist(), more.tolist(), strict=True):
        assert wider.forecast_one(wide, at_us)[:3] == card.forecast_one(row, at_us)[:3]
