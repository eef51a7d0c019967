"""Messages of the Segment specification, and the events that are made of them."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.admission import Rules, admit_or_reject, is_same_content
from app.ingest.segment.mapping import Ignored, map_message
from app.ingest.segment.properties import is_personal, keep_said, write_dotted
from app.lifecycle.events import Event

PRODUCTS = [
    {"product_id": "507f", "sku": "45790-32", "name": "Monopoly", "price": 19, "quantity": 1, "category": "Games"},
    {"product_id": "505b", "sku": "46493-32", "name": "Uno", "price": 3, "quantity": 2, "category": "Games"},
]
ORDER = {
    "order_id": "5031",
    "total": 27.5,
    "subtotal": 22.5,
    "revenue": 25.0,
    "shipping": 3,
    "tax": 2,
    "discount": 2.5,
    "coupon": "hasbros",
    "currency": "CNY",
    "products": PRODUCTS,
}
ENVELOPE = {"messageId": "m-1", "userId": "C-1", "originalTimestamp": "2026-01-02T03:04:05.678Z"}
NAMED = [{"kind": "user_id", "value": "C-1"}]


def track(event, properties=None, **members):
    return {"type": "track", "event": event, "properties": properties or {}, **ENVELOPE, **members}


def event_of(message, source):
    made = map_message(message, source)
    assert not isinstance(made, Ignored)
    return made


def data_of(message):
    return event_of(message, "/segment")["data"]


def admit(mapped):
    return admit_or_reject(mapped, Rules("CNY", 2, b"k"), 2_000_000_000_000_000)


def test_an_order_as_the_specification_shows_it():
    assert map_message(track("Order Completed", ORDER, anonymousId="a-1"), "/segment/shop") == {
        "specversion": "1.0",
        "id": "m-1",
        "source": "/segment/shop",
        "type": "order.completed",
        "subject": "C-1",
        "time": "2026-01-02T03:04:05.678Z",
        "data": {**ORDER, "identifiers": [*NAMED, {"kind": "anonymous_id", "value": "a-1"}]},
    }


def test_its_figures():
    event = admit(map_message(track("Order Completed", ORDER), "/segment"))
    assert isinstance(event, Event)
    assert (event.amount_minor, event.discount_minor, event.items, event.reference) == (2750, 250, 3, "5031")


@pytest.mark.parametrize(
    ("amounts", "total"),
    [
        ({"total": 27.5, "revenue": 25, "value": 30, "subtotal": 22.5}, 27.5),
        ({"revenue": 25, "value": 30, "subtotal": 22.5}, 25),
        ({"value": 30, "subtotal": 22.5}, 30),
        ({"subtotal": 22.5}, 22.5),
        ({"total": None, "revenue": 25}, 25),
        ({"total": "", "revenue": 25}, 25),
        ({"total": 0, "revenue": 25}, 0),
        ({"total": "12.50"}, 12.5),
        ({"total": "-3"}, -3),
    ],
)
def test_the_total_is_the_first_amount_there_is(amounts, total):
    assert data_of(track("Order Completed", {"order_id": "1", **amounts}))["total"] == total


@pytest.mark.parametrize("written", ["$12.50", "12,50", "1,299", "", "1e999", "NaN", True, [12.5]])
def test_what_is_no_decimal_is_left_to_be_refused(written):
    """Another amount is not taken in its place."""
    mapped = map_message(track("Order Completed", {"order_id": "1", "total": written}), "/segment")
    assert admit(mapped).problem.slug == "malformed"


def test_numbers_in_texts():
    data = data_of(
        track(
            "Order Completed",
            {
                "order_id": 1001,
                "total": "20.00",
                "discount": "1.5",
                "currency": " cny ",
                "products": [{"product_id": 7, "price": "9.25", "quantity": "2"}],
            },
        )
    )
    assert data == {
        "order_id": "1001",
        "total": 20.0,
        "discount": 1.5,
        "currency": "CNY",
        "products": [{"product_id": "7", "price": 9.25, "quantity": 2.0}],
        "identifiers": NAMED,
    }


def test_texts_and_numbers_are_the_same_content():
    as_text = map_message(track("Order Completed", {"order_id": "1", "total": "20.00"}), "/segment")
    as_number = map_message(track("Order Completed", {"order_id": 1, "total": 20}), "/segment")
    assert is_same_content(admit(as_text), admit(as_number))


@pytest.mark.parametrize("discount", [-2.5, "-2.5", 2.5])
def test_a_discount_has_no_sign_of_its_own(discount):
    assert data_of(track("Order Completed", {"order_id": "1", "total": 10, "discount": discount}))["discount"] == 2.5


@pytest.mark.parametrize(
    ("line", "product_id"),
    [
        ({"product_id": "1", "sku": "s"}, "1"),
        ({"productId": "1", "sku": "s"}, "1"),
        ({"product_id": "", "sku": "s"}, "s"),
        ({"sku": "s"}, "s"),
        ({"id": 12}, "12"),
    ],
)
def test_what_a_product_is_known_by(line, product_id):
    (product,) = data_of(track("Order Completed", {"order_id": "1", "total": 1, "products": [line]}))["products"]
    assert product["product_id"] == product_id


def test_a_refund():
    mapped = event_of(track("Order Refunded", {"order_id": "1", "total": -30, "products": PRODUCTS[:1]}), "/segment")
    assert (mapped["type"], mapped["data"]["total"]) == ("order.refunded", 30)
    assert admit(mapped).amount_minor == 3000


def test_a_refund_of_an_amount_that_cannot_be_read_is_refused():
    message = track("Order Refunded", {"order_id": "1", "total": "$5"})
    assert admit(map_message(message, "/segment")).problem.slug == "malformed"


def test_a_cancelled_order_gives_nothing_back():
    """It may not have been completed, and a refund says so if money was taken."""
    event = admit(map_message(track("Order Cancelled", ORDER), "/segment"))
    assert (event.type, event.amount_minor, event.items) == ("order.cancelled", 0, 0)


@pytest.mark.parametrize(
    ("name", "properties", "type_", "data"),
    [
        ("Product Viewed", {"sku": "G-32", "price": "3"}, "product.viewed", {"product_id": "G-32", "price": 3.0}),
        ("Viewed Product", {"id": 9}, "product.viewed", {"product_id": "9"}),
        ("Product Added", {"product_id": "1", "cart_id": "c"}, "product.added", {"product_id": "1", "cart_id": "c"}),
        ("Products Searched", {"query": "roses"}, "products.searched", {"query": "roses"}),
        ("Products Searched", {"query": {"q": 1}}, "products.searched", {"criteria": {"q": 1}}),
        (
            "Product List Viewed",
            {"category": "Deals", "products": PRODUCTS},
            "product.viewed",
            {"category": "Deals"},
        ),
        (
            "Product Reviewed",
            {"product_id": 5, "rating": "4", "review_body": "Good"},
            "feedback.submitted",
            {"product_id": "5", "metric": "rating", "score": 4.0, "text": "Good"},
        ),
        ("Product Reviewed", {"review_body": "Good"}, "product.reviewed", {"review_body": "Good"}),
        ("Points Earned", {"points": 120}, "points.earned", {"points": 120}),
        ("Product Clicked", {"product_id": "1"}, "product.clicked", {"product_id": "1"}),
        ("Checkout Step Viewed", {"step": 2}, "checkout.step.viewed", {"step": 2}),
    ],
)
def test_tracked_events(name, properties, type_, data):
    mapped = event_of(track(name, properties), "/segment")
    known = {member: value for member, value in mapped["data"].items() if member not in ("identifiers", "sku", "id")}
    assert (mapped["type"], known) == (type_, data)
    assert isinstance(admit(mapped), Event)


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("Order Completed", "order.completed"),
        ("order_completed", "order.completed"),
        ("orderCompleted", "order.completed"),
        ("  ORDER   completed ", "order.completed"),
        ("iOS App Opened", "ios.app.opened"),
        ("App v2.1", "app.v2.1"),
        ("加入购物车", "%E5%8A%A0%E5%85%A5%E8%B4%AD%E7%89%A9%E8%BD%A6"),
        ("!!!", ""),
    ],
)
def test_names_as_types(name, type_):
    assert write_dotted(name) == type_


def test_identify():
    message = {
        "type": "identify",
        **ENVELOPE,
        "anonymousId": "a-1",
        "traits": {
            "email": "li@example.com",
            "phone": 13800138000,
            "birthday": "1990-05-01T00:00:00.000Z",
            "name": "Li Wei",
            "address": {"city": "Shanghai"},
            "plan": "gold",
        },
    }
    mapped = event_of(message, "/segment")
    assert mapped["type"] == "customer.identified"
    assert mapped["data"] == {
        "identifiers": [
            *NAMED,
            {"kind": "anonymous_id", "value": "a-1"},
            {"kind": "email", "value": "li@example.com"},
            {"kind": "phone", "value": "13800138000"},
        ],
        "birthday": "1990-05-01",
    }


def test_identify_as_rudderstack_sends_it():
    context = {"traits": {"email": "old@example.com", "phone": "+8613800138000"}}
    message = {"type": "identify", **ENVELOPE, "context": context, "traits": {"email": "li@example.com"}}
    assert [item["value"] for item in data_of(message)["identifiers"]] == ["C-1", "li@example.com", "+8613800138000"]


@pytest.mark.parametrize("birthday", ["5/1/90", "1990", 641520000, "1990-05-012", None])
def test_a_birthday_of_another_form_is_not_guessed(birthday):
    assert "birthday" not in data_of({"type": "identify", **ENVELOPE, "traits": {"birthday": birthday}})


def test_an_alias_joins_whoever_went_by_the_previous_id():
    mapped = event_of({"type": "alias", **ENVELOPE, "previousId": "a-9"}, "/segment")
    assert (mapped["type"], mapped["subject"]) == ("customer.identified", "C-1")
    assert mapped["data"]["identifiers"] == [
        *NAMED,
        {"kind": "anonymous_id", "value": "a-9"},
        {"kind": "user_id", "value": "a-9"},
    ]


def test_an_anonymous_visitor_is_no_subject():
    message = track("Product Viewed", {"product_id": "1"}, userId=None, anonymousId="a-1")
    mapped = event_of(message, "/segment")
    assert "subject" not in mapped
    assert mapped["data"]["identifiers"] == [{"kind": "anonymous_id", "value": "a-1"}]


def test_pages_that_name_their_product():
    page = {"type": "page", "name": "Product", "properties": {"product_id": 5, "url": "https://x/p"}, **ENVELOPE}
    mapped = event_of(page, "/segment")
    assert mapped["type"] == "product.viewed"
    assert mapped["data"] == {"product_id": "5", "url": "https://x/p", "channel": "web", "identifiers": NAMED}
    assert data_of({**page, "type": "screen"})["channel"] == "app"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"type": "page", "name": "Home"}, "page_without_product"),
        ({"type": "screen", "name": "Our Store", "properties": {"store_id": "1"}}, "page_without_product"),
        ({"type": "group", "groupId": "g"}, "group"),
        ({"type": "alias"}, "alias_without_previous_id"),
        ({"type": "alias", "previousId": ""}, "alias_without_previous_id"),
        ({"type": "recording"}, "unknown_call"),
        ({"type": "track", "event": "Customer Merged", "properties": {"merged": "C-2"}}, "not_by_track"),
        ({"type": "track", "event": "customer_identified"}, "not_by_track"),
    ],
)
def test_what_means_nothing_here(message, reason):
    assert map_message({**ENVELOPE, **message}, "/segment") == Ignored(reason)


@pytest.mark.parametrize(
    ("library", "properties", "channel"),
    [
        ("web", {}, "web"),
        ("browser", {}, "web"),
        ("mobile", {}, "app"),
        ("server", {}, None),
        (["web"], {}, None),
        (None, {}, None),
        ("web", {"channel": "store"}, "store"),
    ],
)
def test_channels(library, properties, channel):
    assert data_of(track("Product Added", properties, channel=library)).get("channel") == channel


def test_the_time_is_the_clients_own():
    both = track("Product Viewed", timestamp="2026-01-02T03:09:00Z")
    relayed = {name: member for name, member in both.items() if name != "originalTimestamp"}
    assert event_of(both, "/segment")["time"] == ENVELOPE["originalTimestamp"]
    assert event_of(relayed, "/segment")["time"] == "2026-01-02T03:09:00Z"
    del relayed["timestamp"]
    assert "time" not in map_message({**relayed, "sentAt": "2026-01-02T03:09:00Z"}, "/segment")


def test_another_attempt_to_send_is_the_same_event():
    """Whatever only the attempt tells is not looked at."""
    first = track("Order Completed", ORDER, sentAt="2026-01-02T03:04:06Z", context={"ip": "10.0.0.1"})
    second = {
        **first,
        "sentAt": "2026-01-03T00:00:00Z",
        "receivedAt": "2026-01-03T00:00:01Z",
        "context": {"ip": "10.0.0.2", "network": {"wifi": True}},
        "integrations": {"All": False},
        "writeKey": "w",
        "_metadata": {"failedInitializations": ["x"]},
    }
    assert map_message(first, "/segment") == map_message(second, "/segment")


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


def refund_of(products):
    """What a refund without an amount is counted as: kind and amount."""
    event = admit(map_message(track("Order Refunded", {"order_id": "A-1", "products": products}), "/segment"))
    return event.kind, event.amount_minor


def test_a_refund_without_an_amount_is_worth_its_lines():
    lines = [{"product_id": "1", "price": "4.10", "quantity": 3}, {"product_id": "2", "price": 0.2}]
    assert refund_of(lines) == (None, 1250)
    assert refund_of([{**lines[0], "price": -4.1}]) == (None, 1230)
    for unknown in ([{"product_id": "1"}], [*lines, {"product_id": "3", "price": "free"}]):
        assert refund_of(unknown) == ("lines", 0)
    for nothing in ("none", None):
        assert refund_of(nothing) == refund_of([]) == ("whole", 0)
