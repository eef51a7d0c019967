"""Posting: what the log entitles customers to, and what time brings, becomes entries of the ledger.

It is done for whole persons, while nobody else does it for them, and it is the difference to what was posted before:
done twice, the second time there is none.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.errors import NotReady
from app.lifecycle.points_book import Book, Lot
from app.loyalty import queries
from app.loyalty.entitlements import OF_EVENTS, Terms, entitle, no_stage, stages_of
from app.loyalty.reservations import release_overdue

_ATTEMPTS: Final = 3


class Person(NamedTuple):
    """The books of all ids of a person, held until the transaction ends."""

    books: Mapping[str, Book]

    def total(self, account: Any) -> int:
        """Of all of them."""
        return sum(book.total(account) for book in self.books.values())

    @property
    def owed(self) -> int:
        """What is owed under any of the ids."""
        return sum(book.owed for book in self.books.values())

    @property
    def available(self) -> int:
        """What may be spent: what is active less what is owed under another id, if that is less."""
        return max(0, self.total("active") - self.owed)


async def settle(
    connection: AsyncConnection, terms: Terms, customer_ids: Collection[str], now_us: int
) -> dict[str, Person]:
    """Posts what is due of these customers. Raises NotReady where persons change under its hands."""
    members = await _hold_persons(connection, customer_ids)
    ids = sorted({each for theirs in members.values() for each in theirs})
    kept = await queries.read_books(connection, ids)
    books = {**{each: Book() for each in ids}, **kept}
    await recall(connection, terms, books, now_us)
    await release_overdue(connection, kept, now_us)
    for book in books.values():
        book.pay(now_us)
        book.advance(now_us)
    await queries.write_books(connection, {each: book for each, book in books.items() if book.is_changed}, now_us)
    return {asked: Person({each: books[each] for each in theirs}) for asked, theirs in members.items()}


async def recall(connection: AsyncConnection, terms: Terms, books: Mapping[str, Book], now_us: int) -> None:
    """Brings these books to what the log says; what is new in them is not written."""
    told: dict[str, list[Any]] = defaultdict(list)
    for row in await queries.read_told(connection, books, terms.since_us, terms.reads_lines):
        told[row.customer_id].append(row)
    stages = stages_of(await queries.read_stages(connection, books)) if terms.names_stages else {}
    await _take_from_others(connection, books, told, now_us)
    for each, book in books.items():
        await entitle(book, told[each], terms, stages.get(each, no_stage), now_us)


async def _take_from_others(
    connection: AsyncConnection, books: Mapping[str, Book], told: Mapping[str, list[Any]], now_us: int
) -> None:
    """Lots of orders that were cancelled, or turned out to be another's, are worth nothing. Those of orders that have
    left the log stand."""
    strange = list[tuple[Book, Lot]]()
    for each, book in books.items():
        keys = {(row.source, row.id) for row in told[each]}
        lots = [lot for lot in book.lots.values() if lot.points and lot.kind in OF_EVENTS and lot.key not in keys]
        strange += [(book, lot) for lot in lots]
    found = await queries.find_events(connection, [lot.key for _, lot in strange])
    for book, lot in strange:
        if lot.key in found:
            book.entitle(lot, 0, now_us)


async def _hold_persons(connection: AsyncConnection, customer_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Each of these customers, and the ids of their person, which nobody else posts for. What was held in vain is let
    go first, so that everybody holds in one order, and no two wait for each other."""
    members = await queries.read_members(connection, customer_ids)
    for _ in range(_ATTEMPTS):
        attempt = await connection.begin_nested()
        await queries.hold(connection, {each for theirs in members.values() for each in theirs})
        again = await queries.read_members(connection, customer_ids)
        if again == members:
            await attempt.commit()
            return members
        await attempt.rollback()
        members = again
    raise NotReady("Who is who of these customers changes right now.")
