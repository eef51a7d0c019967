"""Order lines as rows, for every engine: `app.lifecycle.order_lines.ItemRow` as an Ibis expression."""

from typing import Final

import ibis
import ibis.expr.types as ir

from app.lifecycle.events import MAX_AMOUNT_MINOR
from app.lifecycle.order_lines import ItemRow

LINES: Final = (
    "array<struct<item_id: string, category: string, quantity: float64, price_minor: int64, discount_minor: int64>>"
)
"""The type of the column `lines`: fields of `OrderLine`."""
_OF_EVENT: Final = ItemRow._fields[:5]


def item_rows(events: ir.Table) -> ir.Table:
    """The `ItemRow`s of events, whose column `lines` is of the type LINES."""
    lines = events.select(*_OF_EVENT, line=events.lines.unnest())
    facts = lines.select(
        *_OF_EVENT,
        item_id=lines.line["item_id"],
        quantity=lines.line["quantity"],
        worth=lines.line["quantity"] * lines.line["price_minor"].fill_null(0).cast("float64")
        - lines.line["discount_minor"].fill_null(0).cast("float64"),
        is_discounted=(lines.line["discount_minor"].fill_null(0) > 0).cast("int64"),
    )
    most = ibis.literal(float(MAX_AMOUNT_MINOR))
    spend_minor = (ibis.greatest(-most, ibis.least(most, facts.worth)) + 0.5).floor().cast("int64")
    return facts.group_by(*_OF_EVENT, "item_id").aggregate(
        quantity=facts.quantity.sum(),
        spend_minor=spend_minor.sum().cast("int64"),
        is_discounted=facts.is_discounted.max(),
    )
