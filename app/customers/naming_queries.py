"""How well a customer is named, in SQL: whose an order is of all who are told to have it."""

from collections.abc import Iterable

from app.lifecycle.identifiers import BASKET
from app.lifecycle.persons import WEAK_KINDS


def listed(texts: Iterable[str]) -> str:
    """Texts of our own, as SQL has them in a list."""
    return ", ".join(f"'{each}'" for each in sorted(texts))


def how_named(customer_id: str) -> str:
    """The rank of an id, an expression of SQL: the higher the better.

    An account, or whatever id the retailer gives, is better than a phone or an e-mail, those are better than a browser
    or another device, and that is better than nobody. An order's own number, by which a refund finds it, is less.
    """
    return f"""
CASE WHEN {customer_id} NOT SIMILAR TO '~[^:]+:[0-9a-f]{{64}}' THEN 3
     WHEN {customer_id} LIKE '{BASKET}%' THEN 0
     WHEN {customer_id} LIKE '~order:%' THEN -1
     WHEN replace(split_part(substr({customer_id}, 2), ':', 1), '-', '_') IN ({listed(WEAK_KINDS)}) THEN 1
     ELSE 2 END"""
