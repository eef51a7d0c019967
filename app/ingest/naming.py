"""Whom something names that has no column for it: what was refused, as it came."""

from collections.abc import Collection, Iterator
from typing import Any, Final

import orjson

from app.lifecycle.identifiers import is_pseudonym, make_pseudonym

NAMES: Final = frozenset(
    """
    subject merged customer_id customerId user_id userId anonymous_id anonymousId previous_id previousId
    """.split()  # noqa: SIM905
)
"""Members that name a customer in what was refused, wherever they stand in it."""


def texts_of(customer_ids: Collection[str]) -> list[str]:
    """What stands in a JSON text that names one of these, quotes and all: the id, or the hash that it is made of."""
    named = (each.rpartition(":")[2] if is_pseudonym(each) else each for each in customer_ids)
    return [orjson.dumps(each).decode() for each in named]


def ids_in(kept: Any) -> Iterator[str]:
    """The ids of customers in what was refused (parsed JSON): under any of NAMES, and as hashed identifiers."""
    if isinstance(kept, list):
        for each in kept:
            yield from ids_in(each)
    if not isinstance(kept, dict):
        return
    kind, hashed = kept.get("kind"), kept.get("hash")
    if isinstance(kind, str) and isinstance(hashed, str):
        yield make_pseudonym(kind, hashed)
    for name, member in kept.items():
        if name in NAMES and isinstance(member, str):
            yield member
        else:
            yield from ids_in(member)
