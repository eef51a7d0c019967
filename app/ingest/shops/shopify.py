"""A webhook of Shopify → CloudEvents as `POST /v1/events` takes them. Pure.

https://shopify.dev/docs/api/webhooks: the topic stands in a header, the payload is the resource as the REST Admin API
has it. Every delivery of an order has the whole order, its refunds too, so each says all that is known by then: what
comes twice has the same ids, and counts once.

**Money.** `total_price` is what was paid, after discounts, with shipping, taxes and tips, before anything was given
back; it is in the shop's currency. Where that is not ours and the customer's (`presentment_money`) is, that is taken.
A refund is what its transactions gave back; where there are none (goods taken off an order that was not paid), the
worth of its lines with the adjustments that Shopify makes of it.

**Who.** `customer.id`. A refund does not say whose it is, so it goes by its order, an identifier of kind `order`,
which the order has too: both are one person, whichever comes first.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from app.ingest.segment.properties import as_object, as_text
from app.ingest.shops.amounts import add_up, as_amount, as_decimal, read_amount
from app.ingest.shops.deliveries import (
    DELETED,
    NO_IDENTIFIERS,
    NOTHING_GIVEN_BACK,
    SHOP_REDACTED,
    TEST,
    UNKNOWN_TOPIC,
    Door,
    Json,
    Mapped,
    list_identifiers,
    make_event,
    make_id,
    objects,
    present,
)
from app.ingest.shops.known import VERSION, name_cancellation, name_order
from app.ingest.shops.redactions import ORDER
from app.lifecycle.events import (
    CONSENT_CHANGED,
    CUSTOMER_IDENTIFIED,
    CUSTOMER_MERGED,
    ORDER_CANCELLED,
    ORDER_COMPLETED,
    ORDER_REFUNDED,
)

REDACT_REQUESTED: Final = "privacy.redact.requested"
DATA_REQUESTED: Final = "privacy.data.requested"

_CHANNELS: Final = {"web": "web", "pos": "store", "iphone": "app", "android": "app"}
_SIDES: Final = ("shop_money", "presentment_money")
_GIVEN_BACK: Final = ("success", "pending")
"""States of a transaction: money that is under way comes back as well."""


def map_delivery(topic: str, payload: Any, door: Door) -> list[Mapped]:
    """The events of a delivery, or why there is none."""
    map_topic = _TOPICS.get(topic)
    return [UNKNOWN_TOPIC] if map_topic is None else list(map_topic(as_object(payload), door))


def _map_order(order: Json, door: Door) -> Iterator[Mapped]:
    if order.get("test") is True:
        yield TEST
        return
    side = _side_of(order, door.currency)
    subject, identifiers = as_object(order.get("customer")).get("id"), _identifiers_of(order, door)
    data = {**_read_order(order, side), "identifiers": identifiers}
    completed = make_event(door, ORDER_COMPLETED, name_order(order.get("id")), subject, _time_of(order), data)
    yield {**completed, VERSION: order.get("updated_at")}
    for refund in objects(order.get("refunds")):
        yield _make_refund({"order_id": order.get("id"), **refund}, door, is_anonymous=identifiers is None)
    if order.get("cancelled_at") or order.get("financial_status") == "voided":
        yield _make_cancellation(order, door, subject, identifiers)


def _read_order(order: Json, side: str) -> Json:
    """What no later version of the order changes, but an edit."""
    source_name = order.get("source_name")
    return {
        "order_id": as_text(order.get("id")),
        "total": read_amount(_money(order, "total_price", side)),
        "discount": read_amount(_money(order, "total_discounts", side)),
        "shipping": read_amount(_money(order, "total_shipping_price", side)),
        "tax": read_amount(_money(order, "total_tax", side)),
        "currency": order.get("currency" if side == _SIDES[0] else "presentment_currency"),
        "channel": _CHANNELS.get(source_name) if isinstance(source_name, str) else None,
        "products": [_read_line(line, side) for line in objects(order.get("line_items"))] or None,
    }


def _read_line(line: Json, side: str) -> Json:
    given = [_money(each, "amount", side) for each in objects(line.get("discount_allocations"))]
    discount = as_amount(add_up(given)) if given else read_amount(line.get("total_discount"))
    return present(
        {
            "product_id": _product_of(line),
            "sku": as_text(line.get("sku")),
            "name": line.get("title") or None,
            "category": line.get("product_type") or None,
            "price": read_amount(_money(line, "price", side)),
            "quantity": line.get("quantity"),
            "discount": discount or None,
        }
    )


def _product_of(line: Json) -> Any:
    """A line that was typed in has no product: it goes by what else it has."""
    known = (as_text(line.get(name)) for name in ("product_id", "sku", "variant_id", "title", "id"))
    return next((name for name in known if name is not None), None)


def _identifiers_of(order: Json, door: Door) -> list[Json] | None:
    """None: nobody's. An order by itself makes nobody known."""
    customer = as_object(order.get("customer"))
    told = [
        *(("email", each.get("email")) for each in (order, customer)),
        *(("phone", each.get("phone")) for each in (order, customer)),
    ]
    known = list_identifiers(*told)
    if known is None and as_text(customer.get("id")) is None:
        return None
    return [*(known or ()), _order_identifier(order.get("id"), door)]


def _order_identifier(order_id: Any, door: Door) -> Json:
    return {"kind": ORDER, "value": f"{door.source}/{as_text(order_id)}"}


def _make_cancellation(order: Json, door: Door, subject: Any, identifiers: list[Json] | None) -> Json:
    data = {"order_id": as_text(order.get("id")), "reason": order.get("cancel_reason"), "identifiers": identifiers}
    time = order.get("cancelled_at") or order.get("updated_at")
    return make_event(door, ORDER_CANCELLED, name_cancellation(order.get("id")), subject, time, data)


def _map_refund(refund: Json, door: Door) -> Iterator[Mapped]:
    yield _make_refund(refund, door, is_anonymous=False)


def _make_refund(refund: Json, door: Door, *, is_anonymous: bool) -> Mapped:
    """The same of a refund by itself and of one in its order."""
    side = _side_of_refund(refund, door.currency)
    total, currency = _given_back(refund, side, door.currency)
    lines = [_read_refunded(line, side) for line in objects(refund.get("refund_line_items"))]
    if total is not None and total <= 0 and not lines:
        return NOTHING_GIVEN_BACK
    data = {
        "order_id": as_text(refund.get("order_id")),
        "total": as_amount(total),
        "currency": currency,
        "products": lines or None,
        "identifiers": None if is_anonymous else [_order_identifier(refund.get("order_id"), door)],
    }
    return make_event(door, ORDER_REFUNDED, make_id("refund", refund.get("id")), None, _time_of(refund), data)


def _read_refunded(refunded: Json, side: str) -> Json:
    line = _read_line(as_object(refunded.get("line_item")), side)
    line.pop("discount", None)
    known = {"product_id": as_text(refunded.get("line_item_id")), **line}
    return present({**known, "quantity": refunded.get("quantity")})


def _given_back(refund: Json, side: str, currency: str) -> tuple[Decimal | None, Any]:
    """The amount and its currency; None for what cannot be read."""
    transactions = [each for each in objects(refund.get("transactions")) if each.get("kind") == "refund"]
    moved = [each for each in transactions if each.get("status", "success") in _GIVEN_BACK]
    if transactions and not moved:
        return Decimal(), currency
    if moved and (sides := _sides_of(moved, "amount", currency)):
        return add_up(_money(each, "amount", sides) for each in moved), currency
    codes = [each.get("currency") for each in moved if each.get("currency")]
    by_lines = _worth_of_lines(refund, side)
    in_ours = _code_of(refund, side) in (None, currency)
    if moved and (all(code == currency for code in codes) or not in_ours or not by_lines):
        return add_up(each.get("amount") for each in moved), codes[0] if codes else None
    return by_lines, _code_of(refund, side) or (codes[0] if codes else None)


def _worth_of_lines(refund: Json, side: str) -> Decimal | None:
    """Their worth with tax, less the adjustments: those are negative where more was given back than the lines."""
    lines = add_up(
        _money(line, name, side) or 0
        for line in objects(refund.get("refund_line_items"))
        for name in ("subtotal", "total_tax")
    )
    adjusted = add_up(
        _money(each, name, side) or 0
        for each in objects(refund.get("order_adjustments"))
        for name in ("amount", "tax_amount")
    )
    return None if lines is None or adjusted is None else lines - adjusted


def _side_of(order: Json, currency: str) -> str:
    """In which of its two currencies an order is read: the shop's, unless only the customer's is ours."""
    is_presented = order.get("currency") != currency and order.get("presentment_currency") == currency
    return _SIDES[1] if is_presented else _SIDES[0]


def _side_of_refund(refund: Json, currency: str) -> str:
    return next((side for side in _SIDES if _code_of(refund, side) == currency), _SIDES[0])


def _code_of(refund: Json, side: str) -> Any:
    """The currency of a side, where a line or an adjustment tells it."""
    for name, members in (("subtotal", "refund_line_items"), ("amount", "order_adjustments")):
        for each in objects(refund.get(members)):
            code = as_object(as_object(each.get(f"{name}_set")).get(side)).get("currency_code")
            if code is not None:
                return code
    return None


def _sides_of(moved: list[Json], name: str, currency: str) -> str | None:
    """The side on which all of them tell an amount in our currency."""
    for side in _SIDES:
        told = [as_object(as_object(each.get(f"{name}_set")).get(side)) for each in moved]
        if all(each.get("currency_code") == currency and as_decimal(each.get("amount")) is not None for each in told):
            return side
    return None


def _money(thing: Json, name: str, side: str) -> Any:
    """An amount on a side; of the shop's, the member by itself where there is no set of both."""
    told = as_object(as_object(thing.get(f"{name}_set")).get(side)).get("amount")
    return thing.get(name) if told is None and side == _SIDES[0] else told


def _time_of(thing: Json) -> Any:
    return thing.get("processed_at") or thing.get("created_at")


def _map_customer(customer: Json, door: Door) -> Iterator[Mapped]:
    """Who it is, and what they consented to."""
    id_, identifiers = (
        as_text(customer.get("id")),
        list_identifiers(*((k, customer.get(k)) for k in ("email", "phone"))),
    )
    time = customer.get("updated_at") or customer.get("created_at")
    if identifiers is None:
        yield NO_IDENTIFIERS
    else:
        data = {"identifiers": identifiers}
        yield make_event(door, CUSTOMER_IDENTIFIED, make_id("customer", id_, time), id_, time, data)
    for channel in ("email", "sms"):
        consent = as_object(customer.get(f"{channel}_marketing_consent"))
        if at := consent.get("consent_updated_at"):
            told = {"purpose": "marketing", "channel": channel, "granted": consent.get("state") == "subscribed"}
            yield make_event(door, CONSENT_CHANGED, make_id("consent", id_, channel, at), id_, at, told)


def _map_merge(merge: Json, door: Door) -> Iterator[Mapped]:
    names = (f"admin_graphql_api_customer_{which}_id" for which in ("kept", "deleted"))
    kept, gone = (str(merge.get(name) or "").rpartition("/")[2] for name in names)
    data = {"merged": f"{door.prefix}{gone}" if gone else None}
    yield make_event(door, CUSTOMER_MERGED, make_id("merge", kept, gone), kept, door.triggered_at, data)


def _map_redaction(request: Json, door: Door) -> Iterator[Mapped]:
    """Kept with the customer, for whoever must see to it, where it is not seen to at once."""
    id_ = as_object(request.get("customer")).get("id")
    orders = request.get("orders_to_redact")
    data = {"orders": [as_text(each) for each in orders] if isinstance(orders, list) else None}
    yield make_event(door, REDACT_REQUESTED, make_id("redact", id_), id_, door.triggered_at, data)


def _map_data_request(request: Json, door: Door) -> Iterator[Mapped]:
    number = as_text(as_object(request.get("data_request")).get("id"))
    id_ = as_object(request.get("customer")).get("id")
    data = {"data_request_id": number}
    yield make_event(door, DATA_REQUESTED, make_id("data-request", number, id_), id_, door.triggered_at, data)


_ORDER_TOPICS: Final = ("create", "updated", "paid", "cancelled", "fulfilled", "partially_fulfilled")
_TOPICS: Final[dict[str, Callable[[Json, Door], Iterator[Mapped]]]] = {
    **{f"orders/{each}": _map_order for each in _ORDER_TOPICS},
    "orders/delete": lambda _, __: iter((DELETED,)),
    "refunds/create": _map_refund,
    **{f"customers/{each}": _map_customer for each in ("create", "update", "enable", "disable")},
    "customers/delete": lambda _, __: iter((DELETED,)),
    "customers/merge": _map_merge,
    "customers/redact": _map_redaction,
    "customers/data_request": _map_data_request,
    "shop/redact": lambda _, __: iter((SHOP_REDACTED,)),
}

PRIVACY_TOPICS: Final = ("customers/redact", "customers/data_request", "shop/redact")
