"""`/v1/items`: the catalogue."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response

from app.database.engine import transaction
from app.foundation.errors import Malformed, NotFound, Problem, TooLarge
from app.foundation.logs import log
from app.foundation.metrics import count_items
from app.http.auth import find_key_id
from app.http.paging import Cursor, Limit, read_cursor, write_cursor
from app.http.paths import read_id
from app.http.resources import Resources
from app.http.routes import HotRequest, HotRoute, json_body, read_body, requires, schema_of
from app.http.strict_json import is_plain_text, read_json
from app.ingest.receipts import render_receipt, render_result
from app.items import queries
from app.items.following import Items
from app.items.schemas import MOST_ITEMS, ItemIn, ItemOut, ItemPageOut, ItemsReceiptOut
from app.items.service import Row, admit_items, delete_item, put_items, render_item

MAX_ITEMS_BYTES = 8 * 1024 * 1024
"""Of a body of 10,000 items, unpacked."""
LARGE_BYTES = 64 * 1024
"""A body beyond that is read in a thread: a tenth of a second of it would hold up every till."""
STATUSES = ("created", "updated", "unchanged", "rejected")

router = APIRouter(prefix="/v1/items", tags=["items"])
changes = APIRouter(prefix="/v1/items", tags=["items"], route_class=HotRoute)


@changes.put(
    "",
    dependencies=[requires("ingest")],
    response_model=ItemsReceiptOut,
    summary="Add or replace items, up to 10,000",
    openapi_extra=json_body(
        {"anyOf": [schema_of(ItemIn), {"type": "array", "items": schema_of(ItemIn), "maxItems": MOST_ITEMS}]}
    ),
)
async def put(request: HotRequest) -> bytes:
    """Answers, item by item and in the order sent, `created`, `updated`, `unchanged` or `rejected`.

    Each item is whole: what is left out goes back to its default. A rejected one costs no other. In force at once here,
    and within two seconds in other processes. A single item that is refused is answered with its problem (422).
    """
    resources = request.resources
    body = await read_body(request, MAX_ITEMS_BYTES)
    raw = read_json(body) if len(body) <= LARGE_BYTES else await asyncio.to_thread(read_json, body)
    raws = raw if isinstance(raw, list) else [raw]
    if len(raws) > MOST_ITEMS:
        raise TooLarge(f"A request has at most {MOST_ITEMS} items.")
    admitted = await admit_items(raws, resources.settings.digits)
    if not isinstance(raw, list) and isinstance(admitted[0], Problem):
        count_items("rejected")
        raise admitted[0]
    results = await _write(request, admitted)
    receipt = render_receipt(results, STATUSES)
    for status in STATUSES:
        count_items(status, receipt[status])
    return orjson.dumps(receipt)


async def _write(request: HotRequest, admitted: Sequence[Row | Problem]) -> list[dict[str, Any]]:
    """What became of each, on the wire."""
    rows = [each for each in admitted if not isinstance(each, Problem)]
    statuses: Iterator[str] = iter(())
    if rows:
        async with transaction(request.resources.engine) as connection:
            key_id = await find_key_id(connection, request.fields.get(b"authorization", b""))
            statuses = iter(await put_items(connection, rows, time.time_ns() // 1000))
        log.info("items.put", key=key_id, items=len(rows))
        await _follow(request.resources)
    return [render_result(each if isinstance(each, Problem) else next(statuses)) for each in admitted]


async def _follow(resources: Resources) -> None:
    await resources.of(Items).follow(resources.engine)


@router.get("", dependencies=[requires("read")], response_model=ItemPageOut, summary="The catalogue, page by page")
async def list_items(
    request: Request,
    category: Annotated[
        list[str] | None, Query(max_length=8, description="A path, its first level first: repeat it for each level.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Items in the order of their ids; of a category also those of the ones below it."""
    resources: Resources = request.app.state.resources
    after = "" if cursor is None else read_cursor(cursor, str)[0]
    if not all(map(is_plain_text, category or ())):
        raise Malformed("category: A text holds a control character.")
    async with transaction(resources.engine) as connection:
        rows, has_more = await queries.read_page(connection, category or (), after, limit)
    return {
        "items": [render_item(row, resources.settings.digits) for row in rows],
        "next_cursor": write_cursor(rows[-1].item_id) if has_more else None,
    }


@router.get("/{item_id:path}", dependencies=[requires("read")], response_model=ItemOut, summary="An item")
async def get_item(request: Request, item_id: str) -> dict[str, Any]:
    """As it was last put."""
    resources: Resources = request.app.state.resources
    sought = read_id(item_id)
    async with transaction(resources.engine) as connection:
        row = await queries.read_item(connection, sought) if is_plain_text(sought) else None
    if row is None:
        raise NotFound("There is no such item in the catalogue.")
    return render_item(row, resources.settings.digits)


@changes.delete("/{item_id:path}", dependencies=[requires("ingest")], status_code=204, summary="Remove an item")
async def delete(request: HotRequest, item_id: str) -> Response:
    """It is recommended no more, whoever has bought it; what was bought stays counted. It may be put again."""
    resources, sought = request.resources, read_id(item_id)
    async with transaction(resources.engine) as connection:
        if not is_plain_text(sought) or not await delete_item(connection, sought, time.time_ns() // 1000):
            raise NotFound("There is no such item in the catalogue.")
        key_id = await find_key_id(connection, request.fields.get(b"authorization", b""))
    log.info("items.deleted", key=key_id)
    count_items("deleted")
    await _follow(resources)
    return Response(status_code=204)
