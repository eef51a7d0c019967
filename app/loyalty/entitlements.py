"""What customers are entitled to by the log: a lot an order that earned something, and one a bonus.

What was told late, corrected, cancelled or given back changes what its order is worth; the difference is posted, so
that the ledger comes to the same in whichever order things were told.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, NamedTuple

from app.foundation.errors import NotReady
from app.foundation.zones import offset_us
from app.ingest.order_identity import REFUND_AFTER_DAYS, REFUND_SLACK_US, OrderIdentity
from app.lifecycle import events as e
from app.lifecycle.earning import KeptOrder, pieces_of, points_of, without_returned
from app.lifecycle.order_lines import read_lines
from app.lifecycle.points_book import Book, Lot, LotKey
from app.loyalty.programme_queries import ProgrammeVersion

ORDER: Final = "order"
BONUS: Final = "bonus"
OF_EVENTS: Final = (ORDER, BONUS)
"""Kinds of lots whose worth follows from events."""
GIVE_WAY: Final = 200
"""After so many orders others have a turn."""


class Terms(NamedTuple):
    """By what points are worked out. `programmes` in the order in which they were put."""

    programmes: Sequence[ProgrammeVersion]
    identity: OrderIdentity
    zone: str
    digits: int

    @property
    def since_us(self) -> int:
        """Before which nothing earns anything."""
        return min(each.effective_us for each in self.programmes)

    @property
    def names_stages(self) -> bool:
        """Whether any rule asks where a customer stood."""
        return any(each.programme.names_stages for each in self.programmes)

    @property
    def reads_lines(self) -> bool:
        """Whether any rule asks what was bought."""
        return any(each.programme.reads_lines for each in self.programmes)

    def at(self, at_us: int) -> ProgrammeVersion | None:
        """The version of a time: of those that had begun the one that was put last. None: there was none yet."""
        begun = [each for each in self.programmes if each.effective_us <= at_us]
        return begun[-1] if begun else None

    def of(self, version: int) -> ProgrammeVersion:
        """A version by its number. Raises NotReady for one that another process has read, and this one not yet."""
        for each in reversed(self.programmes):
            if each.version == version:
                return each
        raise NotReady("A programme was put just now.")


class Sold(NamedTuple):
    """An order's row in the log, and what is left of it. None: nothing is."""

    row: Any
    kept: KeptOrder | None


StageAt = Callable[[int], str | None]
"""Time → where the customer stood by then."""


async def entitle(book: Book, told: Sequence[Any], terms: Terms, stage_at: StageAt, now_us: int) -> None:
    """Brings the lots of one customer id to what its events say. Gives way to others after every GIVE_WAY orders."""
    for at, sold in enumerate(sell(told, terms), 1):
        if at % GIVE_WAY == 0:
            await asyncio.sleep(0)
        row, key = sold.row, (sold.row.source, sold.row.id)
        lot = book.lots.get(key)
        if lot is not None:
            points = worth(lot, sold.kept, terms)
            if points != lot.points:
                book.entitle(lot, points, now_us)
        elif sold.kept is not None and (version := terms.at(row.occurred_us)) is not None:
            wait_us = version.programme.return_days * e.DAY_US
            lot = _lot(ORDER, row, version, wait_us, stage_at(row.occurred_us))
            if points := worth(lot, sold.kept, terms):
                book.entitle(lot, points, row.occurred_us)
    _entitle_bonuses(book, told, terms, now_us)


def _entitle_bonuses(book: Book, told: Sequence[Any], terms: Terms, now_us: int) -> None:
    """Of a decision that was told of twice the earlier telling earns, also where it comes later."""
    redeemed = {(row.source, row.id) for row in told if row.type == e.ACTION_REDEEMED}
    wanted = {(row.source, row.id): (row, version, points) for row, version, points in _bonuses(told, terms)}
    for lot in book.lots.values():
        if lot.kind == BONUS and lot.points and lot.key in redeemed and lot.key not in wanted:
            book.entitle(lot, 0, now_us)
    for key, (row, version, points) in wanted.items():
        if key not in book.lots:
            book.entitle(_lot(BONUS, row, version, 0, None), points, row.occurred_us)
        elif not book.lots[key].points:
            book.entitle(book.lots[key], points, now_us)


def worth(lot: Lot, kept: KeptOrder | None, terms: Terms) -> int:
    """What an order's lot is entitled to, by the version and the stage that it was earned with."""
    if kept is None:
        return 0
    return points_of(terms.of(lot.version).programme, kept._replace(stage=lot.stage), terms.digits)


def _lot(kind: str, row: Any, version: ProgrammeVersion, wait_us: int, stage: str | None) -> Lot:
    active_us, days = row.occurred_us + wait_us, version.programme.expiry_days
    expires_us = None if days is None else active_us + days * e.DAY_US
    told = (row.source, row.id, kind, row.reference, version.version, row.occurred_us)
    return Lot(*told, active_us, expires_us, stage)


def sell(told: Iterable[Any], terms: Terms) -> Iterator[Sold]:
    """The orders of one customer id, each with what its refunds leave of it."""
    told = list(told)
    orders = [row for row in told if row.type in e.SALES]
    by_number: dict[tuple[str, str | None], list[Any]] = defaultdict(list)
    for row in orders:
        by_number[row.source, row.reference].append(row)
    refunds: dict[LotKey, list[Any]] = defaultdict(list)
    for refund in told:
        if refund.type == e.ORDER_REFUNDED and refund.reference is not None:
            order = _order_of(refund, by_number[refund.source, refund.reference], terms.identity)
            if order is not None:
                refunds[order.source, order.id].append(refund)
    for row in orders:
        yield Sold(row, _keep(row, refunds.get((row.source, row.id), ()), terms))


def _order_of(refund: Any, orders: Sequence[Any], identity: OrderIdentity) -> Any:
    """The order that a refund is of; of a till whose numbers begin anew, the latest before it. None: none is known."""
    if identity.covers(refund.source):
        return orders[-1] if orders else None
    latest_us = refund.occurred_us + REFUND_SLACK_US
    first_us = refund.occurred_us - REFUND_AFTER_DAYS * e.DAY_US
    return next((row for row in reversed(orders) if first_us < row.occurred_us <= latest_us), None)


def _keep(row: Any, refunds: Sequence[Any], terms: Terms) -> KeptOrder | None:
    if row.type == e.ORDER_RETURNED:
        return None
    lines = () if row.lines is None else _lines_left(row, refunds)
    local_us = row.occurred_us + offset_us(row.occurred_us, terms.zone)
    amount_minor = row.amount_minor - sum(refund.amount_minor for refund in refunds)
    return KeptOrder(row.source, row.channel, local_us // e.DAY_US, amount_minor, lines, None)


def _lines_left(row: Any, refunds: Iterable[Any]) -> tuple[e.OrderLine, ...]:
    returned: dict[str, Fraction] = {}
    for refund in refunds:
        for item_id, pieces in pieces_of(read_lines(refund.lines)).items():
            returned[item_id] = returned.get(item_id, Fraction()) + pieces
    return without_returned(read_lines(row.lines), returned)


def _bonuses(told: Iterable[Any], terms: Terms) -> Iterable[tuple[Any, ProgrammeVersion, int]]:
    """Redeemed actions that earn something: the first of an action and a decision."""
    seen = set[tuple[str, str | None]]()
    for row in told:
        version = terms.at(row.occurred_us) if row.type == e.ACTION_REDEEMED else None
        if version is None or (row.reference is not None and (row.kind, row.reference) in seen):
            continue
        seen.add((row.kind, row.reference))
        for bonus in version.programme.bonuses:
            if bonus.action_id == row.kind:
                yield row, version, bonus.points


def stages_of(rows: Iterable[Any]) -> Mapping[str, StageAt]:
    """Customer → where they stood when, of their changes of stage in the order of time."""
    changes: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        changes[row.customer_id].append(row)
    return {customer_id: _stage_at(theirs) for customer_id, theirs in changes.items()}


def _stage_at(changes: Sequence[Any]) -> StageAt:
    def stage_at(at_us: int) -> str | None:
        return next((row.to_stage for row in reversed(changes) if row.at_us <= at_us), None)

    return stage_at


def no_stage(_: int) -> str | None:
    """Of whom none is known."""
    return None
