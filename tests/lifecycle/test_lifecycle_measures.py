"""The state is a commutative monoid: any order, any grouping, the same state."""

from math import cos, floor, pi, sin
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle import events as e
from app.lifecycle.event_types import EVENT_TYPES
from app.lifecycle.events import DAY_US, Event
from app.lifecycle.measures import (
    CONTACT_CHANNELS,
    DECAYED,
    EMPTY,
    HALF_LIVES_DAYS,
    LATEST,
    MEASURES,
    NUMERIC,
    SALES_CHANNELS,
    Lift,
    Merge,
    fold,
    latest_text,
    latest_us,
    latest_value,
    lift,
    merge,
)

BARE = Event("C-1", "/pos", "1", "", 0, None, None, None, 0, 0, 0, 0, None, b"", "{}")
FLOATS = ("season_cos", "season_sin", *(measure.name for measure in DECAYED))
NAMES = [measure.name for measure in MEASURES]


def happening(number, type_, day, **facts):
    """An event on a day since 1970; `number` is its id."""
    return BARE._replace(id=str(number), type=type_, occurred_us=round(day * DAY_US), **facts)


HISTORY = (
    happening(1, e.STORE_VISITED, 100, channel="store"),
    happening(2, e.ORDER_COMPLETED, 110, channel="store", amount_minor=10_000, discount_minor=500, items=3),
    happening(3, e.POINTS_EARNED, 110, points=100),
    happening(4, e.ORDER_COMPLETED, 130, channel="web", amount_minor=4_000, items=1),
    happening(5, e.ORDER_REFUNDED, 133, amount_minor=1_000, items=1),
    happening(6, e.CASE_OPENED, 134, kind="complaint", reference="S-1"),
    happening(7, e.CASE_OPENED, 135, kind="question", reference="S-2"),
    happening(8, e.CASE_RESOLVED, 136, reference="S-2"),
    happening(9, e.FEEDBACK_SUBMITTED, 136, kind="csat", value="2"),
    happening(10, e.FEEDBACK_SUBMITTED, 137, kind="nps", value="9"),
    happening(11, e.ORDER_COMPLETED, 150, channel="store", amount_minor=6_000, discount_minor=600, items=2),
    happening(12, e.POINTS_REDEEMED, 150, points=-40),
    happening(13, e.FEEDBACK_SUBMITTED, 152, kind="csat", value="4"),
    happening(14, e.CONSENT_CHANGED, 153, kind="marketing", channel="email", value="granted"),
    happening(15, e.CONSENT_CHANGED, 154, kind="marketing", channel="*", value="denied"),
    happening(16, e.CONSENT_CHANGED, 155, kind="personalization", channel="*", value="granted"),
    happening(17, e.TIER_CHANGED, 156, value="silver"),
    happening(18, "warehouse.moved", 160),
)


def test_a_history_by_hand():
    state = fold(HISTORY)
    expected = {
        "events": 18,
        "orders": 3,
        "orders_store": 2,
        "spend_minor": 20_000,
        "discount_minor": 1_100,
        "items": 6,
        "refunds": 1,
        "refunded_minor": 1_000,
        "visits": 1,
        "cases": 2,
        "complaints": 1,
        "cases_resolved": 1,
        "points": 60,
        "order_days": (110, 130, 150),
        "first_event_us": 100 * DAY_US,
        "last_event_us": 160 * DAY_US,
        "first_order_us": 110 * DAY_US,
        "last_order_us": 150 * DAY_US,
        "second_last_order_us": 130 * DAY_US,
        "last_refund_us": 133 * DAY_US,
        "last_visit_us": 100 * DAY_US,
        "last_complaint_us": 134 * DAY_US,
    }
    assert {name: state[name] for name in expected} == expected
    latest = {measure.name: latest_value(state[measure.name]) for measure in LATEST}
    assert {name: value for name, value in latest.items() if value is not None} == {
        "latest_csat": "4",
        "latest_nps": "9",
        "latest_tier": "silver",
        "consent_personalization": "granted",
        "consent_marketing": "denied",
        "consent_marketing_email": "granted",
    }


def test_decayed_sums_by_hand():
    """Ages to the last event, on day 160, are 50, 30 and 10 days; the refund's is 27, the visit's 60."""
    state = fold(HISTORY)
    assert state["orders_decayed_30d"] == pytest.approx(2 ** (-50 / 30) + 2 ** (-30 / 30) + 2 ** (-10 / 30))
    assert state["spend_decayed_7d"] == pytest.approx(
        10_000 * 2 ** (-50 / 7) + 4_000 * 2 ** (-30 / 7) + 6_000 * 2 ** (-10 / 7)
    )
    assert state["discount_decayed_120d"] == pytest.approx(500 * 2 ** (-50 / 120) + 600 * 2 ** (-10 / 120))
    assert state["refunded_decayed_120d"] == pytest.approx(1_000 * 2 ** (-27 / 120))
    assert state["visits_decayed_60d"] == pytest.approx(0.5)


def test_calendar_phase_by_hand():
    """Two orders half a mean Gregorian year apart lie opposite; 1 January 1970 is phase 0."""
    half_year = 365.2425 / 2
    opposite = fold([happening(1, e.ORDER_COMPLETED, 0), happening(2, e.ORDER_COMPLETED, half_year)])
    assert (opposite["season_cos"], opposite["season_sin"]) == pytest.approx((0, 0), abs=1e-9)
    spring = fold([happening(1, e.ORDER_COMPLETED, half_year / 2)])
    assert (spring["season_cos"], spring["season_sin"]) == pytest.approx((0, 1), abs=1e-9)


def test_nothing_has_happened_to_the_empty_state():
    assert fold([]) == EMPTY
    assert all(EMPTY[measure.name] is None for measure in LATEST)
    assert EMPTY["orders"] == 0


def test_declarations_are_sound():
    columns = set(Event._fields)
    by_name = {measure.name: measure for measure in MEASURES}
    assert len(by_name) == len(MEASURES)
    assert [*NUMERIC, *LATEST] == list(MEASURES)
    for measure in MEASURES:
        assert isinstance(measure.lift, Lift) or measure.lift in columns
        assert {column for column, _ in measure.where} <= columns
        assert set(measure.types) <= EVENT_TYPES.keys()
        assert (measure.half_life_days > 0) == (measure.merge is Merge.DECAYED)
        if measure.merge is Merge.SECOND_LAST:
            front = by_name[measure.behind]
            assert (front.merge, front.types, front.where) == (Merge.LAST, measure.types, measure.where)


def test_every_channel_has_its_consent():
    named = {f"consent_marketing_{channel}" for channel in (*CONTACT_CHANNELS, *SALES_CHANNELS)}
    assert named <= {measure.name for measure in LATEST}


TIMES_US = st.one_of(
    st.integers(0, 1200).map(lambda day: day * DAY_US),  # ties are likely
    st.integers(0, 1200 * DAY_US),
)
CHANNELS = st.sampled_from([None, "store", "web", "email", "sms", "*"])
KINDS = st.sampled_from([None, "complaint", "question", "csat", "nps", "marketing", "personalization"])
FACTS_OF_ANY: dict[str, st.SearchStrategy[Any]] = {
    "source": st.sampled_from(["/pos", "/pos 2", "/web"]),
    "type": st.sampled_from([*sorted(EVENT_TYPES), "warehouse.moved"]),
    "occurred_us": TIMES_US,
    "kind": KINDS,
    "channel": CHANNELS,
    "amount_minor": st.integers(-(10**6), 10**12),
    "discount_minor": st.integers(0, 10**6),
    "items": st.integers(0, 500),
    "points": st.integers(-(10**6), 10**6),
    "value": st.sampled_from([None, "1", "5", "10", "granted", "denied", "gold 金"]),
}
ONE = st.fixed_dictionaries(FACTS_OF_ANY)
EVENTS = st.lists(ONE, max_size=30).map(
    lambda drawn: [BARE._replace(id=f"{number}", **facts) for number, facts in enumerate(drawn)]
)


def compute_directly(events):
    """The state by what each measure means, without lift and merge."""
    state = {}
    latest_us_ = max((event.occurred_us for event in events), default=0)
    for measure in MEASURES:
        counting = [
            event
            for event in events
            if (not measure.types or event.type in measure.types)
            and all(getattr(event, column) == wanted for column, wanted in measure.where)
        ]
        times = sorted(event.occurred_us for event in counting)
        match measure.merge:
            case Merge.SUM:
                state[measure.name] = sum(size_of(measure, event) for event in counting)
            case Merge.DECAYED:
                state[measure.name] = sum(
                    size_of(measure, event)
                    * 0.5 ** ((latest_us_ - event.occurred_us) / DAY_US / measure.half_life_days)
                    for event in counting
                )
            case Merge.DAYS:
                state[measure.name] = tuple(sorted({floor(us / DAY_US) for us in times}))
            case Merge.FIRST:
                state[measure.name] = times[0] if times else None
            case Merge.LAST:
                state[measure.name] = times[-1] if times else None
            case Merge.SECOND_LAST:
                state[measure.name] = times[-2] if len(times) > 1 else None
            case Merge.LATEST:
                last = max(counting, key=lambda event: (event.occurred_us, event.source, event.id), default=None)
                state[measure.name] = None if last is None else last.value or ""
    return state


def size_of(measure, event):
    phase = 2 * pi * event.occurred_us / DAY_US / 365.2425
    sizes = {Lift.ONE: 1, Lift.SEASON_COS: cos(phase), Lift.SEASON_SIN: sin(phase)}
    return sizes[measure.lift] if isinstance(measure.lift, Lift) else getattr(event, measure.lift)


def assert_same_state(state, other, events):
    """Integers and texts exactly; sums of floats to 1e-9 of the size of what went into them."""
    sizes = compute_directly([absolute(event) for event in events])
    for name in NAMES:
        if name in FLOATS:
            size = len(events) if name.startswith("season") else sizes[name]
            assert state[name] == pytest.approx(other[name], rel=1e-9, abs=1e-9 * size), name
        else:
            assert state[name] == other[name], name


def absolute(event):
    return event._replace(amount_minor=abs(event.amount_minor))


def merge_in_any_grouping(states, chance):
    """A random binary tree of merges over the states in a random order."""
    heap = list(states)
    chance.shuffle(heap)
    while len(heap) > 1:
        ours = heap.pop(chance.randrange(len(heap)))
        theirs = heap.pop(chance.randrange(len(heap)))
        heap.append(merge(ours, theirs))
    return heap[0] if heap else dict(EMPTY)


@given(EVENTS)
def test_a_state_is_what_its_measures_mean(events):
    state, direct = fold(events), compute_directly(events)
    plain = state | {measure.name: latest_value(state[measure.name]) for measure in LATEST}
    assert_same_state(plain, direct, events)


@given(EVENTS, st.randoms(use_true_random=False))
def test_any_order_and_any_grouping_give_the_same_state(events, chance):
    assert_same_state(merge_in_any_grouping(map(lift, events), chance), fold(events), events)


@given(EVENTS, st.randoms(use_true_random=False))
def test_duplicates_that_are_dropped_by_source_and_id_leave_no_trace(events, chance):
    sent = events + chance.choices(events, k=len(events)) if events else []
    chance.shuffle(sent)
    counted = {(event.source, event.id): event for event in sent}.values()
    assert_same_state(fold(counted), fold(events), events)


@given(EVENTS)
def test_the_empty_state_is_neutral(events):
    state = fold(events)
    assert merge(state, EMPTY) == state
    assert merge(EMPTY, state) == state


@given(EVENTS, EVENTS)
def test_merge_is_commutative(ours, theirs):
    theirs = [event._replace(id=f"other-{event.id}") for event in theirs]
    a, b = fold(ours), fold(theirs)
    assert_same_state(merge(a, b), merge(b, a), ours + theirs)


@given(EVENTS, st.integers(0, 30), st.integers(0, 30))
def test_merge_is_associative(events, one, other):
    first, second = sorted((one, other))
    a, b, c = (fold(part) for part in (events[:first], events[first:second], events[second:]))
    assert_same_state(merge(a, merge(b, c)), merge(merge(a, b), c), events)


@given(st.lists(st.integers(0, 6), max_size=8), st.randoms(use_true_random=False))
def test_the_second_last_order_is_the_last_but_one_of_a_sorted_list(days, chance):
    orders = [lift(happening(number, e.ORDER_COMPLETED, day)) for number, day in enumerate(days)]
    state = merge_in_any_grouping(orders, chance)
    expected = sorted(days)[-2] * DAY_US if len(days) > 1 else None
    assert state["second_last_order_us"] == expected


def test_two_orders_at_the_same_time_are_last_and_second_last():
    state = fold([happening(1, e.ORDER_COMPLETED, 5), happening(2, e.ORDER_COMPLETED, 5)])
    assert state["last_order_us"] == state["second_last_order_us"] == 5 * DAY_US


LATER = (
    (("/a", "1", 6), ("/z", "9", 5)),  # time comes first
    (("/b", "1", 5), ("/a", "9", 5)),  # then source
    (("/a", "2", 5), ("/a", "1", 5)),  # then id
    (("/a b", "1", 5), ("/a", "2", 5)),  # a source that another one begins with
    (("/a", "10", 5), ("/a", "1", 5)),
    (("/a", "1", 11_574), ("/z", "1", 11_573)),  # more digits of microseconds
    (("/a", "1", 20_000), ("/z", "1", 9)),
)


@pytest.mark.parametrize(("winner", "loser"), LATER)
def test_the_latest_value_is_by_time_then_source_then_id(winner, loser):
    events = [
        happening(id_, e.TIER_CHANGED, day, value=value)._replace(source=source)
        for value, (source, id_, day) in (("late", winner), ("early", loser))
    ]
    for order in (events, events[::-1]):
        assert latest_value(fold(order)["latest_tier"]) == "late"


@given(TIMES_US, st.text(st.characters(min_codepoint=0x20, blacklist_categories=["Cc", "Cs"])))
def test_a_latest_text_gives_back_its_time_and_value(occurred_us, value):
    text = latest_text(BARE._replace(occurred_us=occurred_us, value=value))
    assert (latest_us(text), latest_value(text)) == (occurred_us, value)


def test_an_order_of_decades_ago_leaves_nothing_and_breaks_nothing():
    old, new = happening(1, e.ORDER_COMPLETED, 1, amount_minor=10**12), happening(2, e.STORE_VISITED, 20_000)
    state = fold([old, new])
    assert state["spend_decayed_7d"] == pytest.approx(0, abs=1e-200)
    assert state["spend_decayed_480d"] == pytest.approx(10**12 * 2 ** (-19_999 / 480))


@given(EVENTS)
def test_decayed_sums_grow_with_their_half_life(events):
    state = fold(absolute(event) for event in events)
    of_orders = [state[f"orders_decayed_{days}d"] for days in HALF_LIVES_DAYS]
    assert of_orders == sorted(of_orders)
    assert of_orders[-1] <= state["orders"] + 1e-9
