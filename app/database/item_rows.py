"""What states of items are made of in Postgres: a row for each item of an order's or a refund's lines."""

from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Double,
    FromClause,
    Text,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.types import TypeEngine

from app.lifecycle.events import MAX_AMOUNT_MINOR
from app.lifecycle.order_lines import ItemRow

_OF_EVENT: Final = ItemRow._fields[:5]
_NOTHING: Final = literal_column("0", BigInteger)


def item_rows(events: FromClause) -> FromClause:
    """The `ItemRow`s of events, which have its columns of an event, and `lines`."""
    types: dict[str, TypeEngine[Any]] = {"item_id": Text(), "category": Text(), "quantity": Double()}
    types |= {name: BigInteger() for name in ("price_minor", "discount_minor")}
    line = func.unnest(events.c.lines, type_=ARRAY(Text)).table_valued(
        *(column(name, type_) for name, type_ in types.items()), name="line"
    )
    line = line.render_derived(name="line")
    price, discount = (func.coalesce(line.c[name], _NOTHING) for name in ("price_minor", "discount_minor"))
    most = literal_column(f"{MAX_AMOUNT_MINOR}::float8", Double)
    least = literal_column(f"-{MAX_AMOUNT_MINOR}::float8", Double)
    worth = func.greatest(least, func.least(most, line.c.quantity * cast(price, Double) - cast(discount, Double)))
    spend = cast(func.floor(worth + literal_column("0.5::float8", Double)), BigInteger)
    items = (
        select(
            line.c.item_id,
            func.sum(line.c.quantity).label("quantity"),
            cast(func.sum(spend), BigInteger).label("spend_minor"),
            func.max(case((discount > _NOTHING, literal_column("1")), else_=literal_column("0"))).label(
                "is_discounted"
            ),
        )
        .select_from(line)
        .group_by(line.c.item_id)
        .lateral("items")
    )
    told: Any = select(*(events.c[name] for name in _OF_EVENT), *items.c)
    return told.select_from(events.join(items, true())).subquery("item_rows")  # type: ignore[no-any-return]
