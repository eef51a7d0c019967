"""A webhook of WooCommerce → CloudEvents as `POST /v1/events` takes them. Pure.

https://woocommerce.github.io/woocommerce-rest-api-docs/: the topic stands in a header, the payload is the resource as
the REST API has it. Times are UTC without saying so (`…_gmt`), amounts are texts.

**When an order counts.** One that is `pending`, or whose payment failed, is none yet; it is counted by the first
delivery whose status says that it was placed, at the time at which it was made, as WooCommerce's own reports do. One
that was counted and fails, or waits for its payment again, is none, until a later version says that it is one again. A
failure is kept where nothing was counted yet, too: an older version may come after it. So is a wait of an order that
says that it was paid before; of another it is how nearly every order begins.
Refunds stand in the order with their amounts alone, at the time of the first version that tells of them. One that a
later version does not have was deleted, and is none.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from app.ingest.segment.properties import as_object, as_text, without_sign
from app.ingest.shops.amounts import as_amount, as_decimal, read_amount
from app.ingest.shops.deliveries import (
    DELETED,
    NO_IDENTIFIERS,
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
from app.ingest.shops.known import REFUNDS, VERSION, WAS_PLACED, name_cancellation, name_order
from app.lifecycle.events import CUSTOMER_IDENTIFIED, ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED

_UNPLACED: Final = frozenset(("pending", "checkout-draft", "auto-draft", "draft"))
_CANCELLED: Final = frozenset(("cancelled", "trash"))
_CHANNELS: Final = {"checkout": "web", "store-api": "web", "pos-rest-api": "store"}


def map_delivery(topic: str, payload: Any, door: Door) -> list[Mapped]:
    """The events of a delivery, or why there is none."""
    map_topic = _TOPICS.get(topic)
    return [UNKNOWN_TOPIC] if map_topic is None else list(map_topic(as_object(payload), door))


def _map_order(order: Json, door: Door) -> Iterator[Mapped]:
    status = str(order.get("status"))
    if status == "failed":
        yield _make_cancellation(order, door)
        return
    if status in _UNPLACED:
        was_placed = any(_utc(order, name) for name in ("date_paid", "date_completed"))
        yield {**_make_cancellation(order, door), WAS_PLACED: was_placed}
        return
    refunds = [_make_refund(each, order, door) for each in objects(order.get("refunds"))]
    if status == "refunded" and not refunds:
        refunds = [_make_whole_refund(order, door)]
    has_all = isinstance(order.get("refunds"), list)
    names = {REFUNDS: [each["id"] for each in refunds if "id" in each]} if has_all else {}
    yield {**_make_order(order, door), **names}
    yield from refunds
    if status in _CANCELLED:
        yield _make_cancellation(order, door)


def _make_order(order: Json, door: Door) -> Json:
    made_via = order.get("created_via")
    data = {
        "order_id": as_text(order.get("id")),
        "total": read_amount(order.get("total")),
        "discount": read_amount(order.get("discount_total")),
        "shipping": read_amount(order.get("shipping_total")),
        "tax": read_amount(order.get("total_tax")),
        "currency": order.get("currency"),
        "channel": _CHANNELS.get(made_via) if isinstance(made_via, str) else None,
        "products": [_read_line(line) for line in objects(order.get("line_items"))] or None,
        "identifiers": _identifiers_of(order),
    }
    id_ = name_order(order.get("id"))
    completed = make_event(door, ORDER_COMPLETED, id_, order.get("customer_id"), _utc(order, "date_created"), data)
    return {**completed, VERSION: _utc(order, "date_modified")}


def _read_line(line: Json) -> Json:
    """`price` of one before the discount, as the order's lines elsewhere have it."""
    quantity, before, after = (as_decimal(line.get(name)) for name in ("quantity", "subtotal", "total"))
    each = before / quantity if quantity and before is not None else as_decimal(line.get("price"))
    discount = None if before is None or after is None else before - after
    known = (as_text(line.get(name)) for name in ("product_id", "sku", "name", "id"))
    return present(
        {
            "product_id": next((name for name in known if name not in (None, "0")), None),
            "sku": as_text(line.get("sku")),
            "name": line.get("name") or None,
            "price": as_amount(each),
            "quantity": line.get("quantity"),
            "discount": as_amount(discount) if discount else None,
        }
    )


def _identifiers_of(order: Json) -> list[Json] | None:
    billing = as_object(order.get("billing"))
    return list_identifiers(("email", billing.get("email")), ("phone", billing.get("phone")))


def _make_refund(refund: Json, order: Json, door: Door) -> Json:
    """Its total is negative."""
    data = {
        "order_id": as_text(order.get("id")),
        "total": read_amount(without_sign(refund.get("total"))),
        "currency": order.get("currency"),
        "identifiers": _identifiers_of(order),
    }
    time = _utc(refund, "date_created") or _utc(order, "date_modified")
    return make_event(door, ORDER_REFUNDED, make_id("refund", refund.get("id")), order.get("customer_id"), time, data)


def _make_whole_refund(order: Json, door: Door) -> Json:
    """Of an order that says that it was given back, and not by which refunds: what others leave of it."""
    order_id = as_text(order.get("id"))
    data = {"order_id": order_id, "currency": order.get("currency"), "identifiers": _identifiers_of(order)}
    time, id_ = _utc(order, "date_modified"), make_id("refund-of", order_id)
    return make_event(door, ORDER_REFUNDED, id_, order.get("customer_id"), time, data)


def _make_cancellation(order: Json, door: Door) -> Json:
    data = {"order_id": as_text(order.get("id")), "identifiers": _identifiers_of(order)}
    id_ = name_cancellation(order.get("id"))
    return make_event(door, ORDER_CANCELLED, id_, order.get("customer_id"), _utc(order, "date_modified"), data)


def _utc(thing: Json, name: str) -> Any:
    """A time of UTC, which is written without a zone."""
    told = thing.get(f"{name}_gmt")
    if not isinstance(told, str) or not told:
        return thing.get(name)
    return told if told[-1] in "Zz" or "+" in told else f"{told}Z"


def _map_customer(customer: Json, door: Door) -> Iterator[Mapped]:
    billing, id_ = as_object(customer.get("billing")), customer.get("id")
    identifiers = list_identifiers(("email", customer.get("email")), ("phone", billing.get("phone")))
    if identifiers is None:
        yield NO_IDENTIFIERS
        return
    time = _utc(customer, "date_modified") or _utc(customer, "date_created")
    data = {"identifiers": identifiers}
    yield make_event(door, CUSTOMER_IDENTIFIED, make_id("customer", id_, time), id_, time, data)


def _map_deleted(_: Json, __: Door) -> Iterator[Mapped]:
    yield DELETED


_TOPICS: Final[dict[str, Callable[[Json, Door], Iterator[Mapped]]]] = {
    **{f"order.{each}": _map_order for each in ("created", "updated", "restored")},
    **{f"customer.{each}": _map_customer for each in ("created", "updated")},
    **{f"{each}.deleted": _map_deleted for each in ("order", "customer")},
}
