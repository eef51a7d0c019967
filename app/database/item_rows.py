"""What states of items are made of in Postgres: a row for each item of an order's or a refund's lines.

An item that an order had, and of which nothing is left since it was given back, has a row as well: of an order that was
given back.
"""

from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    FromClause,
    Select,
    Text,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.types import TypeEngine

from app.lifecycle.events import MAX_AMOUNT_MINOR, ORDER_RETURNED, SALES
from app.lifecycle.order_lines import ItemRow

_OF_EVENT: Final = ItemRow._fields[:5]
_NOTHING: Final = literal_column("0", BigInteger)
_TYPES: Final[dict[str, TypeEngine[Any]]] = {
    "item_id": Text(),
    "category": Text(),
    "quantity": Double(),
    "price_minor": BigInteger(),
    "discount_minor": BigInteger(),
}


def item_rows(events: FromClause) -> FromClause:
    """The `ItemRow`s of events, which have its columns of an event, and `lines`.

    `told_lines` may be there, as what is new has none: of what was given back.
    """
    lines = _lines(events.c.lines, literal_column("true", Boolean))
    type_: ColumnElement[str] = events.c.type
    if "told_lines" in events.c:
        is_sale = events.c.type.in_([literal_column(f"'{sale}'", Text) for sale in SALES])
        gone = _lines(case((is_sale, events.c.told_lines)), literal_column("false", Boolean))
        items = _by_item(union_all(lines, gone).subquery("line"))
        type_ = case((items.c.is_left, events.c.type), else_=literal_column(f"'{ORDER_RETURNED}'", Text))
    else:
        items = _by_item(lines.subquery("line"))
    of_event = [type_.label(name) if name == "type" else events.c[name] for name in _OF_EVENT]
    of_item = [each for each in items.c if each.name != "is_left"]
    told: Any = select(*of_event, *of_item)
    return told.select_from(events.join(items, true())).subquery("item_rows")  # type: ignore[no-any-return]


def _lines(lines: ColumnElement[Any], is_left: ColumnElement[bool]) -> Select[Any]:
    """What each is of, comes to, and whether it is left of its order."""
    line = func.unnest(lines, type_=ARRAY(Text)).table_valued(
        *(column(name, type_) for name, type_ in _TYPES.items()), name="sold"
    )
    line = line.render_derived(name="sold")
    price, discount = (func.coalesce(line.c[name], _NOTHING) for name in ("price_minor", "discount_minor"))
    most = literal_column(f"{MAX_AMOUNT_MINOR}::float8", Double)
    least = literal_column(f"-{MAX_AMOUNT_MINOR}::float8", Double)
    worth = func.greatest(least, func.least(most, line.c.quantity * cast(price, Double) - cast(discount, Double)))
    spend = cast(func.floor(worth + literal_column("0.5::float8", Double)), BigInteger)
    is_discounted = case((discount > _NOTHING, literal_column("1")), else_=literal_column("0"))
    return select(
        line.c.item_id,
        line.c.quantity,
        spend.label("spend_minor"),
        is_discounted.label("is_discounted"),
        is_left.label("is_left"),
    ).select_from(line)


def _by_item(line: FromClause) -> Any:
    """Lines of one item as one, of those that are left alone."""
    left = line.c.is_left
    return (
        select(
            line.c.item_id,
            func.sum(line.c.quantity).filter(left).label("quantity"),
            cast(func.sum(line.c.spend_minor).filter(left), BigInteger).label("spend_minor"),
            func.max(line.c.is_discounted).filter(left).label("is_discounted"),
            func.bool_or(left).label("is_left"),
        )
        .group_by(line.c.item_id)
        .lateral("items")
    )
