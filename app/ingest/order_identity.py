"""An order is one thing, whatever the ids of the events that tell of it: which sources' orders are known by their
`order_id`, and what such an order is kept under.

A till's receipt numbers may begin anew each day, so that its orders stay events of their own.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from zlib import crc32

import orjson

from app.foundation.errors import violation
from app.lifecycle.events import (
    ORDER_CANCELLED,
    ORDER_COMPLETED,
    ORDER_REFUNDED,
    ORDER_UPDATED,
    POINTS_TYPES,
    Event,
)
from app.lifecycle.placeholders import is_placeholder

ID_BY_SENDER: Final = "id_by_sender"
"""The member of `data` that keeps the id that an order's event came with, where it is kept under the order's."""
ORDER_NUMBER: Final = "order_number"
"""The member of `data` that says an order's number, where a file's order is known by more than that."""
REFUND_EVENTS: Final = "refund_events"
"""The member of an update's `data` that names the events of its refunds: any other that was told of before is none."""
FILES: Final = "/import"
"""The source of orders of files, unless another is named."""
ALWAYS: Final = ("/segment/", "/shopify/", "/woocommerce/", f"{FILES}/")
UNNUMBERED: Final = r"^\d{8}T\d{6}/"
"""What files call an order or a refund that has no number: by its time. Such a refund names no order."""
CHANGES: Final = (ORDER_UPDATED, ORDER_CANCELLED)
"""What says something of an order that came, or is to come."""
AGAIN: Final = "again"
NAMED: Final = "named"
"""The kinds of `order.updated` that an order is kept as which is told again: with another amount, as a version of it;
and with the same amount, by who it says that it is of."""
REFUND_AFTER_DAYS: Final = 366
REFUND_SLACK_US: Final = 600_000_000
"""A refund at a till is of the latest order of its customer with that number, at most so long before it; clocks of one
shop may differ by the slack."""
SHOPS: Final = ("/shopify/", "/woocommerce/")
"""Whose orders come with their versions beside them."""
OURS: Final = (*SHOPS, f"{FILES}/")
"""Where we name events ourselves, after their orders (`order-7-cancelled`)."""
_APART: Final = "event:"
_LIKE_ORDERS: Final = re.compile(f"(?:{_APART})*order-")
_OF_ORDERS: Final = frozenset((*CHANGES, ORDER_COMPLETED, ORDER_REFUNDED, *POINTS_TYPES))


def name_order(order_id: str) -> str:
    """The id of the event that an order of a source with identity is kept as."""
    return f"order-{order_id}"


def keep_apart(id_: str) -> str:
    """What an event that is no order is kept under, at a source with identity: never what an order is.

    Ids that are like orders', and ids that are like what comes of those, get a prefix more: no two become one.
    """
    return f"{_APART}{id_}" if _LIKE_ORDERS.match(id_) else id_


class OrderIdentity(NamedTuple):
    """`folders`: the sources whose orders have an identity, each with all below it; they end in `/`."""

    folders: tuple[str, ...] = ALWAYS

    @classmethod
    def of(cls, more: str) -> "OrderIdentity":
        """With those of a list with commas between."""
        given = (each.strip().rstrip("/") for each in more.split(","))
        return cls((*ALWAYS, *(f"{each}/" for each in given if each)))

    def including(self, source: str) -> "OrderIdentity":
        """With those of one more source."""
        return self if self.covers(source) else OrderIdentity((*self.folders, source.rstrip("/") + "/"))

    def knows_by_number(self, source: str) -> bool:
        """Whether orders of a source come by other ways than files too, under no more than their numbers."""
        return self.covers(source) and not f"{source}/".startswith(f"{FILES}/")

    def covers(self, source: str) -> bool:
        """Whether the orders of a source have an identity."""
        return f"{source}/".startswith(self.folders)

    def identify(self, type_: str, source: str, facts: Mapping[str, Any], within: tuple[str, ...]) -> str | None:
        """The id that the event of an order is kept under; None: its own. `facts` are those of `read_facts`.

        Raises Malformed for what must know its order, of a source whose orders have no identity.
        """
        order_id = facts["reference"]
        if type_ == ORDER_COMPLETED and order_id is not None and self.covers(source):
            return name_order(order_id) if order_id.isdecimal() or not is_placeholder(order_id) else None
        if type_ in CHANGES and not self.covers(source):
            raise violation(
                (*within, "source"),
                "Orders of this source have no identity, so none can be changed: name it in PERENNIAL_ORDER_IDENTITY.",
            )
        if type_ == ORDER_REFUNDED and facts["kind"] is not None and not self.covers(source):
            raise violation(
                (*within, "data", "total"),
                "Say how much was given back, or the prices of all that came back: orders of this source have no "
                "identity, so that none can tell. Or name the source in PERENNIAL_ORDER_IDENTITY.",
            )
        return None

    def name_event(self, source: str, id_: str, reference: str | None) -> str:
        """The id that an event is kept under that is no order; `reference` is the order that it speaks of."""
        if not self.covers(source) or (
            f"{source}/".startswith(OURS) and id_.startswith(tuple(_named_after(reference)))
        ):
            return id_
        return keep_apart(id_)

    def name_by_sender(self, source: str, id_: str) -> str:
        """The id that an event came with which is kept under `id_`."""
        is_apart = self.covers(source) and _LIKE_ORDERS.match(id_)
        return id_.removeprefix(_APART) if is_apart else id_

    def orders_of(self, events: Iterable[Event]) -> dict[str, list[str]]:
        """The orders with identity that events speak of: sources and order ids, each once, as statements take them."""
        found = dict.fromkeys((event.source, event.reference or "") for event in events if self._concerns(event))
        return {"source": [source for source, _ in found], "reference": [order_id for _, order_id in found]}

    def claims_of(self, events: Iterable[Event]) -> list[int]:
        """The orders that a transaction which counts such events holds alone: a hash of 31 bits each, ascending.

        Of all that happens to an order at once, so, the second finds what the first has said.
        """
        orders = (f"{event.source}\x1f{event.reference}" for event in events if self._concerns(event))
        return sorted({crc32(order.encode()) >> 1 for order in orders})

    def _concerns(self, event: Event) -> bool:
        """Whether an event may change what is counted of an order with identity, or be changed by what came before."""
        return event.type in _OF_ORDERS and event.reference is not None and self.covers(event.source)


def _named_after(reference: str | None) -> list[str]:
    """How the ids begin that we give what happens to an order."""
    return [] if reference is None else [f"{name_order(reference)}{mark}" for mark in "-/"]


def digest_order(identity: str, amount_minor: int) -> bytes:
    """What tells at once that an order was told before: BLAKE2b over what it is kept under, and its amount."""
    return hashlib.blake2b(f"{identity}\x1f{amount_minor}".encode(), digest_size=16).digest()


def is_same_id(one: str, other: str) -> bool:
    """Whether two tellings of an order (`data`, JSON text) came under one id: then all of them must be the same."""
    return f'"{ID_BY_SENDER}"' in one and id_by_sender(one) == id_by_sender(other)


def id_by_sender(data: str) -> str | None:
    """The id that the event of an order came with, of its `data` (JSON text); None: it is kept under that."""
    found: str | None = orjson.loads(data).get(ID_BY_SENDER)
    return found
