"""States → scores: features, stage, risk, orders and spend to expect, for one customer or a batch."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.customers.state import CustomerState
from app.foundation.metrics import count_scores
from app.lifecycle.features import Floats, features_of_one
from app.lifecycle.measures import NUMERIC
from app.lifecycle.scorer import Forecast
from app.lifecycle.stages import Judgement, Rhythm, judge_stage, measure_rhythm
from app.lifecycle.targets import OTHERS
from app.lifecycle.value import Tier
from app.models.artefact import Model
from app.scores.columns import score_columns
from app.scores.scoring import RULES, Scoring, foreseen_at_stake, presume, value_at_stake

_NUMBER: Final = {measure.name: index for index, measure in enumerate(NUMERIC)}
_ORDERS, _SPEND, _REFUNDED = _NUMBER["orders"], _NUMBER["spend_minor"], _NUMBER["refunded_minor"]

MANY: Final = 24
"""From so many customers on, array calls beat plain arithmetic one by one."""


class Score(NamedTuple):
    """What is known of one customer at `as_of_us`, and expected within the horizon.

    `churn_terms`, `spend_terms` and `orders_terms` are terms of the links of churn, spend and orders, one a feature,
    and `bases` what the links of all targets come to without; none by rules, which say nothing of the OTHERS among the
    targets either.
    Nothing is expected of someone who never bought; of who gave back whatever they bought, to spend nothing.
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
    others: Sequence[float | None]
    method: str
    orders_terms: Sequence[float] = ()
    bases: Sequence[float] = ()


def score_states(
    states: Sequence[CustomerState], as_of_us: int, scoring: Scoring, *, explained: bool = True
) -> list[Score]:
    """Scores of a batch at one time. Without a model they come from rules; prospects have none. Who refuses profiling
    is as somebody of whom nothing is known.

    Not `explained`, those of many have no terms.
    """
    began_s = time.perf_counter()
    states = [state.permitted() for state in states]
    if len(states) < MANY:
        return count_scores([score_one(state, as_of_us, scoring) for state in states], began_s)
    return count_scores(_score_many(states, as_of_us, scoring, explained), began_s)


def score_one(state: CustomerState, as_of_us: int, scoring: Scoring) -> Score:
    """Of a single customer, not counted; plain arithmetic beats array calls for one."""
    numbers, model, policy = state.numbers, scoring.model, scoring.policy
    row = features_of_one(numbers, as_of_us)
    orders = numbers[_ORDERS]
    if not orders:
        return _score_without_orders(state, as_of_us, row, judge_stage(row, None, None, policy))
    rhythm = measure_rhythm(row, policy, scoring.usual_gap_days)
    if model is None:
        forecast, method = Forecast(*presume(rhythm, orders, _net_minor(numbers), scoring), (), ()), RULES
    else:
        forecast, method = model.scorecard.forecast_one(row, as_of_us), model.method
    judgement = judge_stage(row, rhythm, forecast.churn_risk, policy)
    risk, coming, spend_minor, churn, spend, others, orders_terms, bases = forecast
    return Score(
        *(state, as_of_us, row, rhythm, judgement, risk, coming, spend_minor),
        *(churn, spend, others, method, orders_terms, bases),
    )


def _score_many(states: Sequence[CustomerState], as_of_us: int, scoring: Scoring, explained: bool) -> list[Score]:
    columns = score_columns(np.array([state.numbers for state in states], np.float64), float(as_of_us), scoring)
    rows, model = columns.rows.tolist(), scoring.model
    method = RULES if model is None else model.method
    terms: list[Sequence[Sequence[float]]] = [[()] * len(rows)] * 3
    bases = () if model is None else model.scorecard.bases(as_of_us)
    if explained and model is not None:
        terms = [link.tolist() for link in model.scorecard.terms(columns.rows)]
    return [
        Score(
            state,
            as_of_us,
            row,
            Rhythm(*rhythm),
            judgement,
            risk,
            coming,
            minor,
            churn,
            spend,
            more,
            method,
            orders,
            bases,
        )
        if bought
        else _score_without_orders(state, as_of_us, row, judgement)
        for state, row, bought, rhythm, judgement, (risk, coming, minor), churn, spend, orders, more in zip(
            states,
            rows,
            columns.has_bought.tolist(),
            _each(columns.rhythms),
            columns.judgements.each(),
            _each(columns.expected),
            *terms,
            _expect_others(columns.rows, as_of_us, model),
            strict=True,
        )
    ]


def _score_without_orders(state: CustomerState, as_of_us: int, row: list[float], judgement: Judgement) -> Score:
    """Of who never bought; who bought and gave everything back is expected to spend nothing."""
    expected_minor = 0.0 if (state.numbers[_SPEND] or 0) > 0 else None
    return Score(state, as_of_us, row, None, judgement, None, None, expected_minor, (), (), (), RULES)


def _expect_others(rows: Floats, as_of_us: int, model: Model | None) -> Sequence[Sequence[float | None]]:
    """Of feature rows, what is expected of OTHERS of each, as `Forecast` has it; nothing by rules."""
    if model is None or not OTHERS:
        return [()] * len(rows)
    expected = model.scorecard.expect(rows, as_of_us)
    each = _each([expected[target.name] for target in OTHERS])
    return [tuple([None if value != value else value for value in one]) for one in each]


def _each(columns: Sequence[NDArray[Any]]) -> Iterator[tuple[Any, ...]]:
    """Columns, (n,) each → n times what is in them of one."""
    return zip(*(column.tolist() for column in columns), strict=True)


def _net_minor(numbers: Sequence[float | None]) -> float:
    return (numbers[_SPEND] or 0) - (numbers[_REFUNDED] or 0)


def lose(churn_risk: float | None, value: float | None) -> float:
    """Expected loss in major units: churn risk × value at stake. Nothing is lost with someone who never bought."""
    return 0.0 if churn_risk is None or value is None else churn_risk * value


def tier_of(score: Score, scoring: Scoring) -> Tier | None:
    """The value tier; None: they have not bought, or there is no model to draw the bounds from."""
    spend_minor, bounds = score.expected_spend_minor, scoring.bounds
    return None if spend_minor is None or bounds is None else bounds.tier(spend_minor)


def value_of(score: Score, scoring: Scoring) -> float | None:
    """What is at stake with a customer, major units; None: they have not bought."""
    if score.rhythm is None or score.churn_risk is None or score.expected_spend_minor is None:
        return None
    value: float
    if score.method == RULES:
        numbers = score.state.numbers
        value = value_at_stake(score.rhythm, numbers[_ORDERS], _net_minor(numbers), scoring)
    else:
        value = foreseen_at_stake(score.expected_spend_minor, score.churn_risk, scoring.digits)
    return value
