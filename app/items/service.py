"""The catalogue: items as they are said, written, and told.

Each function that changes it takes one lock for its transaction, so that changes are seen in their order.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Literal

import orjson
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.errors import Problem, malformed, violation
from app.foundation.times import iso, to_us
from app.http.strict_json import check_texts
from app.items import queries
from app.items.schemas import ItemIn
from app.lifecycle.events import to_major, to_minor

Row = dict[str, Any]
"""An item by the columns of the table, JSON as text."""
Status = Literal["created", "updated", "unchanged"]
CHECKED_AT_ONCE: Final = 200
"""Items between two turns of other requests."""
_ITEM: Final = TypeAdapter(ItemIn)


async def admit_items(raws: Sequence[Any], digits: int) -> list[Row | Problem]:
    """Each item as a row, or why it is refused. Gives way to other requests.

    The first of an id is taken; another one of it is refused, unless it says the same.
    """
    admitted: list[Row | Problem] = []
    first: dict[str, Row] = {}
    for place, raw in enumerate(raws):
        if place and place % CHECKED_AT_ONCE == 0:
            await asyncio.sleep(0)
        try:
            row = _admit(raw, digits)
            if first.setdefault(row["item_id"], row) != row:
                raise violation(("item_id",), "The same id came before in this request, with other content.")
            admitted.append(row)
        except Problem as problem:
            admitted.append(problem)
    return admitted


def _admit(raw: Any, digits: int) -> Row:
    """Raises Malformed."""
    written = orjson.dumps(raw)
    check_texts(raw, written)
    try:
        item = _ITEM.validate_json(written)
    except ValidationError as error:
        raise malformed(error) from None
    return _row_of(item, digits)


def _row_of(item: ItemIn, digits: int) -> Row:
    from_us, to_us_ = (None if time is None else to_us(time) for time in (item.valid_from, item.valid_to))
    if from_us is not None and to_us_ is not None and to_us_ <= from_us:
        raise violation(("valid_to",), "It is not after valid_from.")
    if item.substitute_of == item.item_id:
        raise violation(("substitute_of",), "An item is no substitute of itself.")
    return {
        "item_id": item.item_id,
        "title_en": item.title.en,
        "title_zh": item.title.zh,
        "category": _json(item.category),
        "brand": item.brand,
        "price_minor": None if item.price is None else _to_minor(item.price, digits),
        "margin": item.margin,
        "in_stock": item.in_stock,
        "in_stock_by_store": _json(item.in_stock_by_store),
        "valid_from_us": from_us,
        "valid_to_us": to_us_,
        "tags": _json(sorted(set(item.tags))),
        "hidden": item.hidden,
        "substitute_of": item.substitute_of,
        "pack_of": item.pack_of,
    }


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _to_minor(price: float, digits: int) -> int:
    minor = to_minor(price, digits)
    if to_major(minor, digits) != price:
        raise violation(("price",), f"The currency has {digits} decimals.")
    return minor


async def put_items(connection: AsyncConnection, rows: Sequence[Row], now_us: int) -> list[Status]:
    """Adds or replaces items and tells what became of each; those that are so already make no version.

    The same row may come twice: it is `unchanged` then.
    """
    version = max(now_us, await queries.lock_items(connection) + 1)
    distinct = list({row["item_id"]: row for row in rows}.values())
    known: set[str] = set()
    written: set[str] = set()
    for at in range(0, len(distinct), queries.AT_ONCE):
        part = distinct[at : at + queries.AT_ONCE]
        known |= await queries.find_known(connection, [row["item_id"] for row in part])
        written |= await queries.write_items(connection, part, version, now_us)
    statuses: list[Status] = []
    for item_id in (row["item_id"] for row in rows):
        is_changed = item_id in written
        statuses.append(("updated" if item_id in known else "created") if is_changed else "unchanged")
        written.discard(item_id)
    return statuses


async def delete_item(connection: AsyncConnection, item_id: str, now_us: int) -> bool:
    """False: there is no such item. It is recommended no more, whoever has bought it."""
    version = max(now_us, await queries.lock_items(connection) + 1)
    return await queries.delete_item(connection, item_id, version, now_us)


def render_item(row: Any, digits: int) -> dict[str, Any]:
    """An item on the wire."""
    return {
        "item_id": row.item_id,
        "title": {"en": row.title_en, "zh": row.title_zh},
        "category": row.category,
        "brand": row.brand,
        "price": None if row.price_minor is None else to_major(row.price_minor, digits),
        "margin": row.margin,
        "in_stock": row.in_stock,
        "in_stock_by_store": row.in_stock_by_store,
        "valid_from": None if row.valid_from_us is None else iso(row.valid_from_us),
        "valid_to": None if row.valid_to_us is None else iso(row.valid_to_us),
        "tags": row.tags,
        "hidden": row.hidden,
        "substitute_of": row.substitute_of,
        "pack_of": row.pack_of,
        "updated_at": iso(row.updated_us),
    }
