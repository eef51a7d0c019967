"""Redemptions: points are reserved, then confirmed or released. Each step may be repeated, and is done once."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.errors import Conflict, NotEnoughPoints, NotFound, TooLate
from app.foundation.times import iso
from app.lifecycle.points_book import Book
from app.loyalty import redemption_queries as queries
from app.loyalty.entitlements import Terms
from app.loyalty.queries import write_books
from app.loyalty.reservations import Outcome, give, reserve
from app.loyalty.schemas import ReserveIn
from app.loyalty.service import settle

_ANOTHER: Final = "There is a redemption of that id already, of another customer or of other points."


async def reserve_points(
    connection: AsyncConnection, terms: Terms, wanted: ReserveIn, customer_id: str, now_us: int
) -> dict[str, Any]:
    """Reserves points of a person, unless they are already. Raises Conflict, NotEnoughPoints."""
    person = (await settle(connection, terms, [customer_id], now_us))[customer_id]
    known = await queries.read_redemption(connection, wanted.redemption_id)
    if known:
        if any(row.customer_id not in person.books for row in known) or known[0].total != wanted.points:
            raise Conflict(_ANOTHER)
        return render_redemption(known)
    if person.available < wanted.points:
        raise NotEnoughPoints(available=person.available)
    taken = reserve(person.books, wanted.points, wanted.redemption_id, now_us)
    expires_us = now_us + wanted.hold_seconds * 1_000_000
    told = {"redemption_id": wanted.redemption_id, "total": wanted.points, "state": "reserved"}
    times = {"reserved_us": now_us, "expires_us": expires_us, "settled_us": None, "order_id": wanted.order_id}
    rows = [
        {**told, **times, "customer_id": each, "points": points, "is_first": not at}
        for at, (each, points) in enumerate(taken.items())
    ]
    try:
        await queries.add_redemption(connection, rows)
    except IntegrityError as error:
        raise Conflict(_ANOTHER) from error
    for each in taken:
        person.books[each].held_until_us = min(person.books[each].held_until_us, expires_us)
    await write_books(connection, {each: person.books[each] for each in taken}, now_us)
    return render_redemption(await queries.read_redemption(connection, wanted.redemption_id))


async def confirm_points(
    connection: AsyncConnection, terms: Terms, redemption_id: str, order_id: str | None, now_us: int
) -> tuple[dict[str, Any], list[str]]:
    """(What was reserved is spent; whose it was.) Raises NotFound, and TooLate where it is free again."""
    known, books = await _settled(connection, terms, redemption_id, now_us)
    if known[0].state == "reserved":
        told = {} if order_id is None else {"order_id": order_id}
        await _move(connection, books, known, "reserved", "redeemed", now_us, state="confirmed", **told)
    elif known[0].state != "confirmed":
        raise TooLate("These points are not reserved any more.")
    return await _render(connection, redemption_id)


async def release_points(
    connection: AsyncConnection, terms: Terms, redemption_id: str, now_us: int
) -> tuple[dict[str, Any], list[str]]:
    """(What was reserved is free again, what was spent is given back; whose it was.) Raises NotFound."""
    known, books = await _settled(connection, terms, redemption_id, now_us)
    if known[0].state == "reserved":
        await _move(connection, books, known, "reserved", "released", now_us, state="released")
    elif known[0].state == "confirmed":
        await _move(connection, books, known, "redeemed", "given_back", now_us, state="given_back")
    return await _render(connection, redemption_id)


async def _settled(
    connection: AsyncConnection, terms: Terms, redemption_id: str, now_us: int
) -> tuple[Sequence[Any], Mapping[str, Book]]:
    """The rows of a redemption, and the books of its customers, which nobody else posts to now."""
    known = await queries.read_redemption(connection, redemption_id)
    books: dict[str, Book] = {}
    if known:
        ids = [row.customer_id for row in known]
        persons = await settle(connection, terms, ids, now_us)
        books = {each: persons[each].books[each] for each in ids}
        known = await queries.read_redemption(connection, redemption_id)
    if not known:
        raise NotFound("There is no such redemption.")
    return known, books


async def _move(
    connection: AsyncConnection,
    books: Mapping[str, Book],
    known: Sequence[Any],
    account: str,
    what: Outcome,
    now_us: int,
    **told: Any,
) -> None:
    redemption_id = known[0].redemption_id
    for each, book in books.items():
        parts = await queries.read_parts(connection, each, redemption_id, account)
        give(book, parts, redemption_id, now_us, what)
        book.advance(now_us)
    await queries.change_state(connection, redemption_id, [*books], settled_us=now_us, **told)
    await write_books(connection, books, now_us)


async def _render(connection: AsyncConnection, redemption_id: str) -> tuple[dict[str, Any], list[str]]:
    rows = await queries.read_redemption(connection, redemption_id)
    return render_redemption(rows), [row.customer_id for row in rows]


def render_redemption(rows: Sequence[Any]) -> dict[str, Any]:
    """A redemption for the wire."""
    first = rows[0]
    return {
        "redemption_id": first.redemption_id,
        "customer_id": first.customer_id,
        "points": first.total,
        "state": first.state,
        "order_id": first.order_id,
        "reserved_at": iso(first.reserved_us),
        "expires_at": iso(first.expires_us),
        "settled_at": None if first.settled_us is None else iso(first.settled_us),
    }
