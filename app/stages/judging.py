"""Many customers judged at once: what `app.scores.service.score_states` says, without the reasons."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from app.lifecycle.features import Floats, features, features_of_one
from app.lifecycle.measures import NUMERIC
from app.lifecycle.scorer import StepTables, logistic
from app.lifecycle.stages import Judgement, judge_stage, measure_rhythm, presume_risk
from app.scores.service import value_at_stake
from app.stages.service import Watching, lose

_AT: Final = {measure.name: index for index, measure in enumerate(NUMERIC)}
_ORDERS, _SPEND, _REFUNDED = _AT["orders"], _AT["spend_minor"], _AT["refunded_minor"]
LAST_EVENT: Final = _AT["last_event_us"]

_NUMBER: Final = np.dtype([("bytes", ">i4"), ("value", ">f8")])
_VECTOR: Final = np.dtype([("header", "V20"), ("numbers", _NUMBER, (len(NUMERIC),))])
"""Postgres' binary form of a float8[] without NULL."""


class Judged(NamedTuple):
    """A customer at a time. The risk is None for someone who never bought; the loss is in major units."""

    judgement: Judgement
    churn_risk: float | None
    expected_loss: float


def read_vectors(sent: Sequence[bytes]) -> Floats:
    """State vectors from float8[] without NULL as Postgres sends them; (n, len(NUMERIC)), NaN = no value."""
    whole = np.frombuffer(b"".join(sent), _VECTOR)
    return np.ascontiguousarray(whole["numbers"]["value"], np.float64)


def judge(states: Floats, as_of_us: float, watching: Watching) -> list[Judged]:
    """State vectors, (n, len(NUMERIC)), at one time. By the same rules as single customers."""
    scoring = watching.scoring
    rows = features(states, as_of_us)
    odds = None if scoring.model is None else _log_odds(scoring.model.churn, rows).tolist()
    orders = states[:, _ORDERS].tolist()
    net_minor = (states[:, _SPEND] - states[:, _REFUNDED]).tolist()
    return [
        _judge_one(row, orders[at], net_minor[at], None if odds is None else odds[at], watching)
        for at, row in enumerate(rows.tolist())
    ]


def judge_one(state: Sequence[float], as_of_us: float, watching: Watching) -> Judged:
    """`judge` of a single state vector; plain arithmetic beats array calls for one."""
    row, model = features_of_one(state, as_of_us), watching.scoring.model
    odds = None if model is None else model.churn.intercept + sum(model.churn.terms_of_one(row))
    return _judge_one(row, state[_ORDERS], state[_SPEND] - state[_REFUNDED], odds, watching)


def _log_odds(tables: StepTables, rows: Floats) -> Floats:
    """Added up one term after the other, as for a single customer, so that both are equal to the last bit."""
    total = np.zeros(len(rows))
    for terms in tables.terms(rows).T:
        total += terms
    return np.asarray(tables.intercept + total)


def _judge_one(row: list[float], orders: float, net_minor: float, log_odds: float | None, watching: Watching) -> Judged:
    scoring = watching.scoring
    if not orders:
        return Judged(judge_stage(row, None, None, scoring.policy), None, 0.0)
    rhythm = measure_rhythm(row, scoring.policy, scoring.usual_gap_days)
    risk = presume_risk(rhythm, scoring.horizon_days) if log_odds is None else logistic(log_odds)
    judgement = judge_stage(row, rhythm, risk, scoring.policy)
    return Judged(judgement, risk, lose(risk, value_at_stake(rhythm, orders, net_minor, scoring)))
