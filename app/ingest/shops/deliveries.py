"""What a delivery of a shop is mapped by, and to."""

from typing import Any, Final, NamedTuple

from app.ingest.segment.mapping import Ignored
from app.ingest.segment.properties import as_customer, as_text

Json = dict[str, Any]
Mapped = Json | Ignored

TEST: Final = Ignored("test")
"""Sent to try the webhook out, or paid through a gateway for trying out: no sale."""
UNKNOWN_TOPIC: Final = Ignored("unknown_topic")
DELETED: Final = Ignored("deleted")
"""Only the record in the shop is gone; what was bought was bought."""
NOTHING_GIVEN_BACK: Final = Ignored("nothing_given_back")
"""A refund that failed, or of nothing."""
NOT_PLACED: Final = Ignored("not_placed")
"""An order that is not paid, or a basket: it is counted by the delivery that says it was."""
NO_IDENTIFIERS: Final = Ignored("no_identifiers")
SHOP_REDACTED: Final = Ignored("shop_redacted")


class Door(NamedTuple):
    """What is known beside the payload. `triggered_at` is when the shop says that it happened, or now."""

    source: str
    currency: str
    prefix: str
    triggered_at: str


def present(members: Json) -> Json:
    """Without those that are None."""
    return {name: member for name, member in members.items() if member is not None}


def objects(value: Any) -> list[Json]:
    """Those of a list; of what is none, nothing."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def make_id(*parts: Any) -> str | None:
    """What identifies an event by the shop's own numbers; None where one is not there, for the contract to refuse."""
    written = [as_text(part) for part in parts]
    return "-".join(written) if all(isinstance(part, str) for part in written) else None


def make_event(door: Door, type_: str, id_: str | None, subject: Any, time: Any, data: Json) -> Json:
    """A CloudEvent; `subject` is the shop's own id of the customer, None or 0 for a guest."""
    customer = as_customer(subject)
    named = None if customer in (None, "0") else f"{door.prefix}{customer}"
    return present(
        {
            "specversion": "1.0",
            "id": id_,
            "source": door.source,
            "type": type_,
            "subject": named,
            "time": time,
            "data": present(data),
        }
    )


def list_identifiers(*told: tuple[str, Any]) -> list[Json] | None:
    """Those of kind and value that have a value, each once."""
    found = [{"kind": kind, "value": value.strip()} for kind, value in told if isinstance(value, str) and value.strip()]
    return [each for place, each in enumerate(found) if each not in found[:place]] or None
