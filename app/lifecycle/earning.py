"""What an order earns by a programme: exact until it is rounded, once."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from typing import Final, NamedTuple

from app.lifecycle.calendar_days import day_number
from app.lifecycle.events import OrderLine
from app.lifecycle.loyalty_programme import MOST_POINTS, EarnRule, LineWhere, OrderWhere, Programme
from app.lifecycle.order_lines import spend_of

_HALF: Final = Fraction(1, 2)


class KeptOrder(NamedTuple):
    """What is left of an order after what was given back. `day` is the local one, in days since 1970-01-01; `lines`
    are needed by programmes that read lines alone."""

    source: str
    channel: str | None
    day: int
    amount_minor: int
    lines: tuple[OrderLine, ...]
    stage: str | None


def points_of(programme: Programme, order: KeptOrder, digits: int) -> int:
    """Whole points, never negative. `digits` are those of the currency's minor unit."""
    if order.amount_minor <= 0:
        return 0
    earned = sum((_earned(rule, order, digits) for rule in programme.earn), Fraction())
    for multiplier in programme.multipliers:
        if _is_of(multiplier.where, order):
            earned *= _exact(multiplier.factor)
    return min(_round(earned, programme.rounding), MOST_POINTS)


def without_returned(sold: Iterable[OrderLine], returned: Mapping[str, Fraction]) -> tuple[OrderLine, ...]:
    """The lines without so many pieces of items, the first of an item first; a discount in proportion."""
    left, kept = dict(returned), list[OrderLine]()
    for line in sold:
        quantity = _exact(line.quantity)
        given = min(quantity, left.get(line.item_id, Fraction()))
        if given:
            left[line.item_id] -= given
            share = 1 - given / quantity
            discount = None if line.discount_minor is None else floor(line.discount_minor * share + _HALF)
            line = line._replace(quantity=float(quantity - given), discount_minor=discount)
        if line.quantity > 0:
            kept.append(line)
    return tuple(kept)


def pieces_of(lines: Iterable[OrderLine]) -> dict[str, Fraction]:
    """Item → how many of it."""
    pieces: dict[str, Fraction] = {}
    for line in lines:
        pieces[line.item_id] = pieces.get(line.item_id, Fraction()) + _exact(line.quantity)
    return pieces


@lru_cache(maxsize=4096)
def _exact(number: float) -> Fraction:
    """The decimal that a number was written as."""
    return Fraction(repr(number))


def _earned(rule: EarnRule, order: KeptOrder, digits: int) -> Fraction:
    if not _is_of(rule.where, order):
        return Fraction()
    lines = _lines_of(rule.where, order.lines)
    points = _exact(rule.points)
    if rule.of == "order":
        return points if lines or not rule.where.names_lines else Fraction()
    if rule.of == "piece":
        return points * sum(pieces_of(lines).values(), Fraction()) / _exact(rule.per)
    spent = sum(map(spend_of, lines)) if rule.where.names_lines else order.amount_minor
    return points * Fraction(max(0, spent), 10**digits) / _exact(rule.per)


def _lines_of(where: LineWhere, lines: Sequence[OrderLine]) -> Sequence[OrderLine]:
    if not where.names_lines:
        return lines
    return [line for line in lines if where.is_of(line.item_id, line.category)]


def _is_of(where: OrderWhere, order: KeptOrder) -> bool:
    return (
        (not where.channels or order.channel in where.channels)
        and (not where.stages or order.stage in where.stages)
        and (not where.weekdays or (order.day + 3) % 7 + 1 in where.weekdays)
        and (where.from_day is None or day_number(where.from_day) <= order.day)
        and (where.to_day is None or order.day <= day_number(where.to_day))
        and (not where.stores or f"{order.source}/".startswith(where.prefixes))
    )


def _round(points: Fraction, rounding: str) -> int:
    if rounding == "nearest":
        return floor(points + _HALF)
    return ceil(points) if rounding == "up" else floor(points)
