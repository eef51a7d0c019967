"""States → scores: features, stage, risk, orders and spend to expect, for one customer or a batch."""

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from app.customers.state import CustomerState
from app.foundation.metrics import count_scores
from app.foundation.settings import Settings
from app.lifecycle.events import to_major
from app.lifecycle.features import Floats, features, features_of_one
from app.lifecycle.measures import NUMERIC
from app.lifecycle.scorer import Forecast, Forecasts
from app.lifecycle.stages import (
    Judgement,
    Rhythm,
    StagePolicy,
    judge_stage,
    measure_rhythm,
    presume_active,
    presume_risk,
)
from app.lifecycle.value import TierBounds, spend_if_staying
from app.models.artefact import Model

_NUMBER: Final = {measure.name: index for index, measure in enumerate(NUMERIC)}
_ORDERS, _SPEND, _REFUNDED = _NUMBER["orders"], _NUMBER["spend_minor"], _NUMBER["refunded_minor"]

MANY: Final = 16
"""From so many customers on, array calls beat plain arithmetic one by one."""
RULES: Final = "rules"


class Scoring(NamedTuple):
    """What scores are made with: the model (None: rules), the stage policy, how money is written, and the
    bounds of the value tiers (None: there is no model to draw them from)."""

    model: Model | None
    policy: StagePolicy
    horizon_days: int
    currency: str
    digits: int
    bounds: TierBounds | None = None

    @classmethod
    def of(cls, settings: Settings, model: Model | None) -> "Scoring":
        """By the settings and the model in force."""
        bounds = None if model is None else model.value.bounds(settings.value_shares)
        return cls(model, settings.stages, settings.churn_horizon_days, settings.currency, settings.digits, bounds)

    @property
    def usual_gap_days(self) -> float:
        """The usual gap between orders of all customers."""
        known = None if self.model is None else self.model.rhythm_days
        return known if known is not None and known > 0 else self.policy.rhythm_days

    @property
    def answer_days(self) -> int:
        """The horizon of what is told of those who have bought: the model's, or that of the rules."""
        return self.horizon_days if self.model is None else self.model.horizon_days


class Score(NamedTuple):
    """What is known of one customer at `as_of_us`, and expected within the horizon.

    `churn_terms` and `spend_terms` are terms of the links of churn and of spend, one a feature; none by rules.
    Nothing is expected of someone who never bought.
    """

    state: CustomerState
    as_of_us: int
    row: list[float]
    rhythm: Rhythm | None
    judgement: Judgement
    churn_risk: float | None
    expected_orders: float | None
    expected_spend_minor: float | None
    churn_terms: Sequence[float]
    spend_terms: Sequence[float]
    method: str


def score_states(states: Sequence[CustomerState], as_of_us: int, scoring: Scoring) -> list[Score]:
    """Scores of a batch at one time. Without a model they come from rules; prospects have none."""
    began_s = time.perf_counter()
    if len(states) < MANY:
        return count_scores([_score_one(state, as_of_us, scoring) for state in states], began_s)
    rows = features(np.array([state.numbers for state in states], np.float64), float(as_of_us))
    model = scoring.model
    found = [None] * len(rows) if model is None else model.scorecard.forecast_each(rows, as_of_us)
    scores = [
        _score(state, as_of_us, row, forecast, scoring)
        for state, row, forecast in zip(states, rows.tolist(), found, strict=True)
    ]
    return count_scores(scores, began_s)


def score_columns(rows: Floats, as_of_us: float, model: Model) -> Forecasts:
    """Feature rows, (n, len(FEATURES)), of customers who have bought, at one time: risk, orders and spend, (n,) each.

    What `score_states` says of them, but for the last bits of exponentials.
    """
    return model.scorecard.forecast(rows, as_of_us)


def _score_one(state: CustomerState, as_of_us: int, scoring: Scoring) -> Score:
    row, model = features_of_one(state.numbers, as_of_us), scoring.model
    has_forecast = model is not None and state.numbers[_ORDERS]
    forecast = model.scorecard.forecast_one(row, as_of_us) if model is not None and has_forecast else None
    return _score(state, as_of_us, row, forecast, scoring)


def _score(state: CustomerState, as_of_us: int, row: list[float], forecast: Forecast | None, scoring: Scoring) -> Score:
    model, policy, orders = scoring.model, scoring.policy, state.numbers[_ORDERS]
    if not orders:
        judgement = judge_stage(row, None, None, policy)
        return Score(state, as_of_us, row, None, judgement, None, None, None, (), (), RULES)
    rhythm = measure_rhythm(row, policy, scoring.usual_gap_days)
    if model is None or forecast is None:
        forecast, method = _presume(state, rhythm, scoring.horizon_days), RULES
    else:
        method = model.method
    risk, expected_orders, spend_minor, churn_terms, spend_terms = forecast
    judgement = judge_stage(row, rhythm, risk, policy)
    return Score(
        state, as_of_us, row, rhythm, judgement, risk, expected_orders, spend_minor, churn_terms, spend_terms, method
    )


def _presume(state: CustomerState, rhythm: Rhythm, horizon_days: float) -> Forecast:
    """By rules: who is still active orders at their own rhythm, as much as their average order less refunds."""
    orders = presume_active(rhythm) * horizon_days / rhythm.days
    return Forecast(presume_risk(rhythm, horizon_days), orders, orders * _average_minor(state.numbers), (), ())


def _average_minor(numbers: Sequence[float | None]) -> float:
    """Spend less refunds an order, of someone who has ordered; not below 0."""
    return max((numbers[_SPEND] or 0) - (numbers[_REFUNDED] or 0), 0) / (numbers[_ORDERS] or 1)


def value_at_stake(rhythm: Rhythm, orders: float, net_minor: float, scoring: Scoring) -> float:
    """By rules: what someone who has bought spends in a horizon at their own rhythm and average order; major units.

    At least one order: nobody is worth less than the next purchase they may make. `net_minor` is spend less refunds.
    """
    spend = to_major(max(net_minor, 0), scoring.digits)
    return spend / orders * max(scoring.horizon_days / rhythm.days, 1.0)


def foreseen_at_stake(spend_minor: float, churn_risk: float, digits: int) -> float:
    """By a model: what someone spends in its horizon if they buy in it at all; major units."""
    return spend_if_staying(spend_minor, churn_risk) / float(10**digits)


def lose(churn_risk: float | None, value: float | None) -> float:
    """Expected loss in major units: churn risk × value at stake. Nothing is lost with someone who never bought."""
    return 0.0 if churn_risk is None or value is None else churn_risk * value


def value_of(score: Score, scoring: Scoring) -> float | None:
    """What is at stake with a customer, major units; None: they have not bought."""
    if score.rhythm is None or score.churn_risk is None or score.expected_spend_minor is None:
        return None
    if score.method != RULES:
        return foreseen_at_stake(score.expected_spend_minor, score.churn_risk, scoring.digits)
    state = score.state
    net_minor = (state.number("spend_minor") or 0) - (state.number("refunded_minor") or 0)
    return value_at_stake(score.rhythm, state.number("orders") or 0, net_minor, scoring)
