"""The stage policy: readable rules over orders, tenure, the customer's own rhythm and the churn risk.

Described for retailers in docs/stages.md. The first rule that holds names the stage.
"""

from dataclasses import dataclass
from math import exp2, expm1, hypot, isnan
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.lifecycle.features import FEATURE_NAMES

Stage = Literal["prospect", "new", "growing", "mature", "declining", "lost"]

_AT: Final = {name: index for index, name in enumerate(FEATURE_NAMES)}
YEAR_DAYS: Final = 365.25


class StagePolicy(BaseModel):
    """The thresholds. Silence is counted in the customer's own rhythm: 1 is one usual gap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rhythm_days: float = Field(45.0, gt=0)
    """The usual gap between orders where neither customer nor model tells."""
    rhythm_weight: float = Field(0.5, gt=0)
    """How many of the customer's own gaps the usual gap counts for."""
    lost_silence: float = Field(6.0, gt=0)
    lost_days: float = Field(90.0, ge=0)
    """Nobody is lost before so many days of silence."""
    lost_risk: float = Field(0.9, ge=0, le=1)
    declining_silence: float = Field(2.5, gt=0)
    declining_risk: float = Field(0.5, ge=0, le=1)
    fading_rate: float = Field(0.4, gt=0)
    """Recent rate of orders over the long-run rate below which a customer buys clearly less."""
    fading_orders: float = Field(4, ge=2)
    at_risk: float = Field(0.8, ge=0, le=1)
    """Churn risk from which a repeat buyer past their usual gap is declining, however short the silence."""
    new_days: float = Field(30.0, ge=0)
    mature_orders: float = Field(5, ge=2)
    mature_days: float = Field(180.0, ge=0)
    mature_risk: float = Field(0.5, ge=0, le=1)
    seasonal_share: float = Field(0.7, gt=0, le=1)
    """Concentration of the orders in one season of the year: 0 all year round, 1 on one day of it."""
    seasonal_orders: float = Field(4, ge=2)
    seasonal_days: float = Field(300.0, gt=0)
    """First to last order: a season must have come back to be one."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The customer's own pace at `as_of`. `silence` is days since the last order over `days`."""

    days: float
    silence: float
    is_seasonal: bool
    is_reactivated: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """A stage, the rule that named it, and the days since it holds (None: not known from the state)."""

    stage: Stage
    rule: str
    held_days: float | None


def measure_rhythm(row: list[float], policy: StagePolicy, usual_days: float) -> Rhythm:
    """From a feature row of someone who has bought.

    The mean of the customer's own gaps, shrunk to the `usual_days` of all: (w·usual + span) /
    (w + gaps), w = `rhythm_weight`. A seasonal customer's rhythm is a year.
    """
    orders, recency = row[_AT["orders"]], row[_AT["recency_days"]]
    span, gaps = row[_AT["tenure_days"]] - recency, orders - 1.0
    weight = policy.rhythm_weight
    days = (weight * usual_days + span) / (weight + gaps)
    concentration = hypot(row[_AT["season_same"]], row[_AT["season_ahead"]])
    seasonal = (
        orders >= policy.seasonal_orders
        and span >= policy.seasonal_days
        and concentration >= policy.seasonal_share
        and days < YEAR_DAYS
    )
    last_gap = row[_AT["last_gap_days"]]
    if isnan(last_gap):
        return Rhythm(days, recency / days, False, False)
    before = (weight * usual_days + span - last_gap) / (weight + gaps - 1.0)
    reactivated = not seasonal and last_gap >= max(policy.lost_silence * before, policy.lost_days)
    pace = YEAR_DAYS if seasonal else before if reactivated else days
    return Rhythm(pace, recency / pace, seasonal, reactivated)


def judge_stage(
    row: list[float], rhythm: Rhythm | None, churn_risk: float | None, policy: StagePolicy
) -> Judgement:
    """The first rule that holds.

    `rhythm` is None for someone who never bought, `churn_risk` None where no model serves.
    """
    known_days = row[_AT["known_days"]]
    if rhythm is None:
        return Judgement("prospect", "no_order_yet", None if isnan(known_days) else known_days)
    recency, tenure, orders = row[_AT["recency_days"]], row[_AT["tenure_days"]], row[_AT["orders"]]
    risk = 1.0 if churn_risk is None else churn_risk
    lost_at = max(policy.lost_silence * rhythm.days, policy.lost_days)
    if recency >= lost_at and risk >= policy.lost_risk:
        return Judgement("lost", "silent_far_beyond_own_rhythm", recency - lost_at)
    if rhythm.silence >= policy.declining_silence and risk >= policy.declining_risk:
        return Judgement(
            "declining", "silent_beyond_own_rhythm", recency - policy.declining_silence * rhythm.days
        )
    if rhythm.is_reactivated:
        return Judgement("growing", "came_back_after_long_silence", recency)
    if orders < 2 or tenure < policy.new_days:
        return Judgement("new", "first_order_is_recent", tenure)
    if _is_fading(row, rhythm, policy):
        return Judgement("declining", "buys_clearly_less", None)
    if churn_risk is not None and churn_risk >= policy.at_risk and rhythm.silence >= 1.0:
        return Judgement("declining", "likely_to_leave", None)
    is_stable = churn_risk is None or churn_risk < policy.mature_risk
    if orders >= policy.mature_orders and tenure >= policy.mature_days and is_stable:
        return Judgement("mature", "frequent_and_stable", None)
    return Judgement("growing", "buys_again", None)


def _is_fading(row: list[float], rhythm: Rhythm, policy: StagePolicy) -> bool:
    """Whether the rate of the last months is well below the rate of the last year.

    Decayed counts at 60 and 240 days estimate the rates orders·ln2/60 and orders·ln2/240, so a
    steady buyer's ratio of counts is a quarter.
    """
    rate = 4.0 * row[_AT["orders_60d_per_240d"]]
    return (
        row[_AT["orders"]] >= policy.fading_orders
        and rate < policy.fading_rate
        and rhythm.silence >= 1.0
        and not rhythm.is_seasonal
    )


def presume_risk(rhythm: Rhythm, horizon_days: float) -> float:
    """P(no purchase in the horizon) by rule, where no model serves.

    A customer still active buys like a Poisson process at their own rhythm, P(no order) =
    exp(−horizon / rhythm); each usual gap of silence past the first halves the chance that they are.
    """
    active = exp2(-max(rhythm.silence - 1.0, 0.0))
    return 1.0 + active * expm1(-horizon_days / rhythm.days)
