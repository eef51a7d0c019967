"""The stage policy over many customers at once: what `app.lifecycle.stages` says of each, to the last bit.

The rules of both stand in one order, RULES; tests compare the two. What is said there of a rule is not
said here again.
"""

from collections.abc import Mapping
from math import exp2, inf, log
from typing import Final, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.features import FEATURE_NAMES, Floats
from app.lifecycle.measures import HALF_LIVES_DAYS
from app.lifecycle.stages import YEAR_DAYS, Stage, StagePolicy

Flags = NDArray[np.bool_]
Codes = NDArray[np.uint8]

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
STAGE_OF: Final[Mapping[str, Stage]] = {
    "no_order_yet": "prospect",
    "silent_far_beyond_own_rhythm": "lost",
    "missed_two_seasons": "lost",
    "silent_for_a_year": "lost",
    "missed_the_season": "declining",
    "silent_beyond_own_rhythm": "declining",
    "first_order_is_recent": "new",
    "likely_to_leave": "declining",
    "came_back_after_long_silence": "growing",
    "buys_clearly_less": "declining",
    "frequent_and_stable": "mature",
    "buys_again": "growing",
}
"""Rule → the stage that it names, in the order in which they are asked."""
RULES: Final = tuple(STAGE_OF)

_STAGE_CODES: Final[Codes] = np.array([STAGES.index(stage) for stage in STAGE_OF.values()], np.uint8)
_AT: Final = {name: index for index, name in enumerate(FEATURE_NAMES)}
_SHORTER: Final = np.array(HALF_LIVES_DAYS[:-1], np.float64)
_SHORTER_AT: Final = np.array([_AT[f"orders_decayed_{days}d"] for days in HALF_LIVES_DAYS[:-1]])
_LONGEST: Final = float(HALF_LIVES_DAYS[-1])
_LONGEST_AT: Final = _AT[f"orders_decayed_{HALF_LIVES_DAYS[-1]}d"]


class Rhythms(NamedTuple):
    """`Rhythm` of many, each (n,); of who never bought it means nothing."""

    days: Floats
    silence: Floats
    is_seasonal: Flags
    is_reactivated: Flags


class Judgements(NamedTuple):
    """Each (n,): the stage as its place in STAGES, the rule as its place in RULES, and the days since it
    holds (NaN: not known from the state)."""

    stages: Codes
    rules: Codes
    held_days: Floats


_Held = tuple[Flags, Floats | float]
"""Of whom a rule holds, and since how many days."""


@np.errstate(divide="ignore", invalid="ignore")
def measure_rhythms(rows: Floats, policy: StagePolicy, usual_days: float) -> Rhythms:
    """Of feature rows, (n, len(FEATURES)). See `measure_rhythm`."""
    orders, recency, last_gap = rows[:, _AT["orders"]], rows[:, _AT["recency_days"]], rows[:, _AT["last_gap_days"]]
    span, gaps, weight = rows[:, _AT["tenure_days"]] - recency, orders - 1.0, policy.rhythm_weight
    days = (weight * usual_days + span) / (weight + gaps)
    has_gap = ~np.isnan(last_gap)
    seasonal = has_gap & (days < YEAR_DAYS) & _comes_in_seasons(rows, span, policy)
    before = (weight * usual_days + span - last_gap) / (weight + gaps - 1.0)
    reactivated = ~seasonal & (last_gap >= np.maximum(policy.lost_silence * before, policy.lost_days))
    pace = np.where(seasonal, YEAR_DAYS, np.where(reactivated, before, days))
    return Rhythms(pace, recency / pace, seasonal, reactivated)


def _comes_in_seasons(rows: Floats, span: Floats, policy: StagePolicy) -> Flags:
    same, ahead = rows[:, _AT["season_same"]], rows[:, _AT["season_ahead"]]
    concentration = np.sqrt(same * same + ahead * ahead)
    is_close = concentration >= policy.seasonal_share
    is_evident = rows[:, _AT["orders"]] * (concentration * concentration) >= policy.seasonal_evidence
    return np.asarray((span >= policy.seasonal_days) & is_close & is_evident)


@np.errstate(invalid="ignore")
def judge_stages(rows: Floats, rhythms: Rhythms, churn_risk: Floats, policy: StagePolicy) -> Judgements:
    """The first rule that holds of each feature row, (n, len(FEATURES)). See `judge_stage`.

    `churn_risk` is (n,), NaN of who never bought.
    """
    held: dict[str, _Held] = {
        "no_order_yet": ((rows[:, _AT["orders"]] == 0.0) | np.isnan(churn_risk), rows[:, _AT["known_days"]]),
        **_hold_by_silence(rows, rhythms, churn_risk, policy),
        **_hold_by_orders(rows, rhythms, churn_risk, policy),
    }
    ordered = [held[rule] for rule in RULES]
    flags = [holds for holds, _ in ordered]
    rules = np.select(flags, [np.uint8(code) for code in range(len(RULES))], np.uint8(0))
    held_days = np.select(flags, [since for _, since in ordered], np.nan)
    return Judgements(_STAGE_CODES.take(rules), rules, held_days)


def _hold_by_silence(rows: Floats, rhythms: Rhythms, churn_risk: Floats, policy: StagePolicy) -> dict[str, _Held]:
    recency, seasonal, pace = rows[:, _AT["recency_days"]], rhythms.is_seasonal, rhythms.days
    missed_one, missed_two = (years * YEAR_DAYS + policy.season_late_days for years in (1, 2))
    is_early = rows[:, _AT["orders"]] < policy.new_orders
    patience = np.where(is_early, policy.early_silence, policy.declining_silence)
    declining_at = np.where(seasonal, missed_one, patience * pace)
    gone_at = np.where(seasonal, missed_two, np.maximum(policy.gone_silence * pace, policy.gone_days))
    lost_at = np.where(seasonal, inf, np.maximum(policy.lost_silence * pace, policy.lost_days))
    lost = (recency >= lost_at) & (churn_risk >= policy.lost_risk) & (lost_at < gone_at)
    gone = recency >= gone_at
    declining = (recency >= declining_at) & (churn_risk >= policy.declining_risk)
    return {
        "silent_far_beyond_own_rhythm": (lost, recency - lost_at),
        "missed_two_seasons": (gone & seasonal, recency - gone_at),
        "silent_for_a_year": (gone & ~seasonal, recency - gone_at),
        "missed_the_season": (declining & seasonal, recency - declining_at),
        "silent_beyond_own_rhythm": (declining & ~seasonal, recency - declining_at),
    }


def _hold_by_orders(rows: Floats, rhythms: Rhythms, churn_risk: Floats, policy: StagePolicy) -> dict[str, _Held]:
    tenure, orders = rows[:, _AT["tenure_days"]], rows[:, _AT["orders"]]
    is_new = (orders < 2) | ((tenure < policy.new_days) & (orders < policy.new_orders))
    is_known = (orders >= policy.mature_orders) & (tenure >= policy.mature_days)
    leaving = (churn_risk >= policy.at_risk) & (rhythms.silence >= 1.0)
    return {
        "first_order_is_recent": (is_new, tenure),
        "likely_to_leave": (leaving, np.nan),
        "came_back_after_long_silence": (rhythms.is_reactivated, rows[:, _AT["recency_days"]]),
        "buys_clearly_less": (_fade(rows, rhythms, policy), np.nan),
        "frequent_and_stable": (is_known & (churn_risk < policy.mature_risk), np.nan),
        "buys_again": (np.ones(len(rows), np.bool_), np.nan),
    }


def _fade(rows: Floats, rhythms: Rhythms, policy: StagePolicy) -> Flags:
    """See `_is_fading`."""
    fades = (rows[:, _AT["orders"]] >= policy.fading_orders) & (rhythms.silence < policy.declining_silence)
    judged = np.flatnonzero(fades & ~rhythms.is_seasonal)
    which = np.searchsorted(_SHORTER, policy.fading_gaps * rhythms.days[judged]).clip(max=len(_SHORTER) - 1)
    tenure = rows[judged, _AT["tenure_days"]]
    late = rows[judged, _SHORTER_AT[which]] * _seen_days(tenure, _LONGEST)
    long_run = rows[judged, _LONGEST_AT] * _seen_days(tenure, _SHORTER[which])
    fades[:] = False
    fades[judged] = late < policy.fading_rate * long_run
    return fades


def _seen_days(tenure: Floats, half_lives_days: Floats | float) -> Floats:
    """numpy's own exp2 differs from that of single customers in the last bit."""
    left = np.fromiter(map(exp2, (-tenure / half_lives_days).tolist()), np.float64, len(tenure))
    return np.asarray(half_lives_days / log(2.0) * (1.0 - left))


@np.errstate(invalid="ignore")
def presume_actives(rhythms: Rhythms) -> Floats:
    """(n,). See `presume_active`."""
    return np.asarray(np.exp2(-np.maximum(rhythms.silence - 1.0, 0.0)))


@np.errstate(divide="ignore", invalid="ignore")
def presume_risks(rhythms: Rhythms, horizon_days: float) -> Floats:
    """(n,). See `presume_risk`."""
    return 1.0 + presume_actives(rhythms) * np.expm1(-horizon_days / rhythms.days)
