"""Balances against a recomputation: from the ledger, and the ledger from the log."""

from collections.abc import AsyncIterator, Collection
from copy import deepcopy
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.customers.verification import BATCH_CUSTOMERS, Difference, VerifiedBatch
from app.database.engine import AT_ONE_MOMENT, transaction
from app.foundation.settings import Settings
from app.lifecycle.points_book import KEPT, Book, Transfer, fold
from app.loyalty import queries
from app.loyalty.entitlements import Terms
from app.loyalty.held import terms_of
from app.loyalty.pending_queries import find_marked
from app.loyalty.programme_queries import read_programmes
from app.loyalty.service import recall


async def verify_points(engine: AsyncEngine, settings: Settings) -> AsyncIterator[VerifiedBatch]:
    """Recomputes every balance and every lot from the ledger, and what each order earned from the log, a range of
    customers at a time; changes nothing. Of whom something waits to be posted, the first alone."""
    async with transaction(engine) as connection:
        programmes = await read_programmes(connection)
    after: str | None = "" if programmes else None
    while after is not None:
        async with transaction(engine) as connection:
            await connection.execute(AT_ONE_MOMENT)
            ids = await queries.read_range(connection, after, BATCH_CUSTOMERS)
            found = await _compare(connection, terms_of(programmes, settings), ids)
        yield VerifiedBatch(len(ids), found)
        after = ids[-1] if len(ids) == BATCH_CUSTOMERS else None


async def _compare(connection: AsyncConnection, terms: Terms, ids: Collection[str]) -> list[Difference]:
    kept, accounts = await queries.read_books(connection, ids), await queries.read_accounts(connection, ids)
    transfers: dict[str, list[Transfer]] = {each: [] for each in ids}
    for customer_id, transfer in await queries.read_entries(connection, ids):
        transfers[customer_id].append(transfer)
    marked = await find_marked(connection, ids)
    books = {each: deepcopy(kept.get(each) or Book()) for each in ids if each not in marked}
    await recall(connection, terms, books, now_us=0)
    found = list[Difference]()
    for each in ids:
        found += _against_ledger(each, kept.get(each) or Book(), accounts.get(each, {}), transfers[each])
        found += _against_log(each, kept.get(each) or Book(), books.get(each) or Book())
    return found


def _against_log(customer_id: str, kept: Book, recalled: Book) -> list[Difference]:
    return [
        Difference(customer_id, f"points {' '.join(key)} worth", ours, lot.points)
        for key, lot in sorted(recalled.lots.items())
        if (ours := kept.lots[key].points if key in kept.lots else 0) != lot.points
    ]


def _against_ledger(
    customer_id: str, book: Book, account: dict[str, Any], transfers: Collection[Transfer]
) -> list[Difference]:
    lots, owed = fold(transfers)
    pairs = [
        (f"points {' '.join(key)} {name}", getattr(book.lots[key], name) if key in book.lots else None, value)
        for key in sorted(lots.keys() | book.lots.keys())
        for name in KEPT
        for value in (lots.get(key, {}).get(name),)
    ]
    pairs += [
        (f"points {name}", account.get(name, 0), sum(each[name] for each in lots.values()))
        for name in ("promised", "active", "reserved")
    ]
    pairs.append(("points owed", account.get("owed", 0), owed))
    return [Difference(customer_id, name, kept, told) for name, kept, told in pairs if kept != told]
