"""Ratios of sums over persons, as the margin of an order: by the delta method, beside a library that knows it."""

import numpy as np
import pyarrow as pa
import pytest
import tea_tasting as tt

from app.lifecycle.split_readings import NOBODY, read_sides


def persons(draw, count, *, lift=0.0):
    """Orders, what they earned and visits: who orders often orders for less, so that they are no independent rows."""
    orders = draw.poisson(draw.gamma(1.5, 0.8, count))
    earned = orders * draw.gamma(4.0, 5.0 / (1.0 + 0.3 * orders)) + orders * lift
    return {"orders": orders, "earned": earned, "visits": orders + draw.poisson(2.0, count)}


def sums_of(told):
    orders, earned, visits = (np.asarray(told[name], float) for name in ("orders", "earned", "visits"))
    count = len(orders)
    return NOBODY._replace(
        persons=count,
        counted=count,
        buyers=int((orders > 0).sum()),
        orders=orders.sum(),
        orders_squares=(orders**2).sum(),
        earned=earned.sum(),
        earned_squares=(earned**2).sum(),
        earned_orders=(earned * orders).sum(),
        visits=visits.sum(),
        visits_squares=(visits**2).sum(),
        orders_visits=(orders * visits).sum(),
    )


RATIOS = {"value_per_order": ("earned", "orders"), "orders_per_visit": ("orders", "visits")}


@pytest.mark.parametrize("metric", RATIOS)
def test_it_is_what_tea_tasting_says(metric):
    draw = np.random.default_rng(4)
    told = persons(draw, 700), persons(draw, 900, lift=2.0)
    reading = read_sides(sums_of(told[0]), sums_of(told[1]), metric, 1.0, 0.5)
    columns = {name: np.concatenate([side[name] for side in told]) for name in told[0]}
    table = pa.table({"variant": np.repeat([0, 1], [700, 900]), **columns})
    ratio = tt.RatioOfMeans(*RATIOS[metric], use_t=False)
    theirs = tt.Experiment(ratio=ratio).analyze(table)["ratio"]
    assert reading.fixed is not None
    assert reading.fixed.estimate == pytest.approx(theirs.effect_size, rel=1e-9)
    assert reading.fixed.low == pytest.approx(theirs.effect_size_ci_lower, rel=1e-6)
    assert reading.fixed.high == pytest.approx(theirs.effect_size_ci_upper, rel=1e-6)
    assert reading.adjusted is None
    assert reading.any_time is not None
    assert reading.any_time.low < reading.fixed.low < reading.fixed.high < reading.any_time.high


@pytest.mark.parametrize("metric", RATIOS)
def test_where_nothing_differs_it_says_so_nineteen_times_of_twenty(metric):
    draw = np.random.default_rng(7)
    alarms = []
    for _ in range(600):
        found = read_sides(sums_of(persons(draw, 400)), sums_of(persons(draw, 400)), metric, 1.0, 0.5).fixed
        assert found is not None
        alarms.append(not found.low < 0 < found.high)
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize("metric", RATIOS)
def test_what_nothing_is_divided_by_says_nothing(metric):
    nobody = NOBODY._replace(persons=200, counted=200)
    some = sums_of(persons(np.random.default_rng(1), 200))
    for a, b in ((nobody, some), (some, nobody), (NOBODY, NOBODY)):
        reading = read_sides(a, b, metric, 1.0, 0.5)
        assert (reading.fixed, reading.adjusted, reading.any_time) == (None, None, None)
    assert nobody.ratio(metric) is None
