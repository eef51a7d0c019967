"""Payloads of Shopify, and the events that are made of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.segment.mapping import Ignored
from app.ingest.shops.deliveries import Door
from app.ingest.shops.shopify import _TOPICS, map_delivery
from app.lifecycle.events import Event
from tests.ingest.shops.mapped import JSON, admit, check_left_as_it_was, spoilt, without_version
from tests.ingest.shops.payloads import CUSTOMER, adjustment, line, money, order, refund, transaction

DOOR = Door("/shopify/a.myshopify.com", "CNY", "", "2026-10-05T00:00:00Z")
NAMED = {"kind": "order", "value": "/shopify/a.myshopify.com/820982911946154508"}


def events(topic, payload, door=DOOR):
    return without_version(map_delivery(topic, payload, door))


def one(topic, payload, door=DOOR):
    (made,) = events(topic, payload, door)
    return made


def test_an_order_with_tax_shipping_and_discount():
    assert one("orders/create", order()) == {
        "specversion": "1.0",
        "id": "order-820982911946154508",
        "source": "/shopify/a.myshopify.com",
        "type": "order.completed",
        "subject": "115310627314723954",
        "time": "2026-10-01T10:00:00+08:00",
        "data": {
            "order_id": "820982911946154508",
            "total": 324.0,
            "discount": 9.0,
            "shipping": 10.0,
            "tax": 24.0,
            "currency": "CNY",
            "channel": "web",
            "products": [
                {
                    "product_id": "632910392",
                    "sku": "IPOD2008PINK",
                    "name": "IPod Nano - 8GB",
                    "price": 199.0,
                    "quantity": 1,
                },
                {
                    "product_id": "921728736",
                    "sku": "TEE",
                    "name": "T-shirt",
                    "price": 50.0,
                    "quantity": 2,
                    "discount": 9.0,
                },
            ],
            "identifiers": [
                {"kind": "email", "value": "john@example.com"},
                {"kind": "phone", "value": "+8613800138000"},
                NAMED,
            ],
        },
    }


def test_its_figures():
    event = admit(one("orders/create", order()))
    assert (event.amount_minor, event.discount_minor, event.items, event.reference) == (
        32400,
        900,
        3,
        "820982911946154508",
    )


def test_a_later_version_is_the_same_event():
    """Paid, fulfilled, partly given back: the total that was paid is as it was."""
    later = order(
        updated_at="2026-10-04T10:00:00+08:00",
        closed_at="2026-10-04T10:00:00+08:00",
        financial_status="partially_refunded",
        fulfillment_status="fulfilled",
        current_total_price="274.00",
        refunds=[refund()],
    )
    assert events("orders/updated", later)[0] == one("orders/create", order())


def test_a_refund_is_the_same_by_itself_and_in_its_order():
    (alone,) = events("refunds/create", refund())
    assert alone == events("orders/updated", order(refunds=[refund()]))[1]
    assert (alone["id"], alone["type"], alone["time"]) == (
        "refund-890088186047892319",
        "order.refunded",
        "2026-10-03T10:00:00+08:00",
    )
    assert "subject" not in alone
    assert (alone["data"]["total"], alone["data"]["identifiers"]) == (50.0, [NAMED])
    assert admit(alone).items == 1


@pytest.mark.parametrize(
    ("given", "total"),
    [
        (refund("50.00"), 50),
        (refund("50.00", transactions=[transaction("30.00"), transaction("20.00", status="pending")]), 50),
        (refund("50.00", transactions=[transaction("30.00"), transaction("20.00", status="failure")]), 30),
        (refund("50.00", transactions=[transaction("30.00"), transaction("99.00", kind="sale")]), 30),
        (refund("5.25", lines=False, order_adjustments=[adjustment("refund_discrepancy", "-5.25")]), 5.25),
        (refund(None), 50),
        (refund(None, order_adjustments=[adjustment("shipping_refund", "-10.00", "-1.00")]), 61),
        (refund(None, order_adjustments=[adjustment("refund_discrepancy", "20.00")]), 30),
        (refund(None, transactions=[transaction("0.00", kind="void")]), 50),
    ],
)
def test_what_was_given_back(given, total):
    assert one("refunds/create", given)["data"]["total"] == total


@pytest.mark.parametrize(
    "given",
    [refund(None, lines=False), refund("9.00", lines=False, transactions=[transaction("9.00", status="error")])],
)
def test_a_refund_of_nothing(given):
    assert one("refunds/create", given) == Ignored("nothing_given_back")


def test_a_shop_in_another_currency_whose_customer_pays_in_ours():
    foreign = order(
        currency="USD",
        presentment_currency="CNY",
        total_price="45.00",
        total_price_set=money("45.00", "USD", ("324.00", "CNY")),
        total_discounts_set=money("0.00", "USD", ("0.00", "CNY")),
        line_items=[line(price="45.00", price_set=money("45.00", "USD", ("324.00", "CNY")))],
    )
    data = one("orders/create", foreign)["data"]
    assert (data["total"], data["currency"], data["products"][0]["price"]) == (324.0, "CNY", 324.0)


def test_a_customer_who_pays_in_another_currency_than_ours():
    presented = order(presentment_currency="USD", total_price_set=money("324.00", "CNY", ("45.00", "USD")))
    data = one("orders/create", presented)["data"]
    assert (data["total"], data["currency"]) == (324.0, "CNY")


def test_a_refund_paid_out_in_another_currency_is_worth_its_lines():
    returned = refund()
    paid_out = refund(transactions=[transaction("7.00", currency="USD")])
    assert one("refunds/create", paid_out)["data"]["total"] == one("refunds/create", returned)["data"]["total"]
    told = refund(transactions=[transaction("7.00", currency="USD", amount_set=money("49.00", "CNY", ("7.00", "USD")))])
    assert one("refunds/create", told)["data"]["total"] == 49


def test_neither_currency_is_ours():
    for topic, payload in (
        ("orders/create", order(currency="USD", presentment_currency="EUR")),
        ("refunds/create", refund(lines=False, transactions=[transaction("7.00", currency="USD")])),
    ):
        assert "/data/currency" in str(admit(one(topic, payload)).problem)


def test_a_guest_with_an_address_alone():
    made = one("orders/create", order(customer=None))
    assert "subject" not in made
    assert made["data"]["identifiers"] == [{"kind": "email", "value": "john@example.com"}, NAMED]


def test_a_purchase_of_nobody():
    made, returned = events("orders/updated", order(customer=None, email="", refunds=[refund()]))
    for each in (made, returned):
        assert "subject" not in each
        assert "identifiers" not in each["data"]
        assert admit(each).customer_id.startswith("~basket:")


def test_a_test_order_is_no_sale():
    assert one("orders/create", order(test=True)) == Ignored("test")


@pytest.mark.parametrize(
    ("members", "time"),
    [
        ({"cancelled_at": "2026-10-02T00:00:00+08:00", "cancel_reason": "customer"}, "2026-10-02T00:00:00+08:00"),
        ({"financial_status": "voided"}, "2026-10-01T10:00:00+08:00"),
    ],
)
def test_a_cancelled_order(members, time):
    completed, cancelled = events("orders/cancelled", order(**members))
    assert completed == one("orders/create", order())
    assert (cancelled["type"], cancelled["time"]) == ("order.cancelled", time)
    assert cancelled["id"] == "order-820982911946154508-cancelled"
    assert cancelled["data"]["order_id"] == "820982911946154508"
    assert isinstance(admit(cancelled), Event)


@pytest.mark.parametrize(("topic", "payload"), [("orders/create", order(id=None)), ("refunds/create", refund(id=None))])
def test_what_has_no_number_is_refused(topic, payload):
    """It could not be told from the next one."""
    assert "id" not in one(topic, payload)
    assert admit(one(topic, payload)).problem.slug == "malformed"


def test_a_line_that_was_typed_in():
    typed = line(product_id=None, variant_id=None, sku="", title="Gift wrap", price="5.00")
    (product,) = one("orders/create", order(line_items=[typed]))["data"]["products"]
    assert product["product_id"] == "Gift wrap"


@pytest.mark.parametrize(
    ("name", "channel"), [("web", "web"), ("pos", "store"), ("iphone", "app"), ("580111", None), (None, None)]
)
def test_channels(name, channel):
    assert one("orders/create", order(source_name=name))["data"].get("channel") == channel


def test_a_customer_and_what_they_consented_to():
    identified, consent = events("customers/update", CUSTOMER)
    assert (identified["type"], identified["subject"]) == ("customer.identified", "115310627314723954")
    assert identified["data"] == {
        "identifiers": [
            {"kind": "email", "value": "john@example.com"},
            {"kind": "phone", "value": "+8613800138000"},
        ]
    }
    assert consent["data"] == {"purpose": "marketing", "channel": "email", "granted": True}
    assert consent["time"] == "2026-09-30T10:00:00+08:00"
    assert all(isinstance(admit(each), Event) for each in (identified, consent))


def test_a_customer_of_whom_nothing_is_told():
    assert events("customers/create", {"id": 1, "email": None, "updated_at": "2026-10-01T00:00:00Z"}) == [
        Ignored("no_identifiers")
    ]


def test_customers_that_were_merged():
    merged = one(
        "customers/merge",
        {
            "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1",
            "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2",
        },
        DOOR._replace(prefix="s-"),
    )
    assert (merged["type"], merged["subject"], merged["data"]) == ("customer.merged", "s-1", {"merged": "s-2"})
    assert isinstance(admit(merged), Event)


@pytest.mark.parametrize(
    ("topic", "type_"),
    [("customers/redact", "privacy.redact.requested"), ("customers/data_request", "privacy.data.requested")],
)
def test_requests_of_privacy_are_kept_without_the_address(topic, type_):
    payload = {
        "shop_id": 954889,
        "shop_domain": "a.myshopify.com",
        "customer": {"id": 191167, "email": "john@example.com", "phone": "555-625-1199"},
        "orders_to_redact": [299938, 280263],
        "data_request": {"id": 9999},
    }
    made = one(topic, payload)
    assert (made["type"], made["subject"]) == (type_, "191167")
    assert "john" not in str(made)
    assert isinstance(admit(made), Event)


def test_a_shop_that_leaves_and_topics_that_mean_nothing_here():
    assert one("shop/redact", {"shop_id": 1}) == Ignored("shop_redacted")
    assert one("products/update", {"id": 1}) == Ignored("unknown_topic")
    assert one("orders/delete", {"id": 1}) == Ignored("deleted")


SPOILT = spoilt([order(refunds=[refund()]), refund(), CUSTOMER, {}])


@given(st.sampled_from(sorted(_TOPICS)), SPOILT | JSON)
def test_any_payload_is_mapped_and_left_as_it_was(topic, payload):
    check_left_as_it_was(map_delivery, topic, payload, DOOR)
