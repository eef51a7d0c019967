"""Many customers judged at once: what `app.scores.service.score_states` says, without the reasons."""

from collections.abc import Sequence
from math import exp
from typing import Final, NamedTuple

from app.lifecycle.features import Floats, features, features_of_one
from app.lifecycle.measures import NUMERIC
from app.lifecycle.stages import (
    Judgement,
    judge_stage,
    measure_rhythm,
    presume_risk,
)
from app.lifecycle.targets import logistic
from app.scores.service import Scoring, foreseen_at_stake, lose, value_at_stake

_AT: Final = {measure.name: index for index, measure in enumerate(NUMERIC)}
_ORDERS, _SPEND, _REFUNDED = _AT["orders"], _AT["spend_minor"], _AT["refunded_minor"]
LAST_EVENT: Final = _AT["last_event_us"]

Foreseen = tuple[float, float]
"""A model's churn risk and expected spend in minor units."""


class Judged(NamedTuple):
    """A customer at a time. The risk is None for someone who never bought; the loss is in major units."""

    judgement: Judgement
    churn_risk: float | None
    expected_loss: float


def judge(states: Floats, as_of_us: float, scoring: Scoring) -> list[Judged]:
    """State vectors, (n, len(NUMERIC)), at one time. By the same rules as single customers."""
    rows = features(states, as_of_us)
    foreseen = None if scoring.model is None else scoring.model.scorecard.links(rows, as_of_us).tolist()
    orders = states[:, _ORDERS].tolist()
    net_minor = (states[:, _SPEND] - states[:, _REFUNDED]).tolist()
    return [
        _judge_one(row, orders[at], net_minor[at], None if foreseen is None else _foresee(*foreseen[at]), scoring)
        for at, row in enumerate(rows.tolist())
    ]


def judge_one(state: Sequence[float], as_of_us: float, scoring: Scoring) -> Judged:
    """`judge` of a single state vector; plain arithmetic beats array calls for one."""
    row, model = features_of_one(state, as_of_us), scoring.model
    forecast = None if model is None else model.scorecard.forecast_one(row, as_of_us)
    foreseen = None if forecast is None else (forecast.churn_risk, forecast.spend_minor)
    return _judge_one(row, state[_ORDERS], state[_SPEND] - state[_REFUNDED], foreseen, scoring)


def _foresee(churn: float, _: float, spend: float) -> Foreseen:
    """Of the links of the targets. Exponentials one by one, as for a single customer: equal to the last bit."""
    return logistic(churn), exp(spend)


def _judge_one(
    row: list[float], orders: float, net_minor: float, foreseen: Foreseen | None, scoring: Scoring
) -> Judged:
    if not orders:
        return Judged(judge_stage(row, None, None, scoring.policy), None, 0.0)
    rhythm = measure_rhythm(row, scoring.policy, scoring.usual_gap_days)
    if foreseen is None:
        risk = presume_risk(rhythm, scoring.horizon_days)
        at_stake = value_at_stake(rhythm, orders, net_minor, scoring)
    else:
        risk, spend_minor = foreseen
        at_stake = foreseen_at_stake(spend_minor, risk, scoring.digits)
    return Judged(judge_stage(row, rhythm, risk, scoring.policy), risk, lose(risk, at_stake))
