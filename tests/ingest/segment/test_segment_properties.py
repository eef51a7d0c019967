"""What is kept of properties, whatever they are."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.segment.mapping import Ignored, map_message
from app.ingest.segment.properties import is_personal, keep_said
from tests.ingest.segment.messages import NAMED, admit, data_of, track


def test_nothing_personal_is_kept_of_properties():
    properties = {
        "email": "a@b.cn",
        "customerEmail": "a@b.cn",
        "shipping_address": {"street": "x"},
        "firstName": "Li",
        "date_of_birth": "1990-01-01",
        "identifiers": [{"kind": "phone", "value": "1"}],
        "buyer": {"phone_number": "1", "tier": "gold"},
        "products": [{"product_id": "1", "recipient": "Wang"}],
        "coupon": "",
        "step": None,
        "name": "Monopoly",
    }
    assert data_of(track("Gift Wrapped", properties)) == {
        "buyer": {"tier": "gold"},
        "products": [{"product_id": "1"}],
        "name": "Monopoly",
        "identifiers": NAMED,
    }


@pytest.mark.parametrize("name", ["name", "product_name", "shipping", "ship_to_store", "tip", "zip", "mobility"])
def test_what_is_not_personal(name):
    assert not is_personal(name)


@pytest.mark.parametrize("message", [None, 5, "track", [], {}, {"type": 5}, {"type": ["track"]}, {"type": "track"}])
def test_what_says_nothing_is_refused(message):
    assert admit(map_message(message, "/segment")).problem.slug == "malformed"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=12), children, max_size=4),
    max_leaves=12,
)
MEMBERS = st.sampled_from(
    ["order_id", "total", "discount", "currency", "products", "rating", "query", "product_id", "channel"]
)
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "identify", "alias", "page", "screen", "group"]) | JSON},
    optional={
        "event": st.sampled_from(["Order Completed", "Order Refunded", "Product Viewed", "Product Reviewed"]) | JSON,
        "properties": st.dictionaries(MEMBERS, JSON, max_size=6) | JSON,
        "traits": JSON,
        "context": JSON,
        "userId": JSON,
        "anonymousId": JSON,
        "previousId": JSON,
        "messageId": JSON,
        "channel": JSON,
        "originalTimestamp": st.just("2026-01-02T03:04:05Z") | JSON,
    },
)


@given(MESSAGES)
def test_any_message_is_mapped_and_left_as_it_was(message):
    before = copy.deepcopy(message)
    mapped = map_message(message, "/segment")
    assert message == before
    if not isinstance(mapped, Ignored):
        admit(mapped)


@given(JSON)
def test_keeping_what_is_said_once_is_enough(value):
    assert keep_said(keep_said(value)) == keep_said(value)
