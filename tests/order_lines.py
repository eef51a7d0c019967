"""What the order lines of an event are, read from its data by other means than the product's."""

import json

from app.lifecycle.events import OrderLine, to_minor


def lines_of(event):
    """Of an order or refund in a currency of two digits."""
    return lines_in(json.loads(event.data)) if event.type in ("order.completed", "order.refunded") else ()


def lines_in(data):
    """Of an order's or a refund's data."""
    return tuple(
        OrderLine(
            line["product_id"],
            line.get("category"),
            float(line.get("quantity") or 1),
            None if line.get("price") is None else to_minor(line["price"], 2),
            to_minor(line["discount"], 2) if type(line.get("discount")) in (int, float) else None,
        )
        for line in data.get("products") or ()
    )
