"""The statement that counts events, written out for one event of pgbench's variables."""

import re
from typing import Final

from app.checkout.queries import COUNT_EVENTS
from app.database.order_lines import write_lines
from app.lifecycle.events import ORDER_COMPLETED

_NOW_US: Final = "(date_part('epoch', clock_timestamp()) * 1000000)::bigint"
_NONE: Final = "NULL::text"
_BASKET: Final = {"products": [{"product_id": "4711", "category": "dairy", "quantity": 2, "price": 12.8}] * 3}

VALUES: Final = {
    "customer_id": "'C-' || :customer_number",
    "source": "'/pos/store-1/till-1'::text",
    "id": "'benchmark-' || :event_number",
    "type": "'order.completed'::text",
    "occurred_us": _NOW_US,
    "kind": _NONE,
    "channel": "'store'::text",
    "reference": "'A-' || :event_number",
    "amount_minor": ":amount_minor::bigint",
    "discount_minor": "0::bigint",
    "items": "3::bigint",
    "points": "0::bigint",
    "value": _NONE,
    "digest": "substring(sha256(convert_to('' || :event_number, 'UTF8')) for 16)",
    "data": "json_build_object('order_id', 'A-' || :event_number, 'products', repeat('x', 300))::text",
    "lines": f"'{write_lines(ORDER_COMPLETED, _BASKET, 2)}'::text",
}
"""A fact of an event → an expression of pgbench's variables. The text of `products` is as long as
that of three."""


def single_event_statement() -> str:
    """The same text as the server prepares, each of its array parameters an array of one.

    Raises KeyError for a parameter that has no expression here.
    """
    given = {"received_us": _NOW_US, **{name: f"ARRAY[{value}]" for name, value in VALUES.items()}}
    written = [given[name] for name in COUNT_EVENTS.names]
    return re.sub(r"\$(\d+)", lambda found: written[int(found[1]) - 1], COUNT_EVENTS.text)
