"""What happened to a customer, in one row: their events, and the stages they went through."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

_SUMMED: Final = ("total", "score", "points", "tier", "purpose", "kind", "channel", "action_id")
"""What of an event's data says most of it, in a line."""


class Entry(NamedTuple):
    """An event (`type`, and what of its data is told), or a transition."""

    at: str
    event: Mapping[str, Any] | None
    transition: Mapping[str, Any] | None
    facts: Mapping[str, Any]


def join_timeline(
    events: Sequence[Mapping[str, Any]],
    transitions: Sequence[Mapping[str, Any]],
    *,
    is_last: bool,
    until: str | None = None,
) -> list[Entry]:
    """The latest first. Of the stages those that belong to this page of events: before `until`, and where it is not the
    last page, not before its last event."""
    entries = [Entry(event["time"], event, None, _sum_up(event["data"])) for event in events]
    oldest = None if is_last or not events else events[-1]["time"]
    entries += [
        Entry(each["at"], None, each, {})
        for each in transitions
        if (until is None or each["at"] < until) and (oldest is None or each["at"] >= oldest)
    ]
    return sorted(entries, key=lambda entry: (datetime.fromisoformat(entry.at), entry.event is None), reverse=True)


def _sum_up(data: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: data[name] for name in _SUMMED if isinstance(data.get(name), str) or _is_number(data.get(name))}
    products = data.get("products")
    if isinstance(products, list):
        told["items"] = sum(_quantity(each) for each in products)
    return told


def _quantity(product: Any) -> float:
    quantity = product.get("quantity", 1) if isinstance(product, dict) else 1
    return quantity if _is_number(quantity) else 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
