"""Histories too short for cut-offs with the whole horizon: the classic models, bent by what came of them within.

Pareto/NBD, fitted to the history, says what to expect of any horizon, from nothing but when each
customer bought. What it leaves out (how much was spent, whether the pace was rising) is learnt at
cut-offs inside the history whose shorter horizons are over, as a residual in the link, and carried to
the whole horizon. How far the level is off is measured at the middle one of these cut-offs, whose
horizon is to the history before it as the whole horizon is to the whole history, with the model fitted
as it would have been then.

The scores are then distilled into step tables, like those of every other model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import Final, NamedTuple

import numpy as np

from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.targets import ORDERS, OTHERS, SPEND, TARGET_NAMES, sigmoid, target_of
from ml.data.cutoffs import FALL_BACK, Span, Untrainable
from ml.data.states import LabelledStates
from ml.learning.btyd import BgNbd, FitError, GammaGamma, ParetoNbd
from ml.learning.churn import summarise
from ml.learning.distilling import distil
from ml.learning.own_money import fit_own_money
from ml.learning.residual import Residual, fit_residual
from ml.learning.season import DRIFT_DAYS, DRIFT_SD, LEVEL_SD, NOISE_SD, share_error, shift_to_share
from ml.learning.targets import RECIPES, Targets, expect_others, link_of

MOST_HISTORIES: Final = 20_000
REACHES: Final = (1 / 3, 1 / 6, 0.0, -1 / 6, -1 / 3)
"""How much longer than the middle window the others are, in the lesser of its days and those before it."""
HURDLE_SHARE: Final = 0.5
"""Of a correction to whether a customer buys, how much goes on to how many orders are expected: what the
model has wrong in the one it partly makes up for in the other."""
LATER_SHARES: Final = (0.1, 0.3, 1.0)
"""Of the horizon: how much later the tables are to hold as well, if the customer does nothing."""
LATER_WEIGHT: Final = 0.1
_CERTAIN: Final = 1e-6
_OUTLYING: Final = 20.0
"""An average order of more than so many times the 99th percentile counts as that."""


class Window(NamedTuple):
    """A cut-off inside the history, and the days after it that are over."""

    cutoff_us: int
    days: int


@dataclass(frozen=True, slots=True)
class Classics:
    """The models fitted to one history, of purchases and, where orders differ, of the spend an order.

    `name` is that of `purchases`, `orders_a_day` at how many moments of a day with an order one came.
    `dearest` is the average order, in minor units, that no customer's exceeds.
    """

    name: str
    purchases: BgNbd | ParetoNbd
    orders_a_day: float
    worth: GammaGamma | None
    dearest: float

    def churn(self, rows: LabelledStates, horizon_days: float) -> Floats:
        """Log-odds of no purchase, (n,)."""
        chance = self.purchases.probability_no_purchase(*_columns(rows), horizon_days).clip(_CERTAIN, 1 - _CERTAIN)
        return np.asarray(np.log(chance / (1 - chance)))

    def orders(self, rows: LabelledStates, horizon_days: float) -> Floats:
        """Logarithm of the expected orders, (n,); several on one day are one purchase to these models."""
        purchases = self.purchases.expected_purchases(*_columns(rows), horizon_days)
        return np.asarray(np.log(np.maximum(purchases * self.orders_a_day, _CERTAIN)))

    def order_worth(self, rows: LabelledStates) -> Floats:
        """Logarithm of the minor units that an order is expected to leave, (n,), at least 0."""
        count, mean = _average_orders(rows)
        mean = mean.clip(0.0, self.dearest)
        if self.worth is None:
            expected = np.full(len(mean), float(count @ mean / count.sum()))
        else:
            expected = self.worth.expected_spend(np.where(mean > 0, count, 0.0), mean)
        return np.asarray(np.log(np.maximum(expected, 1.0)))


def _average_orders(rows: LabelledStates) -> tuple[Floats, Floats]:
    """Orders, and net spend an order in minor units; (n,) each."""
    count = rows.measure("orders")
    return count, np.maximum(summarise(rows).spend, 0.0) / count


def fit_classics(rows: LabelledStates) -> Classics:
    """From at most MOST_HISTORIES of the customers: Pareto/NBD, or where it has no maximum BG/NBD.

    Raises Untrainable where neither can be fitted.
    """
    every = -(-len(rows.churned) // MOST_HISTORIES)
    columns = [column[::every] for column in _columns(rows)]
    orders_a_day = float(rows.purchases.sum() / rows.purchase_days.sum())
    money = (orders_a_day, *_fit_worth(rows, every))
    try:
        return Classics("pareto_nbd", ParetoNbd.fit(*columns), *money)
    except FitError:
        pass
    try:
        return Classics("bg_nbd", BgNbd.fit(*columns), *money)
    except FitError as error:
        raise Untrainable(f"{error} {FALL_BACK}") from error


def _columns(rows: LabelledStates) -> tuple[Floats, Floats, Floats]:
    """x, t_x and age of the classics, in days; (n,) each."""
    history = summarise(rows)
    return history.repeats, history.last_repeat_days, history.tenure_days


def _fit_worth(rows: LabelledStates, every: int) -> tuple[GammaGamma | None, float]:
    count, mean = _average_orders(rows)
    paid = mean[mean > 0]
    dearest = _OUTLYING * float(np.quantile(paid, 0.99)) if len(paid) else 1.0
    try:
        worth = GammaGamma.fit(count[::every], mean[::every].clip(0.0, dearest))
    except FitError:
        return None, dearest
    return (worth if worth.q > 1 else None), dearest  # else the population has no mean


def inner_windows(span: Span, at_us: int, horizon_days: int) -> list[Window]:
    """Cut-offs inside a history of T days until `at_us`, ascending, each with all the days that are left.

    The one in the middle has T·h / (T + h) days left: its horizon is to its history as h is to T.
    """
    history_days = (at_us - span.first_us) / DAY_US
    middle_days = history_days * horizon_days / (history_days + horizon_days)
    room = min(middle_days, history_days - middle_days)
    lengths = [round(middle_days + reach * room) for reach in REACHES]
    return [Window(at_us - days * DAY_US, days) for days in lengths]


def carry_over(windows: Sequence[tuple[Window, LabelledStates]], present: LabelledStates, horizon_days: int) -> Targets:
    """Targets of the horizon, from the rows of each window, labelled for its days; of `present` only histories.

    Raises Untrainable where the classics cannot be fitted.
    """
    classics = fit_classics(present)
    shift = _level_error(*windows[len(windows) // 2], at_us=int(present.cutoffs_us[0]))
    vectors = np.concatenate([rows.features() for _, rows in windows])
    churned = np.concatenate([rows.churned for _, rows in windows])
    offset = np.concatenate([classics.churn(rows, window.days) for window, rows in windows])
    return _distil_all(classics, present, horizon_days, fit_residual(vectors, churned, offset), shift)


def distil_classic(classics: Classics, present: LabelledStates, horizon_days: int) -> Targets:
    """Targets that say what the classics say, and nothing else."""
    return _distil_all(classics, present, horizon_days, None, 0.0)


def _level_error(window: Window, rows: LabelledStates, at_us: int) -> float:
    """The error in log-odds to expect of the classics at `at_us`, after what it was at one earlier cut-off.

    The season has no part in it: less than two years cannot tell it from the rest.
    """
    try:
        then = fit_classics(rows)
    except Untrainable:
        return 0.0
    error = share_error(window.cutoff_us, then.churn(rows, window.days), rows.churned)
    lasting = LEVEL_SD**2 + DRIFT_SD**2 * exp(-(at_us - window.cutoff_us) / DAY_US / DRIFT_DAYS)
    return error.shift * lasting / (LEVEL_SD**2 + DRIFT_SD**2 + NOISE_SD**2 + error.variance)


def _distil_all(
    classics: Classics, present: LabelledStates, horizon_days: int, residual: Residual | None, shift: float
) -> Targets:
    rows = [present, *_later(present, horizon_days)]
    vectors = np.concatenate([each.features() for each in rows])
    importance = np.repeat([1.0, *(LATER_WEIGHT for _ in rows[1:])], len(present.churned))
    plain, orders, worth = (
        np.concatenate(columns)
        for columns in zip(
            *(
                (classics.churn(each, horizon_days), classics.orders(each, horizon_days), classics.order_worth(each))
                for each in rows
            ),
            strict=True,
        )
    )
    churn = _bend(plain, vectors, residual, len(present.churned), shift)
    orders = orders + HURDLE_SHARE * np.log(sigmoid(-churn) / sigmoid(-plain))
    money = fit_own_money(present)
    own = np.minimum(money.sum(vectors), np.log(classics.dearest / money.centre_minor))
    level = _level_of_spend(orders, worth, own, len(present.churned))
    scores = {"churn": churn, "orders": orders, "spend": orders + level, **_say_others(rows, orders)}
    models = {}
    for name, score in scores.items():
        sureness, offset = _sureness(name, score, orders), money if name == SPEND.name else None
        models[name] = distil(score, vectors, importance * sureness / sureness.mean(), RECIPES[name], offset)
    today = np.array([int(present.cutoffs_us[0] // DAY_US)])
    return Targets(models, today, {target: np.zeros(1) for target in TARGET_NAMES}, horizon_days)


def _level_of_spend(orders: Floats, worth: Floats, own: Floats, customers: int) -> float:
    """What to add to orders and own money, all in the logarithm, so that the first `customers` rows come to as much as
    the classics expect of all."""
    ours, classics = (np.exp(orders + each)[:customers].sum() for each in (own, worth))
    return float(np.log(classics / ours))


def _say_others(rows: Sequence[LabelledStates], orders: Floats) -> dict[str, Floats]:
    """What is expected of OTHERS with so many orders (their logarithms, of all `rows`), in the link."""
    parts = zip(rows, np.split(np.exp(orders), len(rows)), strict=True)
    each = [expect_others(part, expected) for part, expected in parts]
    return {target.name: link_of(target, np.concatenate([one[target.name] for one in each])) for target in OTHERS}


def _sureness(name: str, score: Floats, orders: Floats) -> Floats:
    """How much an error in the link matters: as it moves a probability or orders; of amounts, by the orders."""
    if target_of(name).is_probability:
        return sigmoid(score) * sigmoid(-score)
    return np.asarray(np.exp(2 * orders if name == ORDERS.name else orders))


def _bend(scores: Floats, vectors: Floats, residual: Residual | None, customers: int, shift: float) -> Floats:
    """Adds the residual at the level, of the first `customers` rows, that the classics have with `shift`."""
    if residual is None:
        return scores + shift
    share = float(sigmoid(scores[:customers] + shift).mean())
    bent = scores + residual.add(vectors)
    return bent + shift_to_share(bent[:customers], share)


def _later(present: LabelledStates, horizon_days: int) -> Sequence[LabelledStates]:
    """The same customers as of later times, without another event."""
    shifts_us = [round(share * horizon_days) * DAY_US for share in LATER_SHARES]
    return [replace(present, cutoffs_us=present.cutoffs_us + shift_us) for shift_us in shifts_us]
