"""The stage policy, as a retailer would tell it, and at the edge of every threshold."""

from collections.abc import Sequence
from math import exp
from typing import NamedTuple, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.errors import UnusableSettings
from app.foundation.settings import Settings
from app.lifecycle import events as e
from app.lifecycle.events import DAY_US, Event
from app.lifecycle.features import FEATURE_NAMES, features_of_one
from app.lifecycle.measures import fold, numbers_of
from app.lifecycle.stages import (
    YEAR_DAYS,
    Rhythm,
    Stage,
    StagePolicy,
    judge_stage,
    measure_rhythm,
    presume_risk,
)

TODAY = 20_000
POLICY = StagePolicy()
BARE = Event("C-1", "/pos", "1", "", 0, None, None, None, 0, 0, 0, 0, None, b"", "{}")


def make_row(orders_ago, visits_ago=(), as_of_day=TODAY):
    """The feature row of someone who ordered and looked around so many days before TODAY."""
    happened = [(e.ORDER_COMPLETED, days) for days in orders_ago] + [(e.STORE_VISITED, days) for days in visits_ago]
    state = fold(
        BARE._replace(id=str(number), type=type_, occurred_us=round((TODAY - days) * DAY_US), amount_minor=10_000)
        for number, (type_, days) in enumerate(happened)
    )
    return features_of_one(numbers_of(state), as_of_day * DAY_US)


def judge(orders_ago, risk=None, usual_days=45.0, policy=POLICY, visits_ago=()):
    """The judgement; `risk` None: no model serves."""
    row = make_row(orders_ago, visits_ago)
    if not orders_ago:
        return judge_stage(row, None, None, policy)
    rhythm = measure_rhythm(row, policy, usual_days)
    return judge_stage(row, rhythm, presume_risk(rhythm, 90) if risk is None else risk, policy)


def every(gap_days, times, last):
    """So many orders with one gap, the last `last` days ago."""
    return [last + gap_days * number for number in range(times)]


class Story(NamedTuple):
    """A customer in a retailer's words: days ago of each order, the shop's usual gap, what they are by rules
    alone, and with a model that sees `risk`.
    """

    told: str
    orders_ago: Sequence[float]
    usual_days: float
    by_rules: tuple[str, str]
    risk: float
    by_model: tuple[str, str]


PROSPECT = ("prospect", "no_order_yet")
NEW = ("new", "first_order_is_recent")
GROWING = ("growing", "buys_again")
BACK = ("growing", "came_back_after_long_silence")
MATURE = ("mature", "frequent_and_stable")
SILENT = ("declining", "silent_beyond_own_rhythm")
FADING = ("declining", "buys_clearly_less")
LEAVING = ("declining", "likely_to_leave")
MISSED = ("declining", "missed_the_season")
LOST = ("lost", "silent_far_beyond_own_rhythm")
GONE = ("lost", "silent_for_a_year")
MISSED_TWO = ("lost", "missed_two_seasons")

WEEKLY = every(7, 60, 0)
COATS = [400, 760, 1080]
TWO_CHRISTMASES = [90, 97, 456, 463]

STORIES = (
    # Grocery: a usual gap of eight days.
    Story("weekly shopper, here three days ago", every(7, 60, 3), 8, MATURE, 0.05, MATURE),
    Story("weekly shopper, silent for three weeks", every(7, 60, 21), 8, SILENT, 0.42, SILENT),
    Story("the same, whom the model knows to be away on holiday", every(7, 60, 21), 8, SILENT, 0.1, MATURE),
    Story("weekly shopper, silent for six weeks", every(7, 60, 42), 8, SILENT, 0.7, SILENT),
    Story("weekly shopper, silent for four months", every(7, 60, 120), 8, LOST, 0.95, LOST),
    Story("heavy user, two days into silence", every(2, 200, 2), 8, MATURE, 0.02, MATURE),
    Story("heavy user, silent for ten days", every(2, 200, 10), 8, SILENT, 0.45, SILENT),
    Story(
        "weekly for a year, monthly since the spring",
        [*every(30, 4, 10), *every(7, 52, 107)],
        8,
        FADING,
        0.15,
        FADING,
    ),
    Story(
        "weekly for a year, long since monthly",
        [*every(30, 30, 10), *every(7, 52, 887)],
        8,
        MATURE,
        0.15,
        MATURE,
    ),
    Story("four shops in the first three weeks", every(6, 4, 2), 8, GROWING, 0.2, GROWING),
    Story("a second shop within the first week", [1, 6], 8, NEW, 0.3, NEW),
    # A shop whose customers come every six weeks.
    Story("bought once, ten days ago", [10], 45, NEW, 0.6, NEW),
    Story("bought once, two months ago", [60], 45, NEW, 0.7, NEW),
    Story("bought once, five months ago", [150], 45, SILENT, 0.8, SILENT),
    Story("bought once, ten months ago", [300], 45, LOST, 0.85, SILENT),
    Story("bought once, more than a year ago", [400], 45, LOST, 0.85, GONE),
    Story("second order after six weeks", [5, 47], 45, GROWING, 0.5, GROWING),
    Story("monthly for two years", every(30, 25, 12), 45, MATURE, 0.15, MATURE),
    Story("monthly for two years, and now likely to leave", every(30, 25, 40), 45, MATURE, 0.85, LEAVING),
    Story("monthly for three months", every(30, 4, 12), 45, GROWING, 0.3, GROWING),
    Story("wholesaler, quarterly for two years", every(91, 9, 40), 45, MATURE, 0.5, MATURE),
    Story("wholesaler who left out two quarters", every(91, 9, 240), 45, SILENT, 0.8, SILENT),
    Story("wholesaler, silent for thirteen months", every(91, 9, 400), 45, GONE, 0.85, GONE),
    # Silence that has an explanation.
    Story("a coat each winter, bought three weeks ago", [21, *COATS], 150, GROWING, 0.85, GROWING),
    Story("a coat each winter, and it is autumn", [330, 690, 1060], 150, GROWING, 0.9, GROWING),
    Story("only at Singles' Day, in June of the third year", [212, 577], 45, GROWING, 0.75, GROWING),
    Story("at Christmas, in their second spring", TWO_CHRISTMASES, 45, GROWING, 0.85, GROWING),
    Story("at Christmas, and missed the last one", every(365, 3, 430), 45, MISSED, 0.75, MISSED),
    Story("at Christmas, and missed the last two", every(365, 3, 800), 45, MISSED_TWO, 0.6, MISSED_TWO),
    Story("one Christmas, in their first March", [80, 85, 90, 97], 45, SILENT, 0.75, SILENT),
    Story("one Christmas, in their first April", [110, 115, 120, 127], 45, LOST, 0.75, SILENT),
    # Back again.
    Story("weekly, away for eight months, back last week", [6, *every(7, 40, 250)], 8, BACK, 0.4, BACK),
    Story("the same, silent again for a month", [30, *every(7, 40, 274)], 8, SILENT, 0.7, SILENT),
    Story("bought once two years ago, and again last week", [7, 730 - 180], 45, BACK, 0.7, BACK),
    Story(
        "back for good: weekly again for three months",
        [*every(7, 13, 3), *every(7, 40, 330)],
        8,
        MATURE,
        0.1,
        MATURE,
    ),
)


@pytest.mark.parametrize("story", STORIES, ids=[story.told for story in STORIES])
def test_a_retailers_story(story):
    by_rules = judge(story.orders_ago, None, story.usual_days)
    assert (by_rules.stage, by_rules.rule) == story.by_rules
    by_model = judge(story.orders_ago, story.risk, story.usual_days)
    assert (by_model.stage, by_model.rule) == story.by_model


@pytest.mark.parametrize("visits_ago", [[0.1], [3, 40, 200], [700]])
def test_someone_who_only_looks_is_a_prospect(visits_ago):
    judgement = judge([], visits_ago=visits_ago)
    assert (judgement.stage, judgement.rule) == PROSPECT
    assert judgement.held_days == pytest.approx(max(visits_ago))


def test_somebody_nothing_is_known_of_is_a_prospect():
    judgement = judge([])
    assert (judgement.stage, judgement.rule, judgement.held_days) == (*PROSPECT, None)


def test_three_weeks_mean_much_for_a_weekly_shopper_and_nothing_for_a_coat_buyer():
    assert judge(every(7, 60, 21), usual_days=8).stage == "declining"
    assert judge([21, *COATS], usual_days=150).stage == "growing"


def test_the_stories_reach_every_rule_and_every_stage():
    told = {outcome for story in STORIES for outcome in (story.by_rules, story.by_model)} | {PROSPECT}
    assert {stage for stage, _ in told} == set(get_args(Stage))
    assert len(told) == 12


# How a rhythm is measured.


def rhythm_of(orders_ago, usual_days=45.0, policy=POLICY):
    return measure_rhythm(make_row(orders_ago), policy, usual_days)


def test_the_rhythm_is_the_own_mean_gap_with_the_usual_gap_as_one_more():
    rhythm = rhythm_of([10, 20, 50])
    assert rhythm.days == pytest.approx((45 + 40) / 3)
    assert rhythm.silence == pytest.approx(10 / rhythm.days)
    assert not rhythm.is_seasonal
    assert not rhythm.is_reactivated


def test_who_bought_once_has_the_usual_rhythm():
    assert rhythm_of([60], 30.0) == Rhythm(30.0, 2.0, False, False)


def test_the_weight_of_the_usual_gap_is_configurable():
    assert rhythm_of([10, 20, 50], policy=StagePolicy(rhythm_weight=2)).days == pytest.approx((90 + 40) / 4)


def test_who_came_back_is_measured_by_the_rhythm_before():
    rhythm = rhythm_of([6, *every(7, 40, 250)], 8)
    assert rhythm.is_reactivated
    assert rhythm.days == pytest.approx((8 + 39 * 7) / 40)


@pytest.mark.parametrize(("gap_days", "is_back"), [(6 * 8 + 43, True), (89, False)])
def test_a_gap_is_a_return_from_lost_only_past_the_threshold_of_lost(gap_days, is_back):
    """Weekly, then so many days without: six own gaps are 43 days, but nobody is lost before 90."""
    assert rhythm_of([1, *every(7, 40, 1 + gap_days)], 8).is_reactivated is is_back


SEASONS = {
    "two orders on the same day of the year": ([10, 375], True),
    "two orders five weeks off": ([10, 340], True),
    "two orders six weeks off": ([10, 330], False),
    "three orders within two months of the year": ([10, 340, 400], True),
    "six weekly orders, the season has not come back": (every(7, 6, 10), False),
    "all year round": (every(30, 25, 10), False),
    "summer and winter": ([10, 193, 375, 558], False),
}


@pytest.mark.parametrize(("orders_ago", "is_seasonal"), SEASONS.values(), ids=SEASONS)
def test_a_season_is_orders_that_come_back_at_the_same_time_of_year(orders_ago, is_seasonal):
    rhythm = rhythm_of(orders_ago)
    assert rhythm.is_seasonal is is_seasonal
    if is_seasonal:
        assert rhythm.days == YEAR_DAYS


# Thresholds: one hair to either side.

HAIR = 1e-6
AT = {name: index for index, name in enumerate(FEATURE_NAMES)}


def judge_steady(risk=0.5, silence=1.0, days=40.0, seasonal=False, reactivated=False, policy=POLICY, **known):
    """The outcome for a steady buyer, but for what is given: features by name, and parts of the rhythm."""
    row = make_row(every(40, 12, 40))
    for name, value in {"recency_days": silence * days, **known}.items():
        row[AT[name]] = value
    judgement = judge_stage(row, Rhythm(days, silence, seasonal, reactivated), risk, policy)
    return judgement.stage, judgement.rule


class Edge(NamedTuple):
    """A threshold, what it is of, and the outcome from it on and below it."""

    threshold: str
    given: dict
    of: str
    value: float
    outcome: tuple[str, str]
    below: tuple[str, str]


EDGES = (
    Edge("declining_silence", {}, "silence", 2.5, SILENT, MATURE),
    Edge("early_silence", {"orders": 2}, "silence", 2, SILENT, GROWING),
    Edge("declining_risk", {"silence": 3}, "risk", 0.4, SILENT, MATURE),
    Edge("lost_silence", {"risk": 0.95}, "silence", 6, LOST, SILENT),
    Edge("lost_risk", {"silence": 7}, "risk", 0.9, LOST, SILENT),
    Edge("lost_days", {"risk": 0.95, "days": 10, "silence": 9}, "recency_days", 90, LOST, SILENT),
    Edge("gone_days", {"silence": 9}, "recency_days", 365, GONE, SILENT),
    Edge("gone_silence", {"days": 200}, "silence", 3, GONE, SILENT),
    Edge("new_days", {"orders": 2}, "tenure_days", 30, GROWING, NEW),
    Edge("new_orders", {"tenure_days": 20}, "orders", 3, GROWING, NEW),
    Edge("at_risk", {}, "risk", 0.8, LEAVING, GROWING),
    Edge("at_risk", {"reactivated": True}, "risk", 0.8, LEAVING, BACK),
    Edge("mature_orders", {}, "orders", 5, MATURE, GROWING),
    Edge("mature_days", {}, "tenure_days", 180, MATURE, GROWING),
    Edge("mature_risk", {}, "risk", 0.55, GROWING, MATURE),
    Edge("season_late_days", {"seasonal": True}, "recency_days", 365.25 + 60, MISSED, MATURE),
    Edge("season_late_days", {"seasonal": True}, "recency_days", 730.5 + 60, MISSED_TWO, MISSED),
)


@pytest.mark.parametrize("edge", EDGES, ids=[f"{edge.threshold} {edge.outcome[1]}" for edge in EDGES])
def test_a_threshold_holds_from_itself_on_and_is_the_policys(edge):
    assert judge_steady(**edge.given, **{edge.of: edge.value}) == edge.outcome
    assert judge_steady(**edge.given, **{edge.of: edge.value - HAIR}) == edge.below
    raised = StagePolicy(**{edge.threshold: getattr(POLICY, edge.threshold) + HAIR})
    assert judge_steady(**edge.given, **{edge.of: edge.value}, policy=raised) == edge.below


def test_likely_to_leave_needs_one_usual_gap_of_silence():
    assert judge_steady(risk=0.99, silence=1.0) == LEAVING
    assert judge_steady(risk=0.99, silence=1.0 - HAIR) == GROWING


def fade(share, policy=POLICY, **given):
    """The outcome where the rate of late is this share of the long-run rate.

    A relation of 480 days and a rhythm of 40 are judged by half-lives of 120 and 480 days, which see
    120 · (1 − 2^−4) and 480 · (1 − 2^−1) days of it (over ln 2).
    """
    of_late, long_run = 3.0 * share * (120 * 15 / 16) / (480 / 2), 3.0
    return judge_steady(orders_decayed_120d=of_late, orders_decayed_480d=long_run, policy=policy, **given)


def test_half_the_own_pace_is_clearly_less():
    assert fade(0.5 + HAIR) == MATURE
    assert fade(0.5 - HAIR) == FADING
    assert fade(0.5 - HAIR, StagePolicy(fading_rate=0.45)) == MATURE


def test_fading_needs_orders_a_rhythm_of_their_own_and_no_longer_silence():
    assert fade(0.1, orders=6) == FADING
    assert fade(0.1, orders=5) == MATURE
    assert fade(0.1, orders=6, policy=StagePolicy(fading_orders=7)) == MATURE
    assert fade(0.1, seasonal=True) == MATURE
    assert fade(0.1, risk=0.1, silence=2.5) == MATURE  # the model sees no danger in this silence
    assert fade(0.1, policy=StagePolicy(fading_gaps=3.1)) == MATURE  # that is a half-life of 240 days


def test_six_orders_at_once_are_one_visit():
    assert judge([0] * 6).rule == "first_order_is_recent"


SINCE = {
    "silent for three weeks": ((every(7, 60, 21), None, 8), 21 - 2.5 * (8 + 59 * 7) / 60),
    "silent for months": ((every(30, 25, 200), None, 45), 200 - 6 * (45 + 24 * 30) / 25),
    "silent for more than a year": ((every(91, 9, 400), None, 45), 400 - 365),
    "silent for so long that a year is past, too": ((every(30, 25, 500), None, 45), 500 - 183.6),
    "missed the season": ((every(365, 3, 430), None, 45), 430 - 365.25 - 60),
    "bought once": (([10], None, 45), 10),
    "came back": (([6, *every(7, 40, 250)], None, 8), 6),
    "steady": ((every(30, 25, 12), None, 45), None),
}


@pytest.mark.parametrize(("history", "held_days"), SINCE.values(), ids=SINCE)
def test_the_days_a_stage_has_held(history, held_days):
    assert judge(*history).held_days == (None if held_days is None else pytest.approx(held_days))


# Without a model.


def test_an_active_customer_is_presumed_to_buy_at_their_own_rhythm():
    assert presume_risk(Rhythm(45.0, 0.5, False, False), 90) == pytest.approx(exp(-2))
    assert presume_risk(Rhythm(90.0, 1.0, False, False), 90) == pytest.approx(exp(-1))


def test_each_further_gap_of_silence_halves_the_chance_that_they_are_still_there():
    assert presume_risk(Rhythm(45.0, 2.0, False, False), 90) == pytest.approx(1 - (1 - exp(-2)) / 2)
    assert presume_risk(Rhythm(45.0, 4.0, False, False), 90) == pytest.approx(1 - (1 - exp(-2)) / 8)


# What holds for every history.

HISTORIES = st.lists(st.integers(0, 1200), min_size=1, max_size=20)
SEVERITY = {"declining": 1, "lost": 2}


@given(HISTORIES, st.floats(0, 1), st.floats(0, 1), st.floats(1, 400))
def test_more_risk_never_makes_a_stage_better(orders_ago, one, other, usual_days):
    low, high = (judge(orders_ago, risk, usual_days).stage for risk in sorted((one, other)))
    assert SEVERITY.get(low, 0) <= SEVERITY.get(high, 0)


@given(HISTORIES, st.lists(st.integers(1, 300), min_size=2, max_size=6), st.floats(1, 400))
def test_silence_only_makes_a_stage_worse_and_ends_in_lost(orders_ago, passing, usual_days):
    severities, now = [], 0
    for days in (0, *passing, 20_000):
        now += days
        judgement = judge([ago + now for ago in orders_ago], None, usual_days)
        assert judgement.held_days is None or 0 <= judgement.held_days <= 1200 + now
        severities.append(SEVERITY.get(judgement.stage, 0))
    assert severities == sorted(severities)
    assert severities[-1] == SEVERITY["lost"]


def test_the_policy_is_read_from_the_environment():
    policy = Settings.from_environment({"PERENNIAL_STAGES": '{"mature_orders": 8}'}).stages
    assert policy == StagePolicy(mature_orders=8)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"mature_order": 8}', "mature_order"),
        ('{"lost_risk": 1.5}', "lost_risk"),
        ('{"rhythm_days": 0}', "rhythm_days"),
        ("[]", "object"),
        ("mature_orders=8", "JSON"),
    ],
)
def test_a_threshold_out_of_bounds_or_of_no_name_is_refused(text, named):
    with pytest.raises(UnusableSettings, match=rf"^PERENNIAL_STAGES: .*{named}"):
        Settings.from_environment({"PERENNIAL_STAGES": text})
