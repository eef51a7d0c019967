"""Requests of shops to erase a customer: whom they name, and who sees to them.

Shopify signs the body of a delivery and not its topic. So a request is known by what its body has: nothing that a shop
delivers beside has both `shop_domain` and `orders_to_redact`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from app.ingest.pseudonyms import hash_forms
from app.ingest.rules import Rules
from app.ingest.segment.properties import as_customer, as_object, as_text
from app.ingest.shops.deliveries import Door
from app.lifecycle.identifiers import make_pseudonym

SHOPIFY_REDACTS: Final = "customers/redact"
ORDER: Final = "order"
"""The kind of identifier by which a refund finds its order's customer."""


class Named(NamedTuple):
    """Whom a request names: by the shop's id, None for none; by e-mail, phone and orders, as pseudonyms."""

    customer_id: str | None
    pseudonyms: tuple[str, ...]


class Redactor(NamedTuple):
    """Who sees to requests: erases whom they name, for good. Raises NotReady."""

    erase: Callable[[Named, str], Awaitable[None]]


def is_redaction(payload: Any) -> bool:
    """Whether it is a body of `customers/redact`."""
    told = as_object(payload)
    return isinstance(told.get("orders_to_redact"), list) and isinstance(told.get("shop_domain"), str)


def read_redaction(payload: Any, door: Door, rules: Rules) -> Named:
    """Whom it names. Orders are those of the shop that the signed body names."""
    told = as_object(payload)
    customer = as_object(told.get("customer"))
    id_ = as_customer(customer.get("id"))
    source = f"{door.source.rpartition('/')[0]}/{told['shop_domain'].lower()}"
    orders = (f"{source}/{as_text(each)}" for each in told["orders_to_redact"])
    given = [*((kind, customer.get(kind)) for kind in ("email", "phone")), *((ORDER, each) for each in orders)]
    hashed = [
        make_pseudonym(kind, digest)
        for kind, value in given
        if isinstance(value, str)
        for digest in hash_forms(kind, value, rules)
    ]
    return Named(None if id_ in (None, "0") else f"{door.prefix}{id_}", tuple(hashed))
