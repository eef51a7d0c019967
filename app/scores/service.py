"""States → scores: features, churn risk, stage and reasons, for one customer or a batch."""

import time
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from app.config import Settings
from app.lifecycle.events import ALL_CHANNELS, DAY_US, to_major
from app.lifecycle.features import FEATURES, features, features_of_one
from app.lifecycle.measures import EMPTY, LATEST, NUMERIC, latest_us, latest_value
from app.lifecycle.scorer import logistic, strongest
from app.lifecycle.stages import Judgement, Rhythm, StagePolicy, judge_stage, measure_rhythm, presume_risk
from app.metrics import count_scores
from app.scores.artefact import Model

_FIRST_DAY: Final = date(1970, 1, 1).toordinal()
_NUMBER: Final = {measure.name: index for index, measure in enumerate(NUMERIC)}
_TEXT: Final = {measure.name: index for index, measure in enumerate(LATEST)}
_CONSENTS: Final = tuple(
    (name.removeprefix("consent_marketing").removeprefix("_") or ALL_CHANNELS, index)
    for name, index in _TEXT.items()
    if name.startswith("consent_marketing")
)
_PERSONALIZATION: Final = _TEXT["consent_personalization"]


class Scoring(NamedTuple):
    """What scores are made with: the model (None: rules), the stage policy, and how money is written."""

    model: Model | None
    policy: StagePolicy
    horizon_days: int
    currency: str
    digits: int

    @classmethod
    def of(cls, settings: Settings, model: Model | None) -> "Scoring":
        """By the settings and the model in force."""
        return cls(model, settings.stages, settings.churn_horizon_days, settings.currency, settings.digits)

    @property
    def usual_gap_days(self) -> float:
        """The usual gap between orders of all customers."""
        known = None if self.model is None else self.model.rhythm_days
        return known if known is not None and known > 0 else self.policy.rhythm_days


MANY: Final = 16
"""From so many customers on, array calls beat plain arithmetic one by one."""
MOST_REASONS: Final = 5
ENOUGH_ORDERS: Final = 3


class CustomerState(NamedTuple):
    """A row of `customer_states` as it is read: numbers in the order of NUMERIC, texts of LATEST."""

    customer_id: str
    numbers: list[float | None]
    texts: list[str | None]
    offered: str | None = None

    def number(self, measure: str) -> float | None:
        """A measure by name; None: it has no value."""
        return self.numbers[_NUMBER[measure]]

    def latest(self, measure: str) -> str | None:
        """The value of a latest-value measure by name."""
        return latest_value(self.texts[_TEXT[measure]])

    def consents(self) -> dict[str, bool]:
        """Channel → the latest word on marketing there.

        A word for every channel overrules what was said before of one; personalization refused is
        marketing refused, since every action here is personal.
        """
        said = [(latest_us(text), channel, text) for channel, at in _CONSENTS if (text := self.texts[at])]
        if not said and not self.texts[_PERSONALIZATION]:
            return {}
        general_us = max((us for us, channel, _ in said if channel == ALL_CHANNELS), default=-1)
        consents = {
            channel: latest_value(text) == "granted"
            for us, channel, text in said
            if channel == ALL_CHANNELS or us > general_us
        }
        refused = self.latest("consent_personalization") == "denied"
        return {**dict.fromkeys(consents, False), ALL_CHANNELS: False} if refused else consents

    def offered_us(self) -> dict[str, int]:
        """Action → time of its last offer."""
        return orjson.loads(self.offered) if self.offered else {}


class Score(NamedTuple):
    """What is known of one customer at `as_of_us`. `terms` are log-odds of churn, one a feature."""

    state: CustomerState
    as_of_us: int
    row: list[float]
    rhythm: Rhythm | None
    judgement: Judgement
    churn_risk: float | None
    terms: list[float]
    method: str


def score_states(states: Sequence[CustomerState], as_of_us: int, scoring: Scoring) -> list[Score]:
    """Scores of a batch at one time. Without a model the risk comes from rules; prospects have none."""
    began_s = time.perf_counter()
    if len(states) < MANY:
        return count_scores([_score_one(state, as_of_us, scoring) for state in states], began_s)
    rows = features(np.array([state.numbers for state in states], np.float64), float(as_of_us))
    all_terms = [[]] * len(rows) if scoring.model is None else scoring.model.churn.terms(rows).tolist()
    scores = [
        _score(state, as_of_us, row, terms, scoring)
        for state, row, terms in zip(states, rows.tolist(), all_terms, strict=True)
    ]
    return count_scores(scores, began_s)


def _score_one(state: CustomerState, as_of_us: int, scoring: Scoring) -> Score:
    row = features_of_one(state.numbers, as_of_us)
    terms = [] if scoring.model is None else scoring.model.churn.terms_of_one(row)
    return _score(state, as_of_us, row, terms, scoring)


def _score(state: CustomerState, as_of_us: int, row: list[float], terms: list[float], scoring: Scoring) -> Score:
    model, policy = scoring.model, scoring.policy
    if not state.number("orders"):
        return Score(state, as_of_us, row, None, judge_stage(row, None, None, policy), None, [], "rules")
    rhythm = measure_rhythm(row, policy, scoring.usual_gap_days)
    if model is None:
        risk, method = presume_risk(rhythm, scoring.horizon_days), "rules"
    else:
        risk, method = logistic(model.churn.intercept + sum(terms)), "additive_trees"
    judgement = judge_stage(row, rhythm, risk, policy)
    return Score(state, as_of_us, row, rhythm, judgement, risk, terms, method)


def iso(us: float) -> str:
    """Microseconds since 1970 → RFC 3339 in UTC, to the millisecond; finer where it is."""
    days, rest_us = divmod(round(us), DAY_US)
    seconds, micros = divmod(rest_us, 1_000_000)
    minutes, second = divmod(seconds, 60)
    fraction = f"{micros // 1000:03d}" if micros % 1000 == 0 else f"{micros:06d}"
    return f"{_date(days)}T{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.{fraction}Z"


@lru_cache(maxsize=4096)
def _date(days: int) -> str:
    """Days since 1970 → 2026-11-22."""
    return date.fromordinal(_FIRST_DAY + days).isoformat()


def render_score(score: Score, scoring: Scoring) -> dict[str, Any]:
    """The score on the wire."""
    held, orders = score.judgement.held_days, score.state.number("orders") or 0
    model = scoring.model if score.method != "rules" else None
    return {
        "customer_id": score.state.customer_id,
        "as_of": iso(score.as_of_us),
        "stage": score.judgement.stage,
        "stage_rule": score.judgement.rule,
        "stage_since": None if held is None else iso(score.as_of_us - held * DAY_US),
        "flags": _flags(score),
        "churn_risk": None if score.churn_risk is None else round(score.churn_risk, 6),
        "churn_horizon_days": scoring.horizon_days if model is None else model.horizon_days,
        "expected_orders": None,
        "expected_spend": None,
        "value_tier": None,
        "expected_next_order_at": _next_order_at(score),
        "reasons": [_reason(score, at, scoring) for at in strongest(score.terms, MOST_REASONS)],
        "method": score.method,
        "data_sufficiency": "none" if not orders else "little" if orders < ENOUGH_ORDERS else "enough",
        "model_version": None if model is None else model.version,
    }


def _next_order_at(score: Score) -> str | None:
    """The last order plus the customer's own rhythm, while that is still to come."""
    last_order_us = score.state.number("last_order_us")
    if score.rhythm is None or last_order_us is None or (score.state.number("orders") or 0) < 2:
        return None
    due_us = last_order_us + score.rhythm.days * DAY_US
    return iso(due_us) if due_us > score.as_of_us else None


def _flags(score: Score) -> list[str]:
    state, rhythm = score.state, score.rhythm
    promoter = float(state.latest("latest_nps") or 0) >= 9
    flags = {
        "advocate": promoter and score.judgement.stage == "mature",
        "reactivated": rhythm is not None and rhythm.is_reactivated and score.judgement.stage == "growing",
        "seasonal": rhythm is not None and rhythm.is_seasonal,
        "open_complaint": has_open_complaint(state),
    }
    return [flag for flag, is_set in flags.items() if is_set]


def value_at_stake(rhythm: Rhythm, orders: float, net_minor: float, scoring: Scoring) -> float:
    """What someone who has bought spends in a horizon, at their own rhythm and average order; major units.

    At least one order: nobody is worth less than the next purchase they may make. `net_minor` is spend less refunds.
    """
    spend = to_major(max(net_minor, 0), scoring.digits)
    return spend / orders * max(scoring.horizon_days / rhythm.days, 1.0)


def value_of(score: Score, scoring: Scoring) -> float | None:
    """`value_at_stake` of a score; None: they have not bought."""
    if score.rhythm is None:
        return None
    state = score.state
    net_minor = (state.number("spend_minor") or 0) - (state.number("refunded_minor") or 0)
    return value_at_stake(score.rhythm, state.number("orders") or 0, net_minor, scoring)


def has_open_complaint(state: CustomerState) -> bool:
    """Whether a complaint may be open: there were complaints, and more cases opened than resolved.

    From the state alone; the profile counts case by case.
    """
    return bool(state.number("complaints")) and (state.number("cases") or 0) > (state.number("cases_resolved") or 0)


def _reason(score: Score, at: int, scoring: Scoring) -> dict[str, Any]:
    feature, value = FEATURES[at], score.row[at]
    is_money = feature.unit == "minor"
    known = None if value != value else to_major(value, scoring.digits) if is_money else round(value, 4)
    return {
        "feature": feature.name,
        "label": feature.label,
        "value": known,
        "unit": scoring.currency if is_money else feature.unit,
        "effect": round(score.terms[at], 4),
    }


def newcomer(customer_id: str, offered: str | None = None) -> CustomerState:
    """The state of someone of whom there is no event."""
    numbers = [EMPTY[measure.name] for measure in NUMERIC]
    return CustomerState(customer_id, numbers, [None] * len(LATEST), offered)
