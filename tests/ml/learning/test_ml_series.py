"""The sum and the integral against the closed form where SciPy serves, and against quadrature where not."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import hyp2f1

from ml.learning.series import log_tail, purchases_until_drop_out


@pytest.mark.parametrize("reach", [1e-4, 0.3, 2.0, 8.0])
@pytest.mark.parametrize(("a", "b"), [(0.793, 2.426), (0.2, 5.5), (3.3, 1.2)])
@pytest.mark.parametrize("shape", [0.243, 3.243, 60.0])
def test_mean_is_the_published_closed_form(shape, reach, a, b):
    """The bracket of equation 10 of Fader, Hardie & Lee 2005, for b + x = b."""
    z = reach / (1 + reach)
    paper = (a + b - 1) / (a - 1) * (1 - (1 - z) ** shape * hyp2f1(shape, b, a + b - 1, z))
    mean = purchases_until_drop_out(np.array([shape]), np.array([reach]), a, np.array([b]))
    assert mean == pytest.approx([paper], rel=1e-8)


def test_mean_without_drop_out_is_the_negative_binomials():
    shape, reach = np.array([0.3, 5.0, 300.0, 0.3]), np.array([0.2, 3.0, 0.1, 500.0])
    mean = purchases_until_drop_out(shape, reach, 1e-12, np.ones(4))
    assert mean == pytest.approx(shape * reach, rel=1e-7)


def test_certain_drop_out_leaves_the_first_purchase():
    mean = purchases_until_drop_out(np.array([2.0, 900.0]), np.array([1.0, 50.0]), 1e12, np.ones(2))
    assert mean == pytest.approx([0.75, 1.0], rel=1e-9)


def test_mean_is_continuous_where_the_method_changes():
    """Sum below, quadrature above 400 terms: shape * reach + 30 * (1 + reach) passes 400 between these."""
    reach = np.array([11.744186, 11.744187])
    for a, b in [(0.8, 2.4), (1.0, 0.05), (40.0, 300.0)]:
        below, above = purchases_until_drop_out(np.full(2, 1.5), reach, a, np.full(2, b))
        assert above == pytest.approx(below, rel=1e-6)


def test_mean_of_an_empty_horizon_is_zero():
    assert purchases_until_drop_out(np.array([2.0]), np.array([0.0]), 0.8, np.array([2.0])) == [0.0]


@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.1001, 0.0999, 1e-3, 1e-6])
@pytest.mark.parametrize("q", [0.05, 0.9999999, 1.0, 1.606, 20.0])
@pytest.mark.parametrize("p", [1.0000001, 2.5, 40.0])
def test_tail_is_the_integral(p, q, ratio):
    """From 0 on with offsets 1 and `ratio`, over t = e^u: SciPy's hyp2f1 alone fails in half of these."""

    def integrand(u):
        return np.exp(u - p * np.logaddexp(0.0, u) - q * np.logaddexp(np.log(ratio), u))

    edges = [-60.0, *np.arange(-20.0, 21.0, 5.0), 40.0, 80.0, 160.0, 320.0, 640.0]
    pieces = [quad(integrand, *edge, epsabs=1e-300, epsrel=1e-10)[0] for edge in pairwise(edges)]
    tail = log_tail(np.zeros(1), np.array([p]), 1.0, np.array([q]), ratio)
    assert tail == pytest.approx([np.log(sum(pieces))], abs=1e-8)


def test_tail_does_not_care_which_offset_is_named_first():
    start, p, q = np.array([0.0, 3.0]), np.array([4.0, 90.0]), np.array([0.6, 1.6])
    assert log_tail(start, p, 2.0, q, 11.0) == pytest.approx(log_tail(start, q, 11.0, p, 2.0), rel=1e-12)
