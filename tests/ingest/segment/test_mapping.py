"""Messages of the Segment specification, and the events that are made of them."""

import pytest

from app.ingest.repeats import is_same_content
from app.ingest.segment.mapping import Ignored, map_message
from app.ingest.segment.properties import write_dotted
from app.lifecycle.events import Event
from tests.ingest.segment.messages import ENVELOPE, NAMED, ORDER, PRODUCTS, admit, data_of, event_of, track


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
    assert "time" not in map_message(relayed, "/segment")
    sent = event_of({**relayed, "sentAt": "2026-01-02T03:10:00Z"}, "/segment")
    assert (sent["time"], sent["data"]["time_by_device"]) == ("2026-01-02T03:10:00Z", "none")


@pytest.mark.parametrize(
    "broken", ["Invalid Date", 1767323045678, "1767323045678", "", "Fri, 02 Jan 2026 03:04:05 GMT"]
)
def test_a_time_that_is_none_gives_way_to_the_one_beside_it(broken):
    message = {**track("Order Completed", ORDER), "originalTimestamp": broken, "timestamp": "2026-01-02T03:04:05Z"}
    assert event_of(message, "/segment")["time"] == "2026-01-02T03:04:05Z"
    told = event_of({**message, "timestamp": "soon"}, "/segment")["time"]
    is_number = "17" in str(broken)
    assert told == ("2026-01-02T03:04:05.678Z" if is_number else broken or "soon"), "it is refused by what was sent"


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
