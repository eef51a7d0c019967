"""States of many events at once, against the fold of one event after the other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.database.order_lines import write_lines
from app.lifecycle import events as e
from app.lifecycle.state_columns import fold_columns
from app.lifecycle.states import INTEREST, ITEM, fold_states

DAY_US = e.DAY_US
NAMES = ("milk", "茶", 'a "b"', "back\\slash", "x,y)", '(",")', "{}", "new\nline")
PRODUCT = st.fixed_dictionaries(
    {"product_id": st.sampled_from(NAMES)},
    optional={
        "category": st.sampled_from((*NAMES, "")),
        "quantity": st.sampled_from((1, 2.5, 3, 1e300)),
        "price": st.sampled_from((0.0, 0.5, 12.8, 1e9)),
        "discount": st.sampled_from((0, 0.25, 3, -1, "half")),
    },
)


def make_event(customer, type_, day, number, *, products=None, item=None):
    lines = write_lines(type_, {"products": products}, 2)
    return e.Event(customer, "s", str(number), type_, day * DAY_US, None, None, item, 0, 0, 0, 0, None, b"", "", lines)


@st.composite
def drawn_events(draw, /, types, **more):
    drawn = draw(
        st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from(types), st.integers(0, 20_000)), max_size=12)
    )
    return [
        make_event(customer, type_, day, number, **{name: draw(strategy) for name, strategy in more.items()})
        for number, (customer, type_, day) in enumerate(drawn)
    ]


def as_states(spec, columns):
    names = [measure.name for measure in spec.measures]
    return {row[:2]: dict(zip(names, row[2:], strict=True)) for row in zip(*columns, strict=True)}


def assert_same(spec, events):
    expected = fold_states(spec, events)
    found = as_states(spec, fold_columns(spec, events))
    assert list(found) == sorted(expected)
    for key, state in found.items():
        for measure in spec.measures:
            wanted = expected[key][measure.name]
            wanted = pytest.approx(wanted, rel=1e-9) if measure.is_float else wanted
            assert state[measure.name] == wanted, (key, measure.name)


@settings(max_examples=100, deadline=None)
@given(events=drawn_events((e.ORDER_COMPLETED, e.ORDER_REFUNDED), products=st.lists(PRODUCT, max_size=5)))
def test_items(events):
    assert_same(ITEM, events)


@settings(max_examples=50, deadline=None)
@given(events=drawn_events((e.PRODUCT_VIEWED, e.PRODUCT_ADDED), item=st.sampled_from(NAMES)))
def test_looks(events):
    assert_same(INTEREST, events)


def test_by_hand():
    """Two lines of one item are one order of it; a refund of an order that is not known is apart."""
    tea = {"product_id": "tea", "price": 2, "quantity": 3}
    events = [
        make_event("A", e.ORDER_COMPLETED, 10, 1, products=[tea, {**tea, "quantity": 1, "discount": 0.5}]),
        make_event("A", e.ORDER_REFUNDED, 40, 2, products=[{**tea, "quantity": 1}]),
        make_event("A", e.ORDER_COMPLETED, 40, 3, products=[tea]),
    ]
    state = as_states(ITEM, fold_columns(ITEM, events))["A", "tea"]
    assert [state[name] for name in ("orders", "quantity", "spend_minor", "discounted_orders")] == [2, 7, 1350, 1]
    assert [state[name] for name in ("refunds", "refunded_quantity")] == [1, 1]
    assert state["second_last_order_us"] == 10 * DAY_US
    assert state["last_order_us"] == 40 * DAY_US
    assert state["orders_decayed_30d"] == pytest.approx(1.5)


def test_of_no_event_and_of_no_line():
    assert set(map(len, fold_columns(ITEM, []))) == {0}
    assert set(map(len, fold_columns(ITEM, [make_event("A", e.ORDER_COMPLETED, 1, 1)]))) == {0}
