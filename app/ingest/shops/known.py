"""What a delivery means beside what is known of its order already. Pure.

**A cancelled order never was.** One of which nothing was counted by then is not counted any more, whatever of it comes
later. Of one that was, what had not been given back yet is given back by the cancellation, and nothing after it.

**A refund of nobody's order is nobody's**: the delivery does not say whose it is.
"""

from collections.abc import Mapping
from typing import Any, Final

from app.ingest.segment.mapping import Ignored
from app.ingest.shops.amounts import add_up, as_amount, as_decimal
from app.ingest.shops.deliveries import Json, Mapped, make_id, present
from app.lifecycle.events import ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED
from app.lifecycle.identifiers import BASKET

_MONEY: Final = (ORDER_COMPLETED, ORDER_REFUNDED)
VERSION: Final = "version"
"""The member of an order on its way that says when this version of it was made."""
CANCELLED: Final = Ignored("order_cancelled")
"""Of an order that never was."""


def name_order(order_id: Any) -> str | None:
    """The id of the event that an order is."""
    return make_id("order", order_id)


def name_cancellation(order_id: Any) -> str | None:
    """The id of the event that an order's cancellation is."""
    return make_id("order", order_id, "cancelled")


def ids_to_look_up(mapped: list[Mapped]) -> set[str]:
    """What must be known of the orders that a delivery is of; nothing for one of other things."""
    made = [each for each in mapped if not isinstance(each, Ignored)]
    order_ids = [each["data"].get("order_id") for each in made if each["type"] in _MONEY]
    named = [name(order_id) for order_id in order_ids for name in (name_order, name_cancellation)]
    told = [each.get("id") for each in made] if order_ids else []
    return {name for name in (*named, *told) if isinstance(name, str) and name.isascii() and name.isprintable()}


def consider(mapped: list[Mapped], known: Mapping[str, str]) -> list[Mapped]:
    """The delivery, less what does not count. `known`: id of an event → its customer id."""
    cancellation = next((each for each in mapped if _type_of(each) == ORDER_CANCELLED), None)
    is_begun = any(_type_of(each) in _MONEY and _id_of(each) in known for each in mapped)
    never_was = cancellation is not None and not is_begun
    considered = [made for each in mapped for made in _tell_version(_consider(each, known, never_was=never_was), known)]
    if cancellation is None or isinstance(cancellation, Ignored):
        return considered
    rest = _make_rest(cancellation, considered)
    return considered if rest is None else [*considered, rest]


def _id_of(each: Mapped) -> Any:
    return None if isinstance(each, Ignored) else each.get("id")


def _type_of(each: Mapped) -> Any:
    return None if isinstance(each, Ignored) else each["type"]


def _consider(each: Mapped, known: Mapping[str, str], *, never_was: bool) -> Mapped:
    if isinstance(each, Ignored) or each["type"] not in _MONEY:
        return each
    order_id = each["data"].get("order_id")
    holder = known.get(name_order(order_id) or "")
    if each.get("id") not in known and (never_was or name_cancellation(order_id) in known):
        return CANCELLED
    is_nobodys = holder is not None and holder.startswith(BASKET)
    return _without_customer(each) if is_nobodys and each["type"] == ORDER_REFUNDED else each


def _tell_version(each: Mapped, known: Mapping[str, str]) -> list[Mapped]:
    """An order as it is counted first, and as the version that it is: of the versions of an order the latest counts."""
    if isinstance(each, Ignored) or each["type"] != ORDER_COMPLETED:
        return [each]
    completed = {name: member for name, member in each.items() if name != VERSION}
    version, id_ = each.get(VERSION), make_id(each.get("id"), each.get(VERSION))
    if id_ is None or (each.get("id") not in known and version == each.get("time")):
        return [completed]
    updated = {**completed, "type": ORDER_UPDATED, "id": id_, "time": version}
    return [updated] if each.get("id") in known else [completed, updated]


def _without_customer(refund: Json) -> Json:
    data = {name: member for name, member in refund["data"].items() if name != "identifiers"}
    return {**{name: member for name, member in refund.items() if name != "subject"}, "data": data}


def _make_rest(cancellation: Json, considered: list[Mapped]) -> Json | None:
    """What a cancellation gives back of an order that was counted; None: nothing is left."""
    made = [each for each in considered if not isinstance(each, Ignored)]
    completed = next((each for each in made if each["type"] in (ORDER_COMPLETED, ORDER_UPDATED)), None)
    total = None if completed is None else as_decimal(completed["data"].get("total"))
    given_back = add_up(each["data"].get("total") for each in made if each["type"] == ORDER_REFUNDED)
    if completed is None or total is None or given_back is None or total <= given_back:
        return None
    told = {"total": as_amount(total - given_back), "currency": completed["data"].get("currency")}
    data = present({**cancellation["data"], **told, "reason": None})
    return {**cancellation, "type": ORDER_REFUNDED, "id": f"{cancellation.get('id')}-rest", "data": data}
