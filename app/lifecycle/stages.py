"""The stage policy: readable rules over orders, tenure, the customer's own rhythm and the churn risk.

Described for retailers in docs/explanation/stages.md. The first rule that holds names the stage.
"""

from math import exp2, expm1, inf, isnan, log, sqrt
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.measures import HALF_LIVES_DAYS

Stage = Literal["prospect", "new", "growing", "mature", "declining", "lost"]

_AT: Final = {name: index for index, name in enumerate(FEATURE_NAMES)}
YEAR_DAYS: Final = 365.25


class StagePolicy(BaseModel):
    """The thresholds. Silence is counted in the customer's own rhythm: 1 is one usual gap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rhythm_days: float = Field(45.0, gt=0)
    """The usual gap between orders where neither customer nor model tells."""
    rhythm_weight: float = Field(1.0, gt=0)
    """How many of the customer's own gaps the usual gap counts for."""
    lost_silence: float = Field(6.0, gt=0)
    lost_days: float = Field(90.0, ge=0)
    """Nobody is lost before so many days of silence."""
    lost_risk: float = Field(0.9, ge=0, le=1)
    gone_silence: float = Field(3.0, gt=0)
    gone_days: float = Field(365.0, ge=0)
    """From both on a customer is lost whatever the model says: every season has passed without them."""
    declining_silence: float = Field(2.5, gt=0)
    early_silence: float = Field(2.0, gt=0)
    """The same before `new_orders`: who means to stay has mostly come again by then."""
    declining_risk: float = Field(0.4, ge=0, le=1)
    """Below this risk the model's word that they will be back outweighs the silence."""
    fading_rate: float = Field(0.5, gt=0)
    """Rate of orders of late over the long-run rate below which a customer buys clearly less."""
    fading_gaps: float = Field(2.0, gt=0)
    """How many of their own gaps the half-life of "of late" is at least."""
    fading_orders: float = Field(6, ge=2)
    at_risk: float = Field(0.8, ge=0, le=1)
    """Churn risk from which a repeat buyer past their usual gap is declining, however short the silence."""
    new_days: float = Field(30.0, ge=0)
    new_orders: float = Field(3, ge=2)
    """The order that ends being new, even within `new_days`."""
    mature_orders: float = Field(5, ge=2)
    mature_days: float = Field(180.0, ge=0)
    mature_risk: float = Field(0.55, ge=0, le=1)
    seasonal_share: float = Field(0.7, gt=0, le=1)
    """Concentration of the orders in one season of the year: 0 all year round, 1 on one day of it."""
    seasonal_evidence: float = Field(1.8, ge=0)
    """Least orders × concentration² (Rayleigh): the fewer the orders, the closer they must lie."""
    seasonal_days: float = Field(300.0, gt=0)
    """First to last order: a season must have come back to be one."""
    season_late_days: float = Field(60.0, ge=0)
    """A season is missed when it is so many days past the anniversary of the last order."""


class Rhythm(NamedTuple):
    """The customer's own pace at `as_of`. `silence` is days since the last order over `days`."""

    days: float
    silence: float
    is_seasonal: bool
    is_reactivated: bool


class Judgement(NamedTuple):
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
    same, ahead = row[_AT["season_same"]], row[_AT["season_ahead"]]
    concentration = sqrt(same * same + ahead * ahead)  # no hypot: that of arrays differs in the last bit
    seasonal = (
        span >= policy.seasonal_days
        and concentration >= policy.seasonal_share
        and orders * (concentration * concentration) >= policy.seasonal_evidence
        and days < YEAR_DAYS
    )
    last_gap = row[_AT["last_gap_days"]]
    if isnan(last_gap):
        return Rhythm(days, recency / days, False, False)
    before = (weight * usual_days + span - last_gap) / (weight + gaps - 1.0)
    reactivated = not seasonal and last_gap >= max(policy.lost_silence * before, policy.lost_days)
    pace = YEAR_DAYS if seasonal else before if reactivated else days
    return Rhythm(pace, recency / pace, seasonal, reactivated)


def judge_stage(row: list[float], rhythm: Rhythm | None, churn_risk: float | None, policy: StagePolicy) -> Judgement:
    """The first rule that holds.

    `churn_risk` is the model's, or `presume_risk` where none serves. Both it and `rhythm` are None for
    someone who never bought.
    """
    known_days = row[_AT["known_days"]]
    if rhythm is None or churn_risk is None:
        return Judgement("prospect", "no_order_yet", None if isnan(known_days) else known_days)
    silent = _judge_silence(row, rhythm, churn_risk, policy)
    if silent is not None:
        return silent
    tenure, orders = row[_AT["tenure_days"]], row[_AT["orders"]]
    if orders < 2 or (tenure < policy.new_days and orders < policy.new_orders):
        return Judgement("new", "first_order_is_recent", tenure)
    if churn_risk >= policy.at_risk and rhythm.silence >= 1.0:
        return Judgement("declining", "likely_to_leave", None)
    if rhythm.is_reactivated:
        return Judgement("growing", "came_back_after_long_silence", row[_AT["recency_days"]])
    if _is_fading(row, rhythm, policy):
        return Judgement("declining", "buys_clearly_less", None)
    is_known = orders >= policy.mature_orders and tenure >= policy.mature_days
    if is_known and churn_risk < policy.mature_risk:
        return Judgement("mature", "frequent_and_stable", None)
    return Judgement("growing", "buys_again", None)


def _judge_silence(row: list[float], rhythm: Rhythm, churn_risk: float, policy: StagePolicy) -> Judgement | None:
    """Whether a customer is lost or declining by their silence; a season that is missed is silence too."""
    recency, is_early = row[_AT["recency_days"]], row[_AT["orders"]] < policy.new_orders
    if rhythm.is_seasonal:
        declining_at, gone_at = (years * YEAR_DAYS + policy.season_late_days for years in (1, 2))
        lost_at, missed_one, missed_all = inf, "missed_the_season", "missed_two_seasons"
    else:
        declining_at = (policy.early_silence if is_early else policy.declining_silence) * rhythm.days
        gone_at = max(policy.gone_silence * rhythm.days, policy.gone_days)
        lost_at = max(policy.lost_silence * rhythm.days, policy.lost_days)
        missed_one, missed_all = "silent_beyond_own_rhythm", "silent_for_a_year"
    if recency >= lost_at and churn_risk >= policy.lost_risk and lost_at < gone_at:
        return Judgement("lost", "silent_far_beyond_own_rhythm", recency - lost_at)
    if recency >= gone_at:
        return Judgement("lost", missed_all, recency - gone_at)
    if recency >= declining_at and churn_risk >= policy.declining_risk:
        return Judgement("declining", missed_one, recency - declining_at)
    return None


def _is_fading(row: list[float], rhythm: Rhythm, policy: StagePolicy) -> bool:
    """Whether the rate of orders of late is well below the long-run rate.

    "Of late" has the shortest half-life of at least `fading_gaps` own gaps, the long run the longest of
    all. Past `declining_silence` it is the silence that is judged.
    """
    is_judged = row[_AT["orders"]] >= policy.fading_orders and rhythm.silence < policy.declining_silence
    if not is_judged or rhythm.is_seasonal:
        return False
    *shorter, longest = HALF_LIVES_DAYS
    wanted = policy.fading_gaps * rhythm.days
    of_late = next((days for days in shorter if days >= wanted), shorter[-1])
    tenure = row[_AT["tenure_days"]]
    late = row[_AT[f"orders_decayed_{of_late}d"]] * _seen_days(tenure, longest)
    long_run = row[_AT[f"orders_decayed_{longest}d"]] * _seen_days(tenure, of_late)
    return late < policy.fading_rate * long_run


def _seen_days(tenure: float, half_life_days: int) -> float:
    """What an order a day over the whole relation counts, decayed: h / ln 2 · (1 − 2^(−tenure / h))."""
    return half_life_days / log(2.0) * (1.0 - exp2(-tenure / half_life_days))


def presume_active(rhythm: Rhythm) -> float:
    """The chance, by rule, that a customer still buys: each usual gap of silence past the first halves it."""
    return exp2(-max(rhythm.silence - 1.0, 0.0))


def presume_risk(rhythm: Rhythm, horizon_days: float) -> float:
    """P(no purchase in the horizon) by rule, where no model serves.

    A customer still active buys like a Poisson process at their own rhythm, P(no order) =
    exp(−horizon / rhythm).
    """
    return 1.0 + presume_active(rhythm) * expm1(-horizon_days / rhythm.days)
