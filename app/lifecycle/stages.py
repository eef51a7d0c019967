"""The stage policy: readable rules over orders, tenure, the customer's own rhythm and the churn risk.

Described for retailers in docs/explanation/stages.md. The first rule that holds names the stage. Each rule stands
once, in an arithmetic of one customer or of many: `judge_stage` here asks it of one, `app.lifecycle.stage_arrays` of
many.
"""

from collections.abc import Iterator, Mapping
from math import log, nan
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from app.lifecycle.arithmetic import ONE, Arithmetic, Number, Row, Truth
from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.measures import HALF_LIVES_DAYS

Stage = Literal["prospect", "new", "growing", "mature", "declining", "lost"]

STAGE_OF: Final[Mapping[str, Stage]] = {
    "no_order_yet": "prospect",
    "missed_two_seasons": "lost",
    "missed_the_season": "declining",
    "silent_far_beyond_own_rhythm": "lost",
    "silent_for_a_year": "lost",
    "silent_beyond_own_rhythm": "declining",
    "first_order_is_recent": "new",
    "likely_to_leave": "declining",
    "came_back_after_long_silence": "growing",
    "buys_clearly_less": "declining",
    "frequent_and_stable": "mature",
    "buys_again": "growing",
}
"""Rule → the stage that it names, in the order in which they are asked."""
YEAR_DAYS: Final = 365.25

_AT: Final = {name: index for index, name in enumerate(FEATURE_NAMES)}
_ORDERS, _RECENCY, _TENURE, _KNOWN = (_AT[name] for name in ("orders", "recency_days", "tenure_days", "known_days"))
_LAST_GAP, _SAME, _AHEAD = (_AT[name] for name in ("last_gap_days", "season_same", "season_ahead"))
*_SHORTER, _LONGEST = HALF_LIVES_DAYS
_SHORT_OF_LAST: Final = _SHORTER[:-1]
_DECAYED: Final = tuple(_AT[f"orders_decayed_{days}d"] for days in HALF_LIVES_DAYS)
_LN_2: Final = log(2.0)


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class StagePolicy:
    """The thresholds. Silence is counted in the customer's own rhythm: 1 is one usual gap.

    Slots, since a stage asks for twenty of them: of a `BaseModel` each costs as much as ten comparisons.
    """

    rhythm_days: Annotated[float, Field(gt=0)] = 45.0
    """The usual gap between orders where neither customer nor model tells."""
    rhythm_weight: Annotated[float, Field(gt=0)] = 1.0
    """How many of the customer's own gaps the usual gap counts for."""
    lost_silence: Annotated[float, Field(gt=0)] = 6.0
    lost_days: Annotated[float, Field(ge=0)] = 90.0
    """Nobody is lost before so many days of silence."""
    lost_risk: Annotated[float, Field(ge=0, le=1)] = 0.9
    gone_silence: Annotated[float, Field(gt=0)] = 3.0
    gone_days: Annotated[float, Field(ge=0)] = 365.0
    """From both on a customer is lost whatever the model says: every season has passed without them."""
    declining_silence: Annotated[float, Field(gt=0)] = 2.5
    early_silence: Annotated[float, Field(gt=0)] = 2.0
    """The same before `new_orders`: who means to stay has mostly come again by then."""
    declining_risk: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Below this risk the model's word that they will be back outweighs the silence."""
    fading_rate: Annotated[float, Field(gt=0)] = 0.5
    """Rate of orders of late over the long-run rate below which a customer buys clearly less."""
    fading_gaps: Annotated[float, Field(gt=0)] = 2.0
    """How many of their own gaps the half-life of "of late" is at least."""
    fading_orders: Annotated[float, Field(ge=2)] = 6
    at_risk: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Churn risk from which a repeat buyer past their usual gap is declining, however short the silence."""
    new_days: Annotated[float, Field(ge=0)] = 30.0
    new_orders: Annotated[float, Field(ge=2)] = 3
    """The order that ends being new, even within `new_days`."""
    mature_orders: Annotated[float, Field(ge=2)] = 5
    mature_days: Annotated[float, Field(ge=0)] = 180.0
    mature_risk: Annotated[float, Field(ge=0, le=1)] = 0.55
    seasonal_share: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Concentration of the orders in one season of the year: 0 all year round, 1 on one day of it."""
    seasonal_evidence: Annotated[float, Field(ge=0)] = 1.8
    """Least orders × concentration² (Rayleigh): the fewer the orders, the closer they must lie."""
    seasonal_days: Annotated[float, Field(gt=0)] = 300.0
    """First to last order: a season must have come back to be one."""
    season_late_days: Annotated[float, Field(ge=0)] = 60.0
    """A season is missed when it is so many days past the anniversary of the last order."""


class Rhythm(NamedTuple):
    """The customer's own pace at `as_of`. `silence` is days since the last order over `days`."""

    days: float
    silence: float
    is_seasonal: bool
    is_reactivated: bool


Pace = tuple[Number, Number, Truth, Truth]
"""The fields of a Rhythm, of one customer or of many."""


class Judgement(NamedTuple):
    """A stage, the rule that named it, and the days since it holds (None: not known from the state)."""

    stage: Stage
    rule: str
    held_days: float | None


_NO_RHYTHM: Final = Rhythm(nan, nan, False, False)


def measure_rhythm(row: list[float], policy: StagePolicy, usual_days: float) -> Rhythm:
    """From a feature row of someone who has bought. See `find_rhythm`."""
    return Rhythm(*find_rhythm(row, policy, usual_days, ONE))


def judge_stage(row: list[float], rhythm: Rhythm | None, churn_risk: float | None, policy: StagePolicy) -> Judgement:
    """The first rule that holds.

    `churn_risk` is the model's, or `presume_risk` where none serves. Both it and `rhythm` are None for
    someone who never bought.
    """
    if rhythm is None or churn_risk is None:
        rhythm, churn_risk = _NO_RHYTHM, nan
    for rule, holds, since in ask_rules(row, rhythm, churn_risk, policy, ONE):  # noqa: B007 the last one always holds
        if holds:
            break
    return Judgement(STAGE_OF[rule], rule, since if since == since else None)


def find_rhythm(row: Row, policy: StagePolicy, usual_days: float, of: Arithmetic) -> Pace:
    """The mean of the customer's own gaps, shrunk to the `usual_days` of all: (w·usual + span) /
    (w + gaps), w = `rhythm_weight`. A seasonal customer's rhythm is a year.
    """
    orders, recency, last_gap = row[_ORDERS], row[_RECENCY], row[_LAST_GAP]
    span, gaps, weight = row[_TENURE] - recency, orders - 1.0, policy.rhythm_weight
    whole = weight * usual_days + span
    days = whole / (weight + gaps)
    has_gap = last_gap == last_gap
    seasonal = has_gap & (days < YEAR_DAYS) & _comes_in_seasons(row, span, policy, of)
    before = (whole - last_gap) / (weight + of.where(has_gap, gaps, 2.0) - 1.0)  # without a gap it means nothing
    is_long = last_gap >= of.larger(policy.lost_silence * before, policy.lost_days)
    reactivated = is_long & (seasonal ^ True)
    pace = of.where(seasonal, YEAR_DAYS, of.where(reactivated, before, days))
    return pace, recency / pace, seasonal, reactivated


def _comes_in_seasons(row: Row, span: Number, policy: StagePolicy, of: Arithmetic) -> Truth:
    same, ahead = row[_SAME], row[_AHEAD]
    concentration = of.sqrt(same * same + ahead * ahead)  # no hypot: that of arrays differs in the last bit
    is_close = (span >= policy.seasonal_days) & (concentration >= policy.seasonal_share)
    return is_close & (row[_ORDERS] * (concentration * concentration) >= policy.seasonal_evidence)


def ask_rules(
    row: Row, rhythm: Pace, risk: Number, policy: StagePolicy, of: Arithmetic
) -> Iterator[tuple[str, Truth, Number]]:
    """In the order of STAGE_OF: the rule, of whom it holds, and since how many days (NaN: not known).

    The risk is NaN of who never bought.
    """
    pace, silence, seasonal, reactivated = rhythm
    orders, recency, tenure = row[_ORDERS], row[_RECENCY], row[_TENURE]
    yield "no_order_yet", (orders == 0.0) | (risk != risk), row[_KNOWN]

    is_believed = risk >= policy.declining_risk
    one_missed, two_missed = YEAR_DAYS + policy.season_late_days, 2 * YEAR_DAYS + policy.season_late_days
    yield "missed_two_seasons", seasonal & (recency >= two_missed), recency - two_missed
    yield "missed_the_season", seasonal & (recency >= one_missed) & is_believed, recency - one_missed

    steady = seasonal ^ True
    lost_at = of.larger(policy.lost_silence * pace, policy.lost_days)
    gone_at = of.larger(policy.gone_silence * pace, policy.gone_days)
    is_lost = (recency >= lost_at) & (lost_at < gone_at) & (risk >= policy.lost_risk)
    yield "silent_far_beyond_own_rhythm", steady & is_lost, recency - lost_at
    yield "silent_for_a_year", steady & (recency >= gone_at), recency - gone_at
    patience = of.where(orders < policy.new_orders, policy.early_silence, policy.declining_silence)
    yield "silent_beyond_own_rhythm", steady & (recency >= patience * pace) & is_believed, recency - patience * pace

    is_first = (orders < 2) | ((tenure < policy.new_days) & (orders < policy.new_orders))
    yield "first_order_is_recent", is_first, tenure
    yield "likely_to_leave", (risk >= policy.at_risk) & (silence >= 1.0), nan
    yield "came_back_after_long_silence", reactivated, recency
    is_compared = steady & (orders >= policy.fading_orders) & (silence < policy.declining_silence)
    yield "buys_clearly_less", of.among(is_compared, _is_fading, row, pace, policy, of), nan
    is_known = (orders >= policy.mature_orders) & (tenure >= policy.mature_days)
    yield "frequent_and_stable", is_known & (risk < policy.mature_risk), nan
    yield "buys_again", True, nan


def _is_fading(row: Row, pace: Number, policy: StagePolicy, of: Arithmetic) -> Truth:
    """Whether the rate of orders of late is well below the long-run rate.

    "Of late" has the shortest half-life of at least `fading_gaps` own gaps, the long run the longest of
    all. Past `declining_silence` it is the silence that is judged.
    """
    at = of.place(_SHORT_OF_LAST, policy.fading_gaps * pace)
    tenure, half_life = row[_TENURE], of.take(_SHORTER, at)
    late = row[of.take(_DECAYED, at)] * _seen_days(tenure, _LONGEST, of)
    long_run = row[_DECAYED[-1]] * _seen_days(tenure, half_life, of)
    return late < policy.fading_rate * long_run


def _seen_days(tenure: Number, half_life_days: Number, of: Arithmetic) -> Number:
    """What an order a day over the whole relation counts, decayed: h / ln 2 · (1 − 2^(−tenure / h))."""
    return half_life_days / _LN_2 * (1.0 - of.exp2(-tenure / half_life_days))


def presume_active(rhythm: Pace, of: Arithmetic = ONE) -> Number:
    """The chance, by rule, that a customer still buys: each usual gap of silence past the first halves it."""
    _, silence, _, _ = rhythm
    return of.exp2(-of.larger(silence - 1.0, 0.0))


def presume_risk(rhythm: Pace, horizon_days: float, of: Arithmetic = ONE) -> Number:
    """P(no purchase in the horizon) by rule, where no model serves.

    A customer still active buys like a Poisson process at their own rhythm, P(no order) =
    exp(−horizon / rhythm).
    """
    days, _, _, _ = rhythm
    return risk_if_active(presume_active(rhythm, of), days, horizon_days, of)


def risk_if_active(active: Number, days: Number, horizon_days: float, of: Arithmetic) -> Number:
    """`presume_risk` of whose chance to be active is known, at a rhythm of so many days."""
    return 1.0 + active * of.expm1(-horizon_days / days)
