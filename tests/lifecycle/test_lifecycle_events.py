"""Money, pieces, and the typed facts that are read from an event's data."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle import events as e
from app.lifecycle.event_types import EVENT_TYPES, VisitData, read_facts
from app.lifecycle.events import (
    count_items,
    minor_digits,
    to_major,
    to_minor,
)

NO_FACTS = {
    "kind": None,
    "channel": None,
    "reference": None,
    "amount_minor": 0,
    "discount_minor": 0,
    "items": 0,
    "points": 0,
    "value": None,
}
BASKET = [{"product_id": "4711", "quantity": 2}, {"product_id": "pears", "quantity": 0.45}]

FACTS = {
    "an order": (
        e.ORDER_COMPLETED,
        {"order_id": "A-77", "total": 128.5, "discount": 10, "channel": "store", "products": BASKET},
        {"reference": "A-77", "amount_minor": 12850, "discount_minor": 1000, "items": 3, "channel": "store"},
    ),
    "an order without a basket": (
        e.ORDER_COMPLETED,
        {"order_id": "A-78", "total": 0},
        {"reference": "A-78"},
    ),
    "an order as it is now": (
        e.ORDER_UPDATED,
        {"order_id": "A-77", "total": 100, "products": BASKET},
        {"reference": "A-77", "amount_minor": 10000, "items": 3},
    ),
    "an order that never was": (e.ORDER_CANCELLED, {"order_id": "A-77", "total": 100}, {"reference": "A-77"}),
    "a refund": (
        e.ORDER_REFUNDED,
        {"order_id": "A-77", "total": 28.5, "products": BASKET[:1]},
        {"reference": "A-77", "amount_minor": 2850, "items": 2},
    ),
    "a visit": (e.STORE_VISITED, {"channel": "store", "query": "milk"}, {"channel": "store"}),
    "a look": (e.PRODUCT_VIEWED, {"product_id": "4711"}, {"reference": "4711"}),
    "a basket line": (
        e.PRODUCT_ADDED,
        {"channel": "web", "product_id": "4711"},
        {"channel": "web", "reference": "4711"},
    ),
    "a search": (e.PRODUCTS_SEARCHED, {"query": "milk"}, {}),
    "who is who": (e.CUSTOMER_IDENTIFIED, {"channel": "app"}, {"channel": "app"}),
    "a birthday": (e.CUSTOMER_IDENTIFIED, {"birthday": "1990-05-17"}, {"kind": "birthday", "value": "1990-05-17"}),
    "a birthday at a time": (
        e.CUSTOMER_IDENTIFIED,
        {"birthday": "1990-05-17T00:00:00Z"},
        {"kind": "birthday", "value": "1990-05-17"},
    ),
    "a birthday that cannot be read": (e.CUSTOMER_IDENTIFIED, {"birthday": "17.5."}, {}),
    "a birthday that is none": (e.CUSTOMER_IDENTIFIED, {"birthday": ["1990"]}, {}),
    "a merge": (e.CUSTOMER_MERGED, {"merged": "C-2"}, {}),
    "a merge taken back": (e.CUSTOMER_UNMERGED, {"merged": "C-2"}, {}),
    "a complaint": (
        e.CASE_OPENED,
        {"case_id": "S-1", "kind": "complaint", "cause": "late"},
        {"reference": "S-1", "kind": "complaint"},
    ),
    "a case answered": (
        e.CASE_ANSWERED,
        {"case_id": "S-1", "channel": "phone"},
        {"reference": "S-1", "channel": "phone"},
    ),
    "a case resolved": (e.CASE_RESOLVED, {"case_id": "S-1"}, {"reference": "S-1"}),
    "a whole score": (e.FEEDBACK_SUBMITTED, {"metric": "nps", "score": 10.0}, {"kind": "nps", "value": "10"}),
    "half a point": (
        e.FEEDBACK_SUBMITTED,
        {"metric": "csat", "score": 4.5},
        {"kind": "csat", "value": "4.5"},
    ),
    "consent to a channel": (
        e.CONSENT_CHANGED,
        {"purpose": "marketing", "channel": "sms", "granted": True},
        {"kind": "marketing", "channel": "sms", "value": "granted"},
    ),
    "consent withdrawn everywhere": (
        e.CONSENT_CHANGED,
        {"purpose": "marketing", "granted": False},
        {"kind": "marketing", "channel": "*", "value": "denied"},
    ),
    "points earned": (
        e.POINTS_EARNED,
        {"points": 120, "order_id": "A-77"},
        {"points": 120, "reference": "A-77"},
    ),
    "points redeemed": (e.POINTS_REDEEMED, {"points": 100}, {"points": -100}),
    "points expired": (e.POINTS_EXPIRED, {"points": 20}, {"points": -20}),
    "a new tier": (e.TIER_CHANGED, {"tier": "gold"}, {"value": "gold"}),
    "an answer to an action": (
        e.ACTION_ACCEPTED,
        {"action_id": "vip-service", "decision_id": "D-1"},
        {"kind": "vip-service", "reference": "D-1"},
    ),
    "an action delivered": (e.ACTION_DELIVERED, {"action_id": "a", "channel": "sms"}, {"kind": "a", "channel": "sms"}),
    "a recommendation in view": (
        e.RECOMMENDATION_SHOWN,
        {"recommendation_id": "R-1", "channel": "web", "products": [{"product_id": "4711"}]},
        {"reference": "R-1", "channel": "web"},
    ),
    "an item of one clicked": (
        e.RECOMMENDATION_CLICKED,
        {"recommendation_id": "R-1", "product_id": "4711"},
        {"reference": "R-1", "kind": "4711"},
    ),
    "an item of one put into the basket": (
        e.RECOMMENDATION_ADDED,
        {"recommendation_id": "R-1", "product_id": "4711"},
        {"reference": "R-1", "kind": "4711"},
    ),
    "an action opened": (e.ACTION_OPENED, {"action_id": "a"}, {"kind": "a"}),
    "an action declined": (e.ACTION_DECLINED, {"action_id": "a"}, {"kind": "a"}),
    "an action redeemed": (e.ACTION_REDEEMED, {"action_id": "a"}, {"kind": "a"}),
    "an unknown type": ("warehouse.moved", {"channel": "store", "total": 5, "order_id": "A-1"}, {}),
}


@pytest.mark.parametrize(("type_", "data", "facts"), FACTS.values(), ids=FACTS)
def test_facts_are_read_from_data(type_, data, facts):
    assert read_facts(type_, data, 2) == NO_FACTS | facts


@pytest.mark.parametrize(
    ("digits", "currencies"),
    [
        (2, "CNY EUR USD GBP HKD TWD SGD INR THB MYR IDR HUF MGA"),
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
        (2, "XAU XXX ABC"),  # without a minor unit, and no currency
    ],
)
def test_currencies_have_their_minor_unit(digits, currencies):
    assert {currency: minor_digits(currency) for currency in currencies.split()} == dict.fromkeys(
        currencies.split(), digits
    )


@pytest.mark.parametrize(
    ("amount", "digits", "minor"),
    [
        (128.5, 2, 12850),
        (0.1 + 0.2, 2, 30),
        (1.005, 2, 101),  # as it is written; the float is a little less
        (-1.005, 2, -101),
        (2.675, 2, 268),
        (128.5, 0, 129),
        (127.5, 0, 128),
        (1.2345, 3, 1235),
        (1e10, 2, 10**12),
        (3, 2, 300),
    ],
)
def test_amounts_round_as_they_are_written(amount, digits, minor):
    assert to_minor(amount, digits) == minor


@given(st.integers(-(10**12), 10**12), st.sampled_from([0, 2, 3]))
def test_every_amount_in_bounds_survives_the_way_out_and_in(minor, digits):
    assert to_minor(to_major(minor, digits), digits) == minor


@given(st.decimals(-(10**9), 10**9, places=2))
def test_cents_are_exact(amount):
    assert to_minor(float(amount), 2) == int(amount * Decimal(100))


def test_a_weighed_product_is_one_piece():
    assert count_items([{"quantity": 0.4}]) == 1


def test_a_product_without_a_quantity_is_one_piece():
    assert count_items([{}, {"quantity": None}]) == 2


def test_pieces_add_up_over_the_basket():
    assert count_items([{"quantity": 3}, {"quantity": 2.0}, {"quantity": 0.2}]) == 6


def test_the_facts_of_every_type_are_tested():
    assert {type_ for type_, _, _ in FACTS.values()} >= EVENT_TYPES.keys()


def test_types_are_declared_under_their_own_names():
    assert EVENT_TYPES.keys() == {declared.name for declared in EVENT_TYPES.values()}


def test_what_is_counted_as_a_visit_or_as_points_is_declared_so():
    assert set(e.VISIT_TYPES) == {name for name, declared in EVENT_TYPES.items() if declared.data is VisitData}
    assert set(e.POINTS_TYPES) == {name for name in EVENT_TYPES if name.startswith("points.")}
