"""Orders and refunds that were made of lines → CloudEvents."""

import hashlib
from collections.abc import Iterator
from typing import Any

import duckdb
import orjson

from app.checkout.importing import BATCH_EVENTS
from app.foundation.settings import Settings
from app.foundation.times import iso
from app.ingest.order_identity import ORDER_NUMBER
from app.lifecycle.events import ORDER_CANCELLED, ORDER_REFUNDED, to_major

_LONGEST_ID = 128


LINE_ORDER = "ORDER BY e.customer_id, e.occurred_us, e.id"
"""What resuming counts on: it is part of what an import is known by."""

_ORDERS_SQL = """
WITH baskets AS (
    SELECT l.customer_id, l.order_id, CASE WHEN l.is_return THEN l.occurred_us ELSE -1 END AS returned_us,
           to_json(list_sort(list({members}) FILTER (WHERE l.item_id IS NOT NULL AND l.quantity > 0))) AS products
    FROM lines l GROUP BY l.customer_id, l.order_id, returned_us)
SELECT e.customer_id, e.source, e.id, e.type, e.occurred_us, e.reference, e.number, e.amount_minor,
       e.discount_minor, e.channel, e.store, b.products
FROM events e JOIN baskets b ON b.customer_id = e.customer_id AND b.order_id = e.order_id
     AND b.returned_us = CASE WHEN e.type = 'order.refunded' THEN e.occurred_us ELSE -1 END
{order}"""

# JSON has no NaN and no infinity: they become what is refused. (`least` passes over NULL.)
_MEMBERS = {
    "product_id": "l.item_id",
    "quantity": "least(l.quantity, 1e300)",
    "price": "CASE WHEN l.unit_price IS NOT NULL THEN least(l.unit_price, 1e300) END",
    "category": "l.category",
}
"""In the order by which lines are sorted, that the same rows always make the same event."""


def read_orders(connection: duckdb.DuckDBPyConnection, shift_us: int, settings: Settings) -> Iterator[dict[str, Any]]:
    """The orders and refunds that `load_orders` made, as CloudEvents: customer by customer, each in the order of time.

    So a batch changes fewer states than one of all customers' next orders would.
    """
    (known,) = connection.execute("SELECT count(category), count(unit_price) FROM lines").fetchall()
    unknown = {name for name, lines in zip(("category", "price"), known, strict=True) if not lines}
    members = ", ".join(f"{name}: {value}" for name, value in _MEMBERS.items() if name not in unknown)
    rows = connection.execute(_ORDERS_SQL.replace("{members}", f"{{{members}}}").replace("{order}", LINE_ORDER))
    while batch := rows.fetchmany(BATCH_EVENTS):
        for row in batch:
            yield _order_event(row, shift_us, settings)


def read_cancelled(connection: duckdb.DuckDBPyConnection, source: str, shift_us: int) -> Iterator[dict[str, Any]]:
    """The orders that never were, as CloudEvents: they matter where another file said that they were."""
    rows = connection.execute("SELECT customer_id, reference, occurred_us FROM cancelled ORDER BY ALL")
    while batch := rows.fetchmany(BATCH_EVENTS):
        for customer_id, reference, occurred_us in batch:
            id_ = f"order-{reference}/cancelled"
            yield {
                "specversion": "1.0",
                "id": id_ if len(id_) <= _LONGEST_ID and id_.isascii() else f"sha256:{_sha256(id_)}",
                "source": source,
                "type": ORDER_CANCELLED,
                **({"subject": customer_id} if customer_id else {}),
                "time": iso(occurred_us + shift_us),
                "data": {"order_id": reference},
            }


def read_kept_whole(connection: duckdb.DuckDBPyConnection, source: str, shift_us: int) -> Iterator[dict[str, Any]]:
    """That nothing of these orders was given back, as refunds of nothing: they matter where another file said that
    something was."""
    rows = connection.execute("SELECT customer_id, id, reference, occurred_us FROM kept_whole ORDER BY ALL")
    while batch := rows.fetchmany(BATCH_EVENTS):
        for customer_id, id_, reference, occurred_us in batch:
            yield {
                "specversion": "1.0",
                "id": id_,
                "source": source,
                "type": ORDER_REFUNDED,
                **({"subject": customer_id} if customer_id else {}),
                "time": iso(occurred_us + shift_us),
                "data": {"order_id": reference, "total": 0},
            }


def _sha256(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


def _read_products(text: str | None) -> list[dict[str, Any]]:
    """Products from JSON, a quicker way out of DuckDB than its objects; without what a line does not say."""
    products: list[dict[str, Any]] = orjson.loads(text or "[]")
    if text and "null" in text:
        return [{name: value for name, value in product.items() if value is not None} for product in products]
    return products


def _order_event(row: tuple[Any, ...], shift_us: int, settings: Settings) -> dict[str, Any]:
    customer_id, source, id_, type_, occurred_us, order_id, number, amount, discount, channel, store, products = row
    data: dict[str, Any] = {
        "order_id": order_id,
        "total": to_major(amount, settings.digits),
        "currency": settings.currency,
        "products": _read_products(products),
    }
    if number is not None and number != order_id:
        data[ORDER_NUMBER] = number
    if discount:
        data["discount"] = to_major(discount, settings.digits)
    if channel:
        data["channel"] = channel
    if store:
        data["store"] = store
    return {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": type_,
        **({"subject": customer_id} if customer_id else {}),
        "time": iso(occurred_us + shift_us),
        "data": data,
    }
