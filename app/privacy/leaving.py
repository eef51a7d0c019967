"""Events that are too old leave the log; what they came to stays, in bases of states.

Nobody's state changes: what it is recomputed from becomes the base and the events that are left.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.customers.linking import LinkingEvent, edges_of, merge_links
from app.customers.relinking_queries import BASE_LINKS
from app.database.engine import Borrowed, transaction
from app.foundation.errors import NotReady
from app.ingest.left_keys import LeftKeys
from app.lifecycle.retention import kind_of
from app.privacy import leaving_queries as queries
from app.privacy.retention_queries import save_progress

CUSTOMERS: Final = 200
"""Customers looked through in a piece."""
EVENTS: Final = 400
"""Events that leave in a piece: whoever counts an event of one of these customers waits for it."""
_LOCK_NOT_AVAILABLE: Final = "55P03"


class Piece(NamedTuple):
    """What a piece came to: events that left, by kind, and the customer to go on after; None: it was the last."""

    rows: Counter[str]
    after: str | None


async def let_some_leave(
    engine: AsyncEngine, keys: LeftKeys, run_id: int, cuts_us: Mapping[str, int | None], after: str
) -> Piece:
    """The next piece after a customer, in a transaction of its own.

    Customers whom others are at work on are left for the next run. Raises NotReady where old events are being counted.
    """
    try:
        async with transaction(engine) as connection:
            through = await queries.find_range_end(connection, after, CUSTOMERS)
            if through is None:
                return Piece(Counter(), None)
            some = await queries.find_leaving(connection, (after, through), cuts_us, EVENTS)
            rows = Counter[str]()
            if some:
                rows = await _leave(connection, keys, (after, through), cuts_us, some)
            goes_on = after if len(some) == EVENTS and rows else through
            await save_progress(connection, run_id, rows, goes_on)
            return Piece(rows, goes_on)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise NotReady("Others are at work on what is to leave.") from error
        raise


async def _leave(
    connection: AsyncConnection,
    keys: LeftKeys,
    within: tuple[str, str],
    cuts_us: Mapping[str, int | None],
    some: Sequence[Any],
) -> Counter[str]:
    """Those of some events' customers whom nobody is at work on: found again, now that nobody can change them."""
    await connection.execute(queries.HOLD_PATIENCE)
    await connection.execute(queries.HOLD)
    await connection.execute(queries.LOCK_PATIENCE)
    held = await queries.lock_states(connection, sorted({row.customer_id for row in some}))
    found = _whole(await queries.find_leaving(connection, within, cuts_us, EVENTS, held)) if held else []
    if not found:
        return Counter()
    leaving: list[queries.Key] = [(row.customer_id, row.source, row.id) for row in found]
    await queries.fold_into_bases(connection, leaving)
    said = [LinkingEvent(*row) for row in await queries.read_linking(connection, leaving)]
    await merge_links(Borrowed(connection), [edge for event in said for edge in edges_of(event)], BASE_LINKS)
    await queries.note_kinds(connection, _latest(found))
    await queries.let_leave(connection, leaving, [keys.mark, *(keys.hash(row.source, row.id) for row in found)])
    return Counter(kind_of(row.type, names_order=row.reference is not None) for row in found)


def _latest(rows: Sequence[Any]) -> dict[str, int]:
    """By the kind of their own type, whatever they name."""
    until_us: dict[str, int] = {}
    for row in rows:
        kind = kind_of(row.type, names_order=False)
        until_us[kind] = max(until_us.get(kind, row.occurred_us), row.occurred_us)
    return until_us


def _whole(rows: Sequence[Any]) -> Sequence[Any]:
    """Without what the limit may have parted from what it belongs to, if anything else is there."""
    if len(rows) < EVENTS:
        return rows

    def of(row: Any) -> tuple[str, str, str | None]:
        return row.customer_id, row.source, row.reference

    last = of(rows[-1])
    return [row for row in rows if of(row) != last] or rows
