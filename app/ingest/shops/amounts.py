"""Amounts as shops write them: decimals in texts. Pure."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any


def as_decimal(value: Any) -> Decimal | None:
    """A number, or one in a text, exactly; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def add_up(values: Iterable[Any]) -> Decimal | None:
    """Their sum; None where one of them is no number."""
    read = [as_decimal(value) for value in values]
    known = [value for value in read if value is not None]
    return sum(known, Decimal()) if len(known) == len(read) else None


def as_amount(value: Decimal | None) -> float | None:
    """As our events have it."""
    return None if value is None else float(value)


def read_amount(value: Any) -> Any:
    """The number in a text; what is none as it is, for the contract to judge."""
    found = as_amount(as_decimal(value))
    return value if found is None else found
