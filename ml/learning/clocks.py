"""The clocks of a shop, learned from what was bought before a day: rhythms first, then what came of their hazards.

Calibration is learned at cut-offs whose horizon ends before that day, with rhythms of before the first of them: a
history that has made the rhythms does not also tell how true they are.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from app.lifecycle.clocks.clock import KINDS, TERMS, WEEK_DAYS, ClockTables, find_kinds
from app.lifecycle.clocks.renewal import Bought, Ints
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from ml.data.purchases import Purchases
from ml.learning.renewals import fit_renewal

CUTOFFS: Final = 8
"""Weeks of the past by which probabilities are calibrated."""
_HORIZONS: Final = (WEEK_DAYS, 28.0)
_ROWS: Final = 200_000
_KNOTS: Final = 40
_FEWEST_BOUGHT: Final = 200
_BOUNDS: Final = ((-20.0, 20.0), *[(0.0, 3.0)] * 5, *[(-3.0, 0.0)] * 2)
"""Of the bias, and of the weights of TERMS."""
_SEED: Final = 17


class TooFewPurchases(ValueError):
    """The history cannot teach clocks; the message says why in a sentence."""


class Pairs(NamedTuple):
    """(n,) each, of whoever bought an item before a day, by customer and item."""

    customers: Ints
    items: Ints
    bought: Bought
    orders: Bought
    """The customer's orders."""
    as_of_us: int

    def some(self, which: NDArray[np.bool_] | Ints) -> "Pairs":
        """Those at some places."""
        bought, orders = (Bought(*(column[which] for column in part)) for part in (self.bought, self.orders))
        return Pairs(self.customers[which], self.items[which], bought, orders, self.as_of_us)


def find_pairs(purchases: Purchases, orders: Purchases, day: float) -> Pairs:
    """What was known at the beginning of a day. `orders` are `purchases.as_orders()`."""
    known, visits = purchases.before(day), orders.before(day)
    starts, visit_starts = known.starts(), visits.starts()
    customers = known.customers[starts]
    of_customer = _sum_up(visits, visit_starts)
    at = np.searchsorted(visits.customers[visit_starts], customers)
    theirs = Bought(*(column[at] for column in of_customer))
    return Pairs(customers, known.items[starts], _sum_up(known, starts), theirs, round(day * DAY_US))


def _sum_up(known: Purchases, starts: Ints) -> Bought:
    ends = np.append(starts[1:], len(known.days))
    if not len(starts):
        return Bought(*np.zeros((4, 0)))
    quantity = np.add.reduceat(known.quantities, starts)
    return Bought(
        (ends - starts).astype(np.float64), quantity, known.days[starts] * DAY_US, known.days[ends - 1] * DAY_US
    )


def find_bought(purchases: Purchases, pairs: Pairs, day: float, days: float) -> NDArray[np.bool_]:
    """(n,): whether each was bought in [day, day + days)."""
    after = (purchases.days >= day) & (purchases.days < day + days)
    width = len(purchases.item_ids)
    came = np.unique(purchases.customers[after] * width + purchases.items[after])
    return np.isin(pairs.customers * width + pairs.items, came, assume_unique=True)


def fit_clock(purchases: Purchases, day: float, orders: Purchases | None = None) -> ClockTables:
    """From what was bought before `day` (days since 1970). `orders` are `purchases.as_orders()`, of whoever has made
    them: sorting is what takes time. Raises TooFewPurchases."""
    past = purchases.before(day)
    visits = (purchases.as_orders() if orders is None else orders).before(day)
    cutoffs = [day - WEEK_DAYS * (number + 1) for number in range(CUTOFFS)]
    if not len(past.days) or past.days.min() > cutoffs[-1] - 2 * _HORIZONS[-1]:
        raise TooFewPurchases(f"clocks need {CUTOFFS + 8} weeks of purchases")
    early = _fit_rhythms(past, visits, cutoffs[-1])
    rows = _calibration_rows(past, visits, early, cutoffs, day)
    bias, weights = _fit_weights(rows.terms, rows.came)
    hazards, curves = _fit_curves(bias + weights @ rows.terms, rows)
    late = _fit_rhythms(past, visits, day, early)
    return ClockTables(past.item_ids, past.category_ids, late.items, late.visits, bias, weights, hazards, curves)


def _fit_rhythms(past: Purchases, visits: Purchases, day: float, like: ClockTables | None = None) -> ClockTables:
    """Not calibrated: the hazard of the item alone."""
    before, orders = past.before(day), visits.before(day)
    items = fit_renewal(before, day, before.categories, None if like is None else like.items)
    coming = fit_renewal(orders, day, orders.categories, None if like is None else like.visits)
    alone, straight = np.zeros(len(TERMS)), np.tile([-20.0, 5.0], (len(KINDS), 1))
    alone[0] = 1.0
    return ClockTables(past.item_ids, past.category_ids, items, coming, 0.0, alone, straight, straight)


class _Rows(NamedTuple):
    """Terms (TERMS, n), and (n,) each: kind, whether it was bought, within how many days."""

    terms: Floats
    kinds: Ints
    came: NDArray[np.bool_]
    days: Floats


def _calibration_rows(
    past: Purchases, orders: Purchases, tables: ClockTables, cutoffs: list[float], day: float
) -> _Rows:
    """Of horizons that end by `day`."""
    generator = np.random.default_rng(_SEED)
    parts = []
    for cutoff in cutoffs:
        pairs = find_pairs(past, orders, cutoff)
        if len(pairs.items) > _ROWS:
            pairs = pairs.some(np.sort(generator.choice(len(pairs.items), _ROWS, replace=False)))
        for days in _HORIZONS:
            if cutoff + days <= day:
                read = tables.read(pairs.bought, pairs.items, pairs.orders, pairs.as_of_us, days)
                kinds = find_kinds(~np.isnan(read.due_us), read.waiting, days)
                came = find_bought(past, pairs, cutoff, days)
                parts.append(_Rows(read.terms, kinds, came, np.full(len(came), days)))
    return _Rows(*(np.concatenate(each, axis=-1) for each in zip(*parts, strict=True)))


def _fit_weights(terms: Floats, came: NDArray[np.bool_]) -> tuple[float, Floats]:
    """Maximum likelihood of a complementary log-log model whose weights have their signs."""
    if not came.any():
        raise TooFewPurchases("nothing was bought again in the weeks by which clocks are calibrated")
    chosen = np.random.default_rng(_SEED).permutation(len(came))[:_ROWS]
    rows, hit = np.vstack([np.ones(len(chosen)), terms[:, chosen]]), came[chosen]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        hazard = np.exp(np.clip(parameters @ rows, -30.0, 5.0))
        bought = -np.expm1(-hazard)
        log_likelihood = np.where(hit, np.log(np.maximum(bought, 1e-300)), -hazard)
        slope = np.where(hit, hazard * (1.0 - bought) / np.maximum(bought, 1e-300), -hazard)
        return -log_likelihood.mean(), -(rows @ slope) / len(hit)

    start = np.zeros(len(TERMS) + 1)
    start[1] = 1.0
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=_BOUNDS)
    return float(found.x[0]), np.asarray(found.x[1:])


def _fit_curves(raw: Floats, rows: _Rows) -> tuple[Floats, Floats]:
    """(KINDS, k) each: knots of the curves, learned of a week; of a kind that is rare, of all kinds together."""
    curves = []
    for kind in range(len(KINDS)):
        which = (rows.days == WEEK_DAYS) & (rows.kinds == kind)
        if rows.came[which].sum() < _FEWEST_BOUGHT:
            which = rows.days == WEEK_DAYS
        curves.append(_fit_curve(raw[which], rows.came[which]))
    hazards, came = (np.array(each) for each in zip(*curves, strict=True))
    return hazards, came


def _fit_curve(raw: Floats, came: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """(k,) each: a rising curve from hazards to what came of them, logarithms: isotonic, over groups with as many
    purchases in each."""
    order = np.argsort(raw, kind="stable")
    bought = np.cumsum(came[order])
    edges = np.searchsorted(bought, np.linspace(0, bought[-1], _KNOTS + 1)[1:-1])
    group = np.searchsorted(np.unique(edges), np.arange(len(raw)), side="right")
    size = np.bincount(group)
    mean = np.bincount(group, weights=raw[order]) / size
    rate = (np.bincount(group, weights=came[order]) + 0.5) / (size + 1.0)
    rising = IsotonicRegression().fit_transform(mean, rate, sample_weight=size)
    knots = np.linspace(mean[0], mean[-1] + 1e-6, _KNOTS)
    return knots, np.interp(knots, mean, np.log(-np.log1p(-np.clip(rising, 1e-9, 1 - 1e-9))))
