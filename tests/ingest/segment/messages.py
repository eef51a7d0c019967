"""Messages as the specification of Segment shows them, and the events that are made of them."""

from app.ingest.admission import admit_or_reject
from app.ingest.rules import Rules
from app.ingest.segment.mapping import Ignored, map_message

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
