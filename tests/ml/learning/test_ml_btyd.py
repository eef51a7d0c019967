"""Closed forms against hand calculation, the published CDNOW results, quadrature and simulation."""

import os
from dataclasses import astuple
from math import exp, expm1, gamma
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from ml.evaluation.metrics import auc, mae, pearson, rmse
from ml.learning.btyd import BgNbd, FitError, GammaGamma, ParetoNbd

DATA = Path(os.environ.get("PERENNIAL_TEST_DATA", Path(__file__).parents[3] / "../shared/data"))

BG = BgNbd(r=1.7, alpha=5.0, a=1.4, b=2.6)
PARETO = ParetoNbd(r=1.7, alpha=5.0, s=1.6, beta=9.0)
HISTORIES = [(0, 0.0, 7.0), (2, 3.5, 7.0), (4, 6.9, 7.0)]
BOTH = pytest.mark.parametrize("model", [BG, PARETO], ids=["bg_nbd", "pareto_nbd"])
BOTH_KINDS = pytest.mark.parametrize("kind", [BgNbd, ParetoNbd])


@pytest.fixture(scope="module")
def cdnow():
    """Histories in weeks to 1997-09-30 by distinct days, spend a repeat day, purchase days after."""
    path = DATA / "cdnow.parquet"
    if not path.exists():
        pytest.skip(f"needs {path.name} in PERENNIAL_TEST_DATA")
    query = """
        with days as (
            select customer_id, "timestamp"::date as day, sum(amount) as spend,
                   row_number() over (partition by customer_id order by day) as visit,
                   day <= '1997-09-30' as seen
            from read_parquet(?) where in_sample_2357 group by customer_id, day)
        select count(*) filter (where seen) - 1 as x,
               (max(day) filter (where seen) - min(day)) / 7 as t_x,
               (date '1997-09-30' - min(day)) / 7 as age,
               coalesce(avg(spend) filter (where seen and visit > 1), 0) as repeat_spend,
               count(*) filter (where not seen) as ahead
        from days group by customer_id
    """
    duckdb = pytest.importorskip("duckdb")
    columns = duckdb.execute(query, [str(path)]).fetchnumpy()
    return {name: np.asarray(column, dtype=float) for name, column in columns.items()}


def history_of(customers):
    return customers["x"], customers["t_x"], customers["age"]


def drop_out_after_purchase(customers, age, horizon, rng):
    """BG: x, t_x, purchases within the horizon, one customer at a time as the model tells it."""
    rate, p = rng.gamma(BG.r, 1 / BG.alpha, customers), rng.beta(BG.a, BG.b, customers)
    rows = np.zeros((customers, 3))
    for i in range(customers):
        at = rng.exponential(1 / rate[i])
        while at <= age[i] + horizon:
            seen = at <= age[i]
            rows[i] = (rows[i, 0] + 1, at, 0) if seen else (*rows[i, :2], rows[i, 2] + 1)
            at = np.inf if rng.random() < p[i] else at + rng.exponential(1 / rate[i])
    return rows.T


def die_at_a_time(customers, age, horizon, rng):
    """Pareto: the same, with an exponential lifetime."""
    rate, death = (
        rng.gamma(PARETO.r, 1 / PARETO.alpha, customers),
        rng.gamma(PARETO.s, 1 / PARETO.beta, customers),
    )
    end = np.minimum(rng.exponential(1 / death), age + horizon)
    rows = np.zeros((customers, 3))
    for i in range(customers):
        times = np.sort(rng.uniform(0, end[i], rng.poisson(rate[i] * end[i])))
        seen = times[times <= age[i]]
        rows[i] = (seen.size, seen.max(initial=0.0), times.size - seen.size)
    return rows.T


SIMULATIONS = pytest.mark.parametrize(
    ("model", "simulate"),
    [(BG, drop_out_after_purchase), (PARETO, die_at_a_time)],
    ids=["bg_nbd", "pareto_nbd"],
)


@pytest.mark.parametrize(
    ("model", "likelihood", "alive", "silent"),
    [(BgNbd(1, 1, 1, 1), 5 / 32, 1 / 5, 17 / 20), (ParetoNbd(1, 1, 1, 1), 5 / 96, 3 / 10, 33 / 40)],
    ids=["bg_nbd", "pareto_nbd"],
)
def test_one_repeat_by_hand(model, likelihood, alive, silent):
    """x = 1, t_x = 1, T = 3, horizon 4, every parameter 1: fractions worked out on paper."""
    assert np.exp(model.log_likelihood(1, 1, 3)) == pytest.approx([likelihood])
    assert model.probability_alive(1, 1, 3) == pytest.approx([alive])
    assert model.probability_no_purchase(1, 1, 3, 4) == pytest.approx([silent])


def test_one_time_buyer_by_hand():
    assert np.exp(ParetoNbd(1, 1, 1, 1).log_likelihood(0, 0, 1)) == pytest.approx([5 / 8])
    assert ParetoNbd(1, 1, 1, 1).expected_purchases(0, 0, 1, 2) == pytest.approx([2 / 5 * np.log(2)])
    assert np.exp(BgNbd(2, 3, 1, 1).log_likelihood(0, 0, 1)) == pytest.approx([9 / 16])
    assert BgNbd(2, 3, 1, 1).probability_alive(0, 0, 1) == pytest.approx([1.0])


def gamma_density(shape, scale_time):
    return lambda v: scale_time**shape * v ** (shape - 1) * exp(-scale_time * v) / gamma(shape)


def beta_density(a, b):
    return lambda p: p ** (a - 1) * (1 - p) ** (b - 1) * gamma(a + b) / gamma(a) / gamma(b)


def bg_integrands(x, t_x, age, horizon):
    """Of one customer with a known rate and drop-out probability p, times what else was observed."""

    def alive(rate, p):
        return (1 - p) ** x * rate**x * exp(-rate * age)

    def gone(rate, p):
        return p * (1 - p) ** (x - 1) * rate**x * exp(-rate * t_x) if x else 0.0

    return {
        "likelihood": lambda rate, p: alive(rate, p) + gone(rate, p),
        "alive": alive,
        "silent": lambda rate, p: alive(rate, p) * exp(-rate * horizon) + gone(rate, p),
        "purchases": lambda rate, p: alive(rate, p) * -expm1(-rate * p * horizon) / p,
    }


def pareto_integrands(x, t_x, age, horizon):
    """Of one customer with known rates of purchase and death, times what else was observed."""

    def alive(rate, death):
        return rate**x * exp(-(rate + death) * age)

    def gone(rate, death):
        total = rate + death
        return rate**x * death / total * (exp(-total * t_x) - exp(-total * age))

    def silent_if_alive(rate, death):
        total = rate + death
        return (death + rate * exp(-total * horizon)) / total

    return {
        "likelihood": lambda rate, death: alive(rate, death) + gone(rate, death),
        "alive": alive,
        "silent": lambda rate, death: alive(rate, death) * silent_if_alive(rate, death) + gone(rate, death),
        "purchases": lambda rate, death: alive(rate, death) * rate / death * -expm1(-death * horizon),
    }


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize(
    ("model", "integrands", "second", "second_top"),
    [
        (BG, bg_integrands, beta_density(BG.a, BG.b), 1.0),
        (PARETO, pareto_integrands, gamma_density(PARETO.s, PARETO.beta), 4.0),
    ],
    ids=["bg_nbd", "pareto_nbd"],
)
def test_closed_forms_integrate_the_individual_model(model, integrands, second, second_top, history):
    rate, rate_top, horizon = gamma_density(model.r, model.alpha), 6.0, 6.0

    def averaged(integrand):
        def inner(b):
            return quad(lambda a: integrand(a, b) * rate(a), 0, rate_top, epsabs=0, epsrel=1e-7)[0]

        return quad(lambda b: inner(b) * second(b), 0, second_top, epsabs=0, epsrel=1e-6)[0]

    means = {name: averaged(integrand) for name, integrand in integrands(*history, horizon).items()}
    computed = {
        "likelihood": np.exp(model.log_likelihood(*history)),
        "alive": model.probability_alive(*history) * means["likelihood"],
        "silent": model.probability_no_purchase(*history, horizon) * means["likelihood"],
        "purchases": model.expected_purchases(*history, horizon) * means["likelihood"],
    }
    assert {name: value.item() for name, value in computed.items()} == pytest.approx(means, rel=1e-5)


@SIMULATIONS
def test_predictions_hold_in_simulation(model, simulate):
    """In each third of predicted risk, the share without a purchase and the mean count are as predicted."""
    rng = np.random.default_rng(20110612)
    age = rng.uniform(5, 30, 6000)
    x, t_x, ahead = simulate(6000, age, 8.0, rng)
    risk = model.probability_no_purchase(x, t_x, age, 8.0)
    expected = model.expected_purchases(x, t_x, age, 8.0)
    for third in np.array_split(np.argsort(risk), 3):
        silent, count = ahead[third] == 0, ahead[third]
        assert abs(silent.mean() - risk[third].mean()) < 4 * silent.std() / third.size**0.5 + 1e-3
        assert abs(count.mean() - expected[third].mean()) < 4 * count.std() / third.size**0.5


@SIMULATIONS
def test_fit_finds_the_simulated_population(model, simulate):
    rng = np.random.default_rng(7)
    age = np.full(6000, 30.0)
    x, t_x, _ = simulate(6000, age, 0.0, rng)
    fitted = type(model).fit(x, t_x, age)
    assert fitted.log_likelihood(x, t_x, age).sum() >= model.log_likelihood(x, t_x, age).sum()
    assert fitted.r == pytest.approx(model.r, rel=0.25)
    assert fitted.r / fitted.alpha == pytest.approx(model.r / model.alpha, rel=0.1)
    risks = [each.probability_no_purchase(x, t_x, age, 10.0) for each in (fitted, model)]
    assert np.abs(risks[0] - risks[1]).max() < 0.05


@SIMULATIONS
def test_fit_is_a_maximum_in_any_unit_and_multiplicity(model, simulate):
    rng = np.random.default_rng(11)
    age = rng.integers(5, 30, 500).astype(float)
    x, t_x, _ = simulate(500, age, 0.0, rng)
    fitted = type(model).fit(x, t_x, age)
    best = fitted.log_likelihood(x, t_x, age).sum()
    names = list(type(model).__dataclass_fields__)
    for name in names:
        for factor in (0.97, 1.03):
            moved = {other: getattr(fitted, other) * (factor if other == name else 1) for other in names}
            assert type(model)(**moved).log_likelihood(x, t_x, age).sum() < best
    again = type(model).fit(
        *(np.tile(7 * column if unit else column, 2) for column, unit in [(x, 0), (t_x, 1), (age, 1)])
    )
    for name in names:
        scale = 7 if name in ("alpha", "beta") else 1
        assert getattr(again, name) == pytest.approx(scale * getattr(fitted, name), rel=5e-3)


@BOTH
def test_silence_grows_less_likely_with_the_horizon(model):
    x, t_x, age = (np.array(column)[:, None] for column in zip(*HISTORIES, strict=True))
    silent = model.probability_no_purchase(
        *(np.repeat(column, 5) for column in (x, t_x, age)), np.tile([0.0, 0.1, 5.0, 90.0, 3650.0], 3)
    ).reshape(3, 5)
    assert (silent[:, 0] == 1).all()
    assert (np.diff(silent) < 0).all()
    assert (silent > 0).all()


@BOTH
def test_nobody_is_expected_to_buy_less_than_the_chance_to_buy_at_all(model):
    for horizon in (0.0, 1e-6, 3.0, 400.0):
        for history in HISTORIES:
            bought = 1 - model.probability_no_purchase(*history, horizon)
            assert model.expected_purchases(*history, horizon) >= bought - 1e-12


@pytest.mark.parametrize(
    "model",
    [
        BgNbd(0.243, 4.414, 0.793, 2.426),
        ParetoNbd(0.553, 10.578, 0.606, 11.669),
        ParetoNbd(0.77, 74.5, 148.0, 6e5),
        ParetoNbd(0.8, 9e3, 1.0, 0.5),
        BgNbd(1e-4, 1e-3, 1e-4, 1e4),
    ],
)
def test_extreme_histories_stay_finite(model):
    x = np.array([300, 300, 0, 0, 1, 5000, 0])
    t_x = np.array([0, 3000, 0, 0, 3000, 1, 0])
    age = np.array([3000, 3000, 3000, 0, 3000, 1, 1e5])
    assert np.isfinite(model.log_likelihood(x, t_x, age)).all()
    for horizon in (0.0, 1e-9, 90.0, 3650.0):
        risk = model.probability_no_purchase(x, t_x, age, horizon)
        assert ((risk >= 0) & (risk <= 1)).all()
        assert np.isfinite(model.expected_purchases(x, t_x, age, horizon)).all()
    alive = model.probability_alive(x, t_x, age)
    assert ((alive >= 0) & (alive <= 1)).all()


def test_three_hundred_purchases_then_silence_is_a_customer_lost():
    for model in (BgNbd(0.243, 4.414, 0.793, 2.426), ParetoNbd(0.553, 10.578, 0.606, 11.669)):
        assert model.probability_no_purchase(300, 0.5, 3000, 90) > 0.999
        assert model.probability_no_purchase(300, 3000, 3000, 90) < 0.01


def test_pareto_passes_smoothly_where_shapes_and_rates_meet():
    """s = 1 and alpha = beta are removable poles of the paper's formulas."""
    history = (2, 3.5, 7.0)
    for shift in (-1e-9, 1e-9):
        at, near = ParetoNbd(1.7, 5, 1, 5), ParetoNbd(1.7, 5 + shift, 1 + shift, 5)
        assert near.log_likelihood(*history) == pytest.approx(at.log_likelihood(*history), abs=1e-7)
        assert near.expected_purchases(*history, 6) == pytest.approx(at.expected_purchases(*history, 6), abs=1e-7)


@BOTH_KINDS
@pytest.mark.parametrize(
    ("x", "t_x", "age", "sentence"),
    [
        ([0, 0, 0], [0, 0, 0], [5, 9, 2], "Nobody bought again"),
        ([], [], [], "Nobody bought again"),
        ([1, 2], [4, 9], [5, 8], "t_x <= age"),
        ([1, 2], [4, np.nan], [5, 8], "finite"),
        ([-1, 2], [0, 3], [5, 8], "x >= 0"),
    ],
)
def test_unfittable_histories_are_refused_in_a_sentence(kind, x, t_x, age, sentence):
    with pytest.raises(FitError, match=sentence):
        kind.fit(x, t_x, age)


@BOTH_KINDS
def test_one_loyal_customer_is_enough_for_a_usable_model(kind):
    model = kind.fit([12], [11.5], [12])
    assert 0 <= model.probability_no_purchase(12, 11.5, 12, 6).item() < 0.2


def test_parameters_are_positive():
    with pytest.raises(ValueError, match="positive"):
        BgNbd(1, 0, 1, 1)


def test_spend_is_shrunk_towards_the_population():
    model = GammaGamma(p=2, q=3, gamma=10)
    assert model.expected_spend([0, 2, 1000], [np.nan, 20, 20]) == pytest.approx([10, 50 / 3, 20], rel=1e-2)
    assert np.isnan(GammaGamma(p=2, q=0.5, gamma=10).expected_spend(0, 0)).all()


def test_spend_density_integrates_to_one():
    model = GammaGamma(p=2, q=3, gamma=10)
    spend = np.linspace(1e-3, 4000, 400_001)
    assert np.trapezoid(np.exp(model.log_likelihood(3, spend)), spend) == pytest.approx(1, abs=1e-5)


def test_spend_fit_finds_the_simulated_population():
    rng = np.random.default_rng(3)
    count = rng.integers(0, 8, 8000)
    mean = rng.gamma(4 * np.maximum(count, 1), 1 / rng.gamma(3, 1 / 25, 8000)) / np.maximum(count, 1)
    fitted = GammaGamma.fit(count, mean)
    assert (fitted.p, fitted.q, fitted.gamma) == pytest.approx((4, 3, 25), rel=0.1)


@pytest.mark.parametrize(("count", "mean"), [([0, 0], [0, 0]), ([1, 2], [0, -3]), ([1, 5], [9.5, 9.5])])
def test_spend_without_variation_is_refused_in_a_sentence(count, mean):
    with pytest.raises(FitError, match="different, finite mean spends"):
        GammaGamma.fit(count, mean)


@pytest.mark.parametrize(
    ("kind", "parameters", "log_likelihood", "area", "errors"),
    [
        (BgNbd, [0.243, 4.414, 0.793, 2.426], -9582.4, 0.7569, [0.786, 1.608, 0.626]),
        (ParetoNbd, [0.553, 10.578, 0.606, 11.669], -9595.0, 0.7712, [0.755, 1.603, 0.630]),
    ],
)
def test_cdnow_is_as_published(cdnow, kind, parameters, log_likelihood, area, errors):
    """Parameters and likelihood of Fader, Hardie & Lee 2005, table 2; 39 weeks of hold-out as measured."""
    history, ahead = history_of(cdnow), cdnow["ahead"]
    model = kind.fit(*history)
    assert [round(value, 3) for value in astuple(model)] == parameters
    assert model.log_likelihood(*history).sum() == pytest.approx(log_likelihood, abs=0.05)
    risk, expected = (predict(*history, 39) for predict in (model.probability_no_purchase, model.expected_purchases))
    assert auc(ahead == 0, risk) == pytest.approx(area, abs=1e-4)
    assert [metric(ahead, expected) for metric in (mae, rmse, pearson)] == pytest.approx(errors, abs=1e-3)


def test_cdnow_spend_is_as_published(cdnow):
    """Fader & Hardie 2013, section 4."""
    model = GammaGamma.fit(cdnow["x"], cdnow["repeat_spend"])
    assert [round(value, 2) for value in astuple(model)] == [6.25, 3.74, 15.44]
