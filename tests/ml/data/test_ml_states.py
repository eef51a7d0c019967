"""Off-line states are the core's states, labels are what came after, and nothing after leaks in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.lifecycle import events as e
from app.lifecycle.event_types import EVENT_TYPES
from app.lifecycle.events import Event
from app.lifecycle.features import features
from app.lifecycle.measures import (
    MEASURES,
    SUMS,
    Merge,
    fold,
    numbers_of,
)
from app.lifecycle.states import CASE, fold_states
from ml.data.outcomes import outcomes, summed, sums_ahead
from ml.data.states import labelled_states, states

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

DAY = e.DAY_US
START_US = 1_700_000_000_000_000
CUTOFFS = [START_US, START_US + 40 * DAY, START_US + 41 * DAY + 1, START_US + 400 * DAY]

KINDS = {
    e.FEEDBACK_SUBMITTED: ("csat", "nps", "rating"),
    e.CASE_OPENED: ("complaint", "question", None),
    e.CONSENT_CHANGED: ("marketing", "personalization"),
}
CHANNELS = {
    e.CONSENT_CHANGED: (e.ALL_CHANNELS, "email", "store"),
    e.ORDER_COMPLETED: ("store", "web", None),
}
# Few distinct moments, some of them cut-offs, so that there are ties.
MOMENTS = st.one_of(
    st.sampled_from([START_US - 9 * DAY, START_US + 3 * DAY, *CUTOFFS[1:3]]),
    st.integers(START_US - 30 * DAY, START_US + 399 * DAY),
)


@st.composite
def histories(draw):
    """Events of three customers of every type the measures know, one they do not, and texts of any script."""
    kept = (e.ORDER_COMPLETED, e.ORDER_REFUNDED, e.ORDER_RETURNED, e.ORDER_VOIDED, e.REFUND_VOIDED, "shop.renamed")
    types = st.sampled_from([*sorted(EVENT_TYPES), *kept])
    events = []
    for number in range(draw(st.integers(1, 40))):
        type_ = draw(types)
        is_order = e.told_type(type_) in (e.ORDER_COMPLETED, e.ORDER_REFUNDED)
        events.append(
            e.Event(
                customer_id=draw(st.sampled_from(["C-1", "C-2", "顾客三"])),
                source=draw(st.sampled_from(["/till", "/web"])),
                id=draw(st.sampled_from(["a", "Z", "e"])) + str(number),
                type=type_,
                occurred_us=draw(MOMENTS),
                kind=draw(st.sampled_from(KINDS.get(type_, (None,)))),
                channel=draw(st.sampled_from(CHANNELS.get(type_, (None, "store")))),
                reference=draw(st.sampled_from([None, "O-1"])),
                amount_minor=draw(st.integers(0, 10**12)) if is_order else 0,
                discount_minor=draw(st.integers(0, 10**6)) if is_order else 0,
                items=draw(st.integers(0, 50)) if is_order else 0,
                points=draw(st.integers(-500, 500)) if type_ in e.POINTS_TYPES else 0,
                value=draw(st.sampled_from([None, "5", "denied", "金卡"])),
                digest=b"",
                data="",
            )
        )
    return events


def close(a, b, scale):
    return a == b or (a is not None and b is not None and abs(a - b) <= 1e-9 * scale)


@settings(max_examples=10, deadline=None)
@given(histories())
def test_states_are_the_core_s_states(table_of, events):
    found = states(table_of(events), CUTOFFS).to_pyarrow().to_pylist()
    expected = {
        (customer_id, cutoff_us): [
            event for event in events if event.customer_id == customer_id and event.occurred_us < cutoff_us
        ]
        for customer_id in {event.customer_id for event in events}
        for cutoff_us in CUTOFFS
    }
    assert {(row["customer_id"], row["cutoff_us"]) for row in found} == {
        key for key, known in expected.items() if known
    }
    for row in found:
        folded = fold(expected[row["customer_id"], row["cutoff_us"]])
        for measure in MEASURES:
            ours, theirs = row[measure.name], folded[measure.name]
            theirs = len(theirs) if measure.merge is Merge.DAYS else theirs
            is_float = measure.merge is Merge.DECAYED or measure.name.startswith("season_")
            if is_float:
                assert close(ours, theirs, max(abs(theirs), 1.0)), measure.name
            else:
                assert ours == theirs, measure.name


@settings(max_examples=10, deadline=None)
@given(histories())
def test_states_of_cases_are_the_core_s_states(table_of, events):
    found = states(table_of(events), CUTOFFS, CASE).to_pyarrow().to_pylist()
    expected = {
        (*key, cutoff_us): state
        for cutoff_us in CUTOFFS
        for key, state in fold_states(CASE, [event for event in events if event.occurred_us < cutoff_us]).items()
    }
    kept = {(row.pop("customer_id"), row.pop("case_id"), row.pop("cutoff_us")): row for row in found}
    assert kept == expected


def test_vectors_are_the_core_s_features(table_of, shop_events, shop):
    """Real-looking histories, each customer at two cut-offs, through to the feature vectors."""
    ends = max(event.occurred_us for event in shop_events)
    cutoffs = [ends - 200 * DAY, ends - 90 * DAY]
    rows = labelled_states(shop, cutoffs, 90)
    vectors = rows.features()
    by_customer: dict[str, list[Event]] = {}
    for event in shop_events:
        by_customer.setdefault(event.customer_id, []).append(event)
    for at in range(0, len(rows.states), 29):
        cutoff_us = int(rows.cutoffs_us[at])
        known = [event for event in by_customer[rows.customer_ids[at]] if event.occurred_us < cutoff_us]
        folded = fold(known)
        vector = [np.nan if number is None else number for number in numbers_of(folded)]
        expected = features(np.array([vector], np.float64), cutoff_us)[0]
        assert vectors[at] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
        assert rows.measure("orders")[at] == folded["orders"]


def test_labels_are_half_open_and_count_orders_and_their_net_worth(table_of, order_of):
    cut = START_US
    table = table_of(
        [
            order_of("at the cut-off", cut - DAY),
            order_of("at the cut-off", cut),
            order_of("at the end", cut - DAY),
            order_of("at the end", cut + 90 * DAY),
            order_of("last moment", cut - DAY),
            order_of("last moment", cut + 90 * DAY - 1),
            order_of("last moment", cut + DAY, amount_minor=250),
            order_of("last moment", cut + 2 * DAY, type=e.ORDER_REFUNDED, amount_minor=50),
            order_of("last moment", cut + 90 * DAY, type=e.ORDER_REFUNDED),
            order_of("only a refund", cut - DAY),
            order_of("only a refund", cut + DAY, type=e.ORDER_REFUNDED, amount_minor=400),
            order_of("only a visit", cut - DAY),
            order_of("only a visit", cut + DAY, type=e.STORE_VISITED),
            order_of("not yet known", cut),
            order_of("prospect", cut - DAY, type=e.STORE_VISITED),
            order_of("prospect", cut + DAY),
        ]
    )
    rows = labelled_states(table, [cut], 90)
    assert dict(zip(rows.customer_ids, rows.orders_ahead, strict=True)) == {
        "at the cut-off": 1,
        "at the end": 0,
        "last moment": 2,
        "only a refund": 0,
        "only a visit": 0,
    }
    assert dict(zip(rows.customer_ids, rows.spend_ahead_minor, strict=True)) == {
        "at the cut-off": 1000,
        "at the end": 0,
        "last moment": 1200,
        "only a refund": -400,
        "only a visit": 0,
    }
    assert rows.spend_ahead_minor.dtype == np.float64
    assert rows.churned.tolist() == (rows.orders_ahead == 0).tolist()
    ahead = outcomes(table, [cut], 90).to_pyarrow().to_pylist()
    assert {row["customer_id"]: (row["orders_ahead"], row["spend_ahead_minor"]) for row in ahead} == {
        "at the cut-off": (1, 1000),
        "last moment": (2, 1200),
        "only a refund": (0, -400),
        "not yet known": (1, 1000),
        "prospect": (1, 1000),
    }


def test_an_order_given_back_is_no_purchase_ahead_and_its_money_is_evened_out(table_of, order_of):
    cut = START_US
    table = table_of(
        [
            order_of("C", cut - DAY),
            order_of("C", cut + DAY, type=e.ORDER_RETURNED, amount_minor=400),
            order_of("C", cut + 2 * DAY, type=e.ORDER_REFUNDED, amount_minor=400),
            order_of("gave all back", cut - DAY, type=e.ORDER_RETURNED),
        ]
    )
    rows = labelled_states(table, [cut], 90)
    assert rows.customer_ids.tolist() == ["C"]
    assert (rows.orders_ahead.tolist(), rows.spend_ahead_minor.tolist(), rows.churned.tolist()) == ([0], [0], [True])


def test_a_summed_measure_is_added_up_over_the_horizon(table_of, order_of):
    """A column and a count, with and without conditions; from the cut-off on, before the end."""
    cut, end = 19_000 * DAY, 19_090 * DAY
    table = table_of(
        [
            order_of("C", cut - 1, items=1, channel="store"),
            order_of("C", cut, items=2, channel="store"),
            order_of("C", end - 1, items=4, channel="web"),
            order_of("C", end, items=8, channel="store"),
            order_of("C", cut + DAY, type=e.ORDER_REFUNDED, items=16),
            order_of("D", cut + DAY, type=e.STORE_VISITED),
        ]
    )
    names = ("items", "orders_store", "visits", "events")
    measures = [measure for name in names for measure in SUMS if measure.name == name]
    columns = ["customer_id", *map(summed, measures)]
    found = sums_ahead(table, [cut], 90, measures).order_by("customer_id").select(columns).to_pyarrow().to_pylist()
    assert [tuple(row.values()) for row in found] == [("C", 6, 1, 0, 3), ("D", 0, 0, 1, 1)]


def test_purchase_days_are_distinct_utc_days_before_the_cutoff(table_of, order_of):
    midnight = 19_000 * DAY
    times = [midnight, midnight + 1, midnight + DAY - 1, midnight + DAY, midnight + 5 * DAY]
    orders = [order_of("C", at) for at in times]
    table = table_of([*orders, order_of("C", midnight + 2 * DAY, type=e.STORE_VISITED)])
    cutoffs = [midnight + 1, midnight + DAY, midnight + DAY + 1, midnight + 6 * DAY]
    found = states(table, cutoffs).order_by("cutoff_us").to_pyarrow()["order_days"].to_pylist()
    assert found == [1, 1, 2, 3]


def test_orders_of_one_moment_are_one_purchase(table_of, order_of):
    cut = 19_000 * DAY
    at_once = [cut - DAY, cut - DAY, cut - DAY + 1, cut + DAY, cut + DAY, cut + 2 * DAY]
    rows = labelled_states(table_of([order_of("C", at, amount_minor=100) for at in at_once]), [cut], 90)
    assert (rows.purchases.tolist(), rows.purchase_days.tolist()) == ([2], [1])
    assert (rows.orders_ahead.tolist(), rows.spend_ahead_minor.tolist()) == ([2], [300])
    assert rows.measure("orders").tolist() == [3]


def test_a_part_of_the_rows(shop, shop_events):
    ends = max(event.occurred_us for event in shop_events)
    rows = labelled_states(shop, [ends - 120 * DAY, ends - 90 * DAY], 90)
    later = rows.at(rows.cutoffs_us == ends - 90 * DAY)
    assert set(later.cutoffs_us) == {ends - 90 * DAY}
    assert 0 < len(later.states) == len(later.customer_ids) == len(later.churned) < len(rows.states)


@settings(max_examples=4, deadline=None)
@given(histories(), st.lists(st.integers(0, 300 * DAY), min_size=1, max_size=20))
def test_events_from_the_cutoff_on_change_no_feature(table_of, events, delays_us):
    cut = CUTOFFS[1]
    known = [event for event in events if event.occurred_us < cut]
    known.append(events[0]._replace(customer_id="C-1", id="first", type=e.ORDER_COMPLETED, occurred_us=START_US))
    later = [
        known[at % len(known)]._replace(id=f"later {at}", occurred_us=cut + delay_us, value="later")
        for at, delay_us in enumerate(delays_us)
    ]
    without, despite = (labelled_states(table_of(history), [cut], 90) for history in (known, known + later))
    assert without.customer_ids.tolist() == despite.customer_ids.tolist()
    assert despite.features() == pytest.approx(without.features(), rel=1e-9, abs=1e-9, nan_ok=True)
    assert without.purchase_days.tolist() == despite.purchase_days.tolist()
