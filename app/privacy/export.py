"""All that is kept of a person, as one JSON document."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import Any, Final

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.engine import AT_ONE_MOMENT, transaction
from app.foundation.errors import UnknownCustomer
from app.foundation.times import iso
from app.ingest.naming import ids_in, texts_of
from app.lifecycle.identifiers import is_pseudonym, kind_of
from app.privacy import queries
from app.privacy.held import HELD, NAMED_IN_TEXT

FORMAT: Final = 1
IN_MEMORY_BYTES: Final = 4 * 1024 * 1024
_WITHOUT: Final = ("digest",)
"""What tells repeats of events, and says nothing of anybody."""
_LAST_US: Final = 253_402_300_800_000_000
"""The end of 9999."""


async def export_person(engine: AsyncEngine, customer_id: str, now_us: int) -> "SpooledTemporaryFile[bytes]":
    """The document, as it was at one moment, from its beginning: in memory where it is small, else on disk under no
    name, so that a slow reader holds no transaction. Raises UnknownCustomer where there is nothing at all.
    """
    with ExitStack() as closed_on_failure:
        document = closed_on_failure.enter_context(SpooledTemporaryFile(max_size=IN_MEMORY_BYTES))
        rows = 0
        async with transaction(engine) as connection:
            await connection.execute(AT_ONE_MOMENT)
            async for part, counted in _write(connection, customer_id, now_us):
                document.write(part)
                rows += counted
        if not rows:
            raise UnknownCustomer("There is nothing of this customer.")
        document.seek(0)
        closed_on_failure.pop_all()
    return document


async def _write(connection: AsyncConnection, customer_id: str, now_us: int) -> AsyncIterator[tuple[bytes, int]]:
    """The parts of the document, and how many rows each holds."""
    customer_ids = await queries.read_ids(connection, customer_id)
    head = {
        "format": FORMAT,
        "customer_id": customer_id,
        "person_id": await queries.find_person_id(connection, customer_id),
        "exported_at": iso(now_us),
        "customer_ids": [each for each in customer_ids if not is_pseudonym(each)],
        "identifiers": [
            {"kind": kind_of(each), "hash": each.rpartition(":")[2]} for each in customer_ids if is_pseudonym(each)
        ],
    }
    yield orjson.dumps(head)[:-1] + b',"tables":{', 0
    for name in HELD:
        yield b'"%b":[' % name.encode(), 0
        separator = b""
        async for row in queries.read_rows(connection, name, customer_ids):
            yield separator + orjson.dumps(_render(orjson.loads(row))), 1
            separator = b","
        yield b"],", 0
    refused = await _read_refused(connection, customer_ids)
    yield b'"%b":%b},' % (NAMED_IN_TEXT.encode(), orjson.dumps(refused)), len(refused)
    naming = [_render(orjson.loads(row.row)) for row in await queries.read_naming(connection, customer_ids)]
    yield b'"events_of_others":%b}\n' % orjson.dumps(naming), len(naming)


def _render(row: dict[str, Any]) -> dict[str, Any]:
    """A row, times (`…_us`) as `…_at`. A time that is none, as 0 where it stands for never, is left as it is."""
    return dict(_render_member(name, value) for name, value in row.items() if name not in _WITHOUT)


def _render_member(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_us") and (value is None or (type(value) is int and 0 < value < _LAST_US)):
        return f"{name.removesuffix('_us')}_at", None if value is None else iso(value)
    return name, value


async def _read_refused(connection: AsyncConnection, customer_ids: list[str]) -> list[dict[str, Any]]:
    """The rejected events that name the person."""
    rows = await queries.read_refused(connection, texts_of(customer_ids))
    parsed = [(row, orjson.loads(row.event)) for row in rows]
    return [
        {
            "rejected_id": row.rejected_id,
            "received_at": iso(row.received_us),
            "problem": row.problem,
            "event": event,
        }
        for row, event in parsed
        if not set(ids_in(event)).isdisjoint(customer_ids)
    ]
