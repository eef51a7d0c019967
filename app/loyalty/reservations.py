"""Points that are reserved: taken of the lots that expire first, and given back to those they were taken of."""

from collections.abc import Mapping
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from app.lifecycle.points_book import Book, LotKey, in_order
from app.loyalty import redemption_queries as queries

Outcome = Literal["redeemed", "released", "given_back"]


async def release_overdue(connection: AsyncConnection, books: Mapping[str, Book], now_us: int) -> None:
    """What was reserved and not confirmed in time is free again; until when the rest is, is noted in the books."""
    for row in await queries.read_open(connection, books):
        book = books[row.customer_id]
        if row.expires_us > now_us:
            book.held_until_us = min(book.held_until_us, row.expires_us)
            continue
        parts = await queries.read_parts(connection, row.customer_id, row.redemption_id, "reserved")
        give(book, parts, row.redemption_id, row.expires_us, "released")
        told = {"state": "expired", "settled_us": row.expires_us}
        await queries.change_state(connection, row.redemption_id, [row.customer_id], **told)


def reserve(books: Mapping[str, Book], points: int, redemption_id: str, now_us: int) -> dict[str, int]:
    """Customer id → points that were taken of it. There are as many as are wanted."""
    taken: dict[str, int] = {}
    lots = [(lot, customer_id) for customer_id, book in books.items() for lot in book.spendable()]
    for lot, customer_id in sorted(lots, key=lambda each: (in_order(each[0]), each[1])):
        part = min(lot.active, points - sum(taken.values()))
        if part:
            books[customer_id].transfer(lot, "active", "reserved", part, now_us, "reserved", redemption_id)
            taken[customer_id] = taken.get(customer_id, 0) + part
    return taken


def give(
    book: Book,
    parts: list[tuple[LotKey, int]],
    redemption_id: str,
    at_us: int,
    what: Outcome,
) -> None:
    """Reserved points are redeemed or released, or redeemed ones given back."""
    for key, points in parts:
        lot = book.lots[key]
        if what == "redeemed":
            book.transfer(lot, "reserved", "redeemed", points, at_us, what, redemption_id)
        else:
            from_account: Literal["reserved", "redeemed"] = "reserved" if what == "released" else "redeemed"
            book.transfer(lot, from_account, "active", points, at_us, what, redemption_id)
            book.pay(at_us)
