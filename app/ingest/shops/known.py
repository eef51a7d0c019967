"""What a delivery means beside what is known of its order already. Pure.

**A cancelled order never was.** One of which nothing was counted by then is not counted any more, whatever of it comes
later, but for a version that is later than the cancellation: a payment that failed may be tried again.

**A refund of nobody's order is nobody's**: the delivery does not say whose it is.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from app.foundation.times import to_us
from app.http.times import Time
from app.ingest.order_identity import REFUND_EVENTS
from app.ingest.segment.mapping import Ignored
from app.ingest.shops.deliveries import NOT_PLACED, Json, Mapped, make_id, present
from app.lifecycle.events import ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED
from app.lifecycle.identifiers import BASKET

_MONEY: Final = (ORDER_COMPLETED, ORDER_REFUNDED)
VERSION: Final = "version"
"""The member of an order on its way that says when this version of it was made."""
WAS_PLACED: Final = "was_placed"
"""The member of a cancellation on its way that says that the order is none because it waits to be placed: whether the
shop says that it was placed before."""
REFUNDS: Final = "refunds"
"""The member of an order on its way that names the events of its refunds, where its version has all that there are."""
CANCELLED: Final = Ignored("order_cancelled")
"""Of an order that never was."""
_TIME: Final = TypeAdapter(Time)


def name_order(order_id: Any) -> str | None:
    """The id of the event that an order is."""
    return make_id("order", order_id)


def name_cancellation(order_id: Any) -> str | None:
    """The id of the event that an order's cancellation is."""
    return make_id("order", order_id, "cancelled")


def name_version(each: Json) -> str | None:
    """The id of the event that a version of an order is, of the order or of what is told of it at the same time."""
    return make_id(name_order(each["data"].get("order_id")), each.get(VERSION, each.get("time")))


class Known(NamedTuple):
    """An event that is known: whose, and of when."""

    customer_id: str
    occurred_us: int


def ids_to_look_up(mapped: list[Mapped]) -> set[str]:
    """What must be known of the orders that a delivery is of; nothing for one of other things."""
    made = [each for each in mapped if not isinstance(each, Ignored)]
    order_ids = [each["data"].get("order_id") for each in made if each["type"] in (*_MONEY, ORDER_CANCELLED)]
    named = [name(order_id) for order_id in order_ids for name in (name_order, name_cancellation)]
    told = [each.get("id") for each in made] if order_ids else []
    told += [name_version(each) for each in made if WAS_PLACED in each]
    return {name for name in (*named, *told) if isinstance(name, str) and name.isascii() and name.isprintable()}


def consider(mapped: list[Mapped], known: Mapping[str, Known]) -> list[Mapped]:
    """The delivery, less what does not count. `known`: by the id of an event."""
    is_cancelled = any(_type_of(each) == ORDER_CANCELLED for each in mapped)
    is_begun = any(_type_of(each) in _MONEY and _id_of(each) in known for each in mapped)
    considered = (_consider(each, known, never_was=is_cancelled and not is_begun) for each in mapped)
    return [made for each in considered for made in _tell_version(each, known, is_cancelled=is_cancelled)]


def _id_of(each: Mapped) -> Any:
    return None if isinstance(each, Ignored) else each.get("id")


def _type_of(each: Mapped) -> Any:
    return None if isinstance(each, Ignored) else each["type"]


def _consider(each: Mapped, known: Mapping[str, Known], *, never_was: bool) -> Mapped:
    if isinstance(each, Ignored):
        return each
    order_id = each["data"].get("order_id")
    holder, cancelled = known.get(name_order(order_id) or ""), known.get(name_cancellation(order_id) or "")
    if each["type"] == ORDER_CANCELLED:
        if WAS_PLACED in each and not _undoes(each, holder, is_placed=name_version(each) in known):
            return NOT_PLACED
        return _consider_cancellation(each, cancelled)
    if each["type"] not in _MONEY:
        return each
    if each.get("id") not in known and (never_was or (cancelled is not None and not _is_later(each, cancelled))):
        return CANCELLED
    is_nobodys = holder is not None and holder.customer_id.startswith(BASKET)
    return _without_customer(each) if is_nobodys and each["type"] == ORDER_REFUNDED else each


def _undoes(waiting: Json, holder: Known | None, *, is_placed: bool) -> bool:
    """Whether an order that waits was one before. `is_placed`: a version of the same second says that it is one."""
    if is_placed:
        return False
    if holder is None:
        return bool(waiting[WAS_PLACED])
    waits_us = _read_us(waiting.get("time"))
    return waits_us is not None and waits_us > holder.occurred_us


def _consider_cancellation(each: Json, cancelled: Known | None) -> Json:
    """One at another time than the first gets an id of its own: the order may have come back to life meanwhile."""
    told = {name: member for name, member in each.items() if name != WAS_PLACED}
    if cancelled is not None and _read_us(told.get("time")) != cancelled.occurred_us:
        return present({**told, "id": make_id(told.get("id"), told.get("time"))})
    return told


def _is_later(each: Json, cancelled: Known) -> bool:
    version_us = _read_us(each.get(VERSION))
    return version_us is not None and version_us > cancelled.occurred_us


def _read_us(time: Any) -> int | None:
    try:
        return to_us(_TIME.validate_python(time))
    except ValidationError:
        return None


def _tell_version(each: Mapped, known: Mapping[str, Known], *, is_cancelled: bool) -> list[Mapped]:
    """An order as it is counted first, and as the version that it is: of the versions of an order the latest counts.

    One that is cancelled is no version of a sale.
    """
    if isinstance(each, Ignored) or each["type"] != ORDER_COMPLETED:
        return [each]
    completed = {name: member for name, member in each.items() if name not in (VERSION, REFUNDS)}
    version, id_ = each.get(VERSION), make_id(each.get("id"), each.get(VERSION))
    if is_cancelled or id_ is None or (each.get("id") not in known and version == each.get("time")):
        return [completed]
    updated = {**completed, "type": ORDER_UPDATED, "id": id_, "time": version}
    if REFUNDS in each:
        updated["data"] = {**updated["data"], REFUND_EVENTS: each[REFUNDS]}
    return [updated] if each.get("id") in known else [completed, updated]


def _without_customer(refund: Json) -> Json:
    data = {name: member for name, member in refund["data"].items() if name != "identifiers"}
    return {**{name: member for name, member in refund.items() if name != "subject"}, "data": data}
