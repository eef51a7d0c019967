"""Order lines as rows: what one event says of one item, the pure form of what engines unnest.

Several lines of one item in one order are one row: it was bought once. An amount is rounded to the minor unit as
floor(x + ½), which every engine computes alike.
"""

from collections.abc import Iterator
from math import floor
from typing import NamedTuple

from app.lifecycle.events import MAX_AMOUNT_MINOR, Event, OrderLine


class ItemRow(NamedTuple):
    """What an event says of an item. `quantity` and `spend_minor`, after discounts, are of all its lines of the item;
    a line without a price adds no money. `is_discounted`: 1 where one of them was sold at a discount, else 0."""

    customer_id: str
    source: str
    id: str
    type: str
    occurred_us: int
    item_id: str
    quantity: float
    spend_minor: int
    is_discounted: int


def spend_of(line: OrderLine) -> int:
    """What a line came to, after its discount; no more than an amount may be, so that no sum of them overflows."""
    worth = line.quantity * (line.price_minor or 0) - (line.discount_minor or 0)
    return floor(max(-MAX_AMOUNT_MINOR, min(MAX_AMOUNT_MINOR, worth)) + 0.5)


def item_rows(event: Event) -> list[ItemRow]:
    """A row an item, in the order in which they come first."""
    rows: dict[str, ItemRow] = {}
    for line in read_lines(event.lines):
        before = rows.get(line.item_id)
        quantity, spend_minor, is_discounted = (0.0, 0, 0) if before is None else before[6:]
        rows[line.item_id] = ItemRow(
            *event[:5],
            line.item_id,
            quantity + line.quantity,
            spend_minor + spend_of(line),
            max(is_discounted, int((line.discount_minor or 0) > 0)),
        )
    return list(rows.values())


def read_lines(text: str | None) -> list[OrderLine]:
    """The lines in the text of an `order_line[]`, as `app.database.order_lines.write_lines` writes it."""
    return [] if text is None else [_read_line(row) for row in _split(text[1:-1])]


def _read_line(row: str) -> OrderLine:
    item_id, category, quantity, price_minor, discount_minor = _split(row[1:-1])
    return OrderLine(
        item_id,
        category or None,
        float(quantity),
        int(price_minor) if price_minor else None,
        int(discount_minor) if discount_minor else None,
    )


def _split(text: str) -> list[str]:
    """The members of an array or a row between its brackets, unquoted."""
    members, member, is_quoted = list[str](), list[str](), False
    characters = _characters(text)
    for character, is_escaped in characters:
        if is_escaped or character not in '",' or (character == "," and is_quoted):
            member.append(character)
        elif character == '"':
            is_quoted = not is_quoted
        else:
            members.append("".join(member))
            member = []
    return [*members, "".join(member)] if text else []


def _characters(text: str) -> Iterator[tuple[str, bool]]:
    """Each character, and whether it stands for itself since a backslash is before it, or a quote for a quote."""
    place, is_quoted = 0, False
    while place < len(text):
        character = text[place]
        doubled = character == '"' and is_quoted and text[place + 1 : place + 2] == '"'
        if character == "\\" or doubled:
            yield text[place + 1], True
            place += 2
            continue
        is_quoted ^= character == '"'
        yield character, False
        place += 1
