"""The targets of a horizon, learnt: who will not buy, how many orders to expect, how much net spend.

`churn` is P(no order in `[as_of, as_of + horizon)`), `orders` and `spend` are the means of the orders
and of the net spend (minor units) in it, of everyone who has bought before. Who differs from whom is
learnt by additive trees, pooled with what a classic model says; the level, which moves with the season,
is forecast from the histories.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.events import DAY_US
from app.lifecycle.features import FEATURE_NAMES, FEATURES, Floats
from app.lifecycle.scorer import Scorecard, combine
from app.lifecycle.targets import CHURN, ORDERS, OTHERS, SPEND, TARGET_NAMES, TARGETS, Link, Target, sigmoid
from ml.data.cutoffs import FALL_BACK, Untrainable
from ml.data.states import LabelledStates
from ml.learning.additive import SILENCE, AdditiveModel, Recipe, fit_additive
from ml.learning.btyd import BgNbd, FitError
from ml.learning.churn import summarise
from ml.learning.distilling import teach
from ml.learning.own_money import fit_own_money
from ml.learning.season import (
    CalibrationError,
    Trade,
    forecast_deviations,
    forecast_shifts,
    share_error,
    shift_to_share,
    sum_error,
)
from ml.learning.trade import changes_of_trade


def _at(*names: str) -> tuple[int, ...]:
    return tuple(FEATURE_NAMES.index(name) for name in names)


MONEY: Final = frozenset(
    j
    for j, feature in enumerate(FEATURES)
    if feature.unit == "minor" or any("spend" in column or "refund" in column for column in feature.columns)
)
"""Features of what was paid or given back. Of the spend own money says it all: the more paid, the more expected."""

RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        CHURN.name: Recipe(CHURN.link, SILENCE, _at("lapse_chance"), classic_share=0.5),
        ORDERS.name: Recipe(ORDERS.link, -SILENCE, _at("pace_orders")),
        SPEND.name: Recipe(
            SPEND.link,
            -SILENCE,
            _at("pace_orders"),
            _at("orders", "orders_per_day"),
            rounds=200,
            ceiling=30.0,
            classic_share=1.0,
            apart=MONEY,
            stretch=1.15,
        ),
    }
)
Expect = Callable[[LabelledStates, Floats], Floats]
"""Histories, and the orders that a classic model expects of each, (n,) → what it then expects of a target, (n,)."""
EXPECTATIONS: Final[Mapping[str, Expect]] = MappingProxyType({})
"""By the name of each of OTHERS: what its trees are pooled with, and what serves where the history is short."""
GRID_DAYS, REACH_DAYS = 7, 400
MOST_HISTORIES = 20_000
_CERTAIN = 1e-9
_LEAST = 1e-6


def outcome_of(target: Target, rows: LabelledStates) -> Floats:
    """What is learnt from, (n,): who got back more than they spent counts as having spent nothing."""
    return np.maximum(rows.outcome(target), 0.0)


class Predictions(NamedTuple):
    """Of customers, (n,) each: probability, orders, minor units."""

    churn: Floats
    orders: Floats
    spend_minor: Floats


@dataclass(frozen=True, slots=True)
class Targets:
    """The models of all targets, and their levels over the calendar. One of OTHERS is missing where nothing came of it.

    `level_days` (k,) are ascending days since 1970 UTC; `levels` (k,) by target, in its link: linear
    between, held beyond the ends, 0 at the end of what was learnt from. `deviations` (k,) are their
    standard deviations where they were forecast: a season that has not been seen yet is little known.
    """

    models: Mapping[str, AdditiveModel]
    level_days: NDArray[np.int64]
    levels: Mapping[str, Floats]
    horizon_days: int
    deviations: Mapping[str, Floats] = field(default_factory=dict)

    def level(self, target: str, as_of_us: float) -> float:
        """What the calendar adds to the scores of a target, in its link."""
        return float(np.interp(as_of_us / DAY_US, self.level_days, self.levels[target]))

    @property
    def scorecard(self) -> Scorecard:
        """What the server computes scores from."""
        tables = {name: model.tables for name, model in self.models.items()}
        return combine(tables, self.level_days, self.levels, self.models[SPEND.name].own)

    def predict(self, features: Floats, as_of_us: float) -> Predictions:
        """(n, len(FEATURES)) and the time they are of → three times (n,)."""
        return Predictions(*(self.expect(target, features, as_of_us) for target in (CHURN, ORDERS, SPEND)))

    def expect(self, target: Target, features: Floats, as_of_us: float) -> Floats:
        """`predict` of one target, (n,) in its unit. Raises KeyError for one of OTHERS that was not learnt."""
        return self.models[target.name].expect(features, self.level(target.name, as_of_us))


def fit_targets(
    past: LabelledStates, present: LabelledStates, horizon_days: int, calendar: str | None = None
) -> Targets:
    """Learns from `past` cut-offs whose labels are complete, for use from the one cut-off of `present` on.

    `calendar` is the country whose trade is the prior of the season, one of `ml.learning.trade.COUNTRIES`.

    Of `present` only the histories are read, never what follows. Raises Untrainable where nobody has
    bought twice, or spent anything.
    """
    vectors, now_vectors = past.features(), present.features()
    today = int(present.cutoffs_us[0] // DAY_US)
    days = np.arange(today, today + REACH_DAYS, GRID_DAYS)
    errors = _errors_then(past, horizon_days)
    expected = _expect_from_histories(present, horizon_days)
    classic, money = _say(expected), fit_own_money(present)
    trades = {target.name: _trade_of(target, calendar, horizon_days) for target in TARGETS}
    models, levels = {}, {}
    for target in TARGETS:
        name, outcome = target.name, outcome_of(target, past)
        if not outcome.any() and target in OTHERS:
            continue
        if not outcome.any():
            raise Untrainable(f"Nobody spent anything after the past cut-offs. {FALL_BACK}")
        own = money if target is SPEND else None
        model = fit_additive(vectors, outcome, RECIPES[name], past.customer_ids, past.cutoffs_us, own=own)
        model = teach(model, classic[name], now_vectors, RECIPES[name], vectors)
        shifts = forecast_shifts(errors[name], days, trades[name])
        models[name] = _lift(model, now_vectors, expected[name], float(shifts[0]))
        levels[name] = shifts - shifts[0]
    deviations = {name: forecast_deviations(errors[name], days, trades[name]) for name in TARGET_NAMES}
    return Targets(models, days, levels, horizon_days, deviations)


def _trade_of(target: Target, calendar: str | None, horizon_days: int) -> Trade | None:
    """What more trade does to the link of a target: who buys the more does not leave."""
    if calendar is None:
        return None
    sign = -1.0 if target is CHURN else 1.0
    return lambda days: sign * changes_of_trade(calendar, days, horizon_days)


def _lift(model: AdditiveModel, vectors: Floats, expected: Floats, shift: float) -> AdditiveModel:
    """The model with the intercept at which it expects as much of all as the histories do, shifted."""
    score = model.score(vectors)
    if model.link is Link.LOG_ODDS:
        log_odds = np.log(expected / (1 - expected))
        level = shift_to_share(score, float(sigmoid(log_odds + shift).mean()))
    else:
        level = float(np.log(expected.sum() / np.exp(score).sum()) + shift)
    tables = replace(model.tables, intercept=model.tables.intercept + level)
    return replace(model, tables=tables)


def _expect_from_histories(rows: LabelledStates, horizon_days: int) -> dict[str, Floats]:
    """What BG/NBD, fitted to at most MOST_HISTORIES of the customers, expects of all; (n,) by target."""
    history, every = summarise(rows), -(-len(rows.churned) // MOST_HISTORIES)
    columns = (history.repeats, history.last_repeat_days, history.tenure_days)
    try:
        classic = BgNbd.fit(*(column[::every] for column in columns))
    except FitError as error:
        raise Untrainable(f"{error} {FALL_BACK}") from error
    orders = classic.expected_purchases(*columns, horizon_days)
    churn = classic.probability_no_purchase(*columns, horizon_days).clip(_CERTAIN, 1 - _CERTAIN)
    worth = np.maximum(history.spend, 0.0) / history.purchases
    return {"churn": churn, "orders": orders, "spend": orders * worth, **expect_others(rows, orders)}


def expect_others(rows: LabelledStates, orders: Floats) -> dict[str, Floats]:
    """By the name of each of OTHERS, (n,): by EXPECTATIONS."""
    return {target.name: EXPECTATIONS[target.name](rows, orders) for target in OTHERS}


def link_of(target: Target, expected: Floats) -> Floats:
    """What is expected of a target, (n,), in its link."""
    if target.is_probability:
        chance = expected.clip(_LEAST, 1 - _LEAST)
        return np.asarray(np.log(chance / (1 - chance)))
    return np.asarray(np.log(np.maximum(expected, _LEAST * expected.mean() or _CERTAIN)))


def _say(expected: Mapping[str, Floats]) -> dict[str, Floats]:
    """What the classics say of each customer, in the link, (n,) by target; own money is no part of the spend's."""
    said = {**expected, "spend": expected["orders"]}
    return {target.name: link_of(target, said[target.name]) for target in TARGETS}


def _errors_then(past: LabelledStates, horizon_days: int) -> dict[str, list[CalibrationError]]:
    """At each past cut-off, the error of the classic model as it was to be had then, where it was."""
    errors: dict[str, list[CalibrationError]] = {name: [] for name in TARGET_NAMES}
    for rows in by_cutoff(past):
        try:
            expected = _expect_from_histories(rows, horizon_days)
        except Untrainable:
            continue
        at_us = int(rows.cutoffs_us[0])
        for target in TARGETS:
            found = _find_error(target, at_us, expected[target.name], outcome_of(target, rows))
            errors[target.name] += [found] if found else []
    return errors


def _find_error(target: Target, at_us: int, expected: Floats, came: Floats) -> CalibrationError | None:
    if target.link is Link.LOG_ODDS:
        return share_error(at_us, np.log(expected / (1 - expected)), came > 0)
    return sum_error(at_us, expected, came)


def by_cutoff(rows: LabelledStates) -> Sequence[LabelledStates]:
    """The rows of each cut-off, ascending."""
    return [rows.at(rows.cutoffs_us == cutoff_us) for cutoff_us in np.unique(rows.cutoffs_us)]
