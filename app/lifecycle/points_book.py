"""The points of one customer id: lots, and the transfers between accounts that they are made of.

A transfer takes points of one account and gives them to another, so that the sum over all accounts is zero whatever
happens. The customer's are `promised`, `active` and `reserved`, and what is `owed`; the shop's are `issued`,
`redeemed` and `expired`. Every transfer is of a lot: what one order, bonus or import brought.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

Account = Literal["issued", "promised", "active", "reserved", "owed", "redeemed", "expired"]
OfOrders = Literal["earned", "activated", "taken_back", "debt", "expired"]
OfRedemptions = Literal["reserved", "released", "redeemed", "given_back"]
Cause = OfOrders | OfRedemptions
LotKey = tuple[str, str]
"""(source, id) of the event that made it."""
NEVER: Final = 2**62


class Transfer(NamedTuple):
    """`points` > 0 from one account to another. `at_us`: when it was due, not when it was written."""

    lot: LotKey
    at_us: int
    from_account: Account
    to_account: Account
    points: int
    cause: Cause
    reference: str | None = None


@dataclass(slots=True)
class Lot:
    """What one event brought. `points`: what it is entitled to now; of it `expired` did; the rest was spent, or paid a
    debt. `expires_us` None: never."""

    source: str
    id: str
    kind: str
    reference: str | None
    version: int
    occurred_us: int
    active_us: int
    expires_us: int | None
    stage: str | None = None
    points: int = 0
    promised: int = 0
    active: int = 0
    reserved: int = 0
    expired: int = 0

    @property
    def key(self) -> LotKey:
        """What it is known by."""
        return self.source, self.id

    @property
    def due_us(self) -> int:
        """When something happens to it next."""
        activates_us = self.active_us if self.promised else NEVER
        return min(activates_us, NEVER if self.expires_us is None or not self.active else self.expires_us)


def in_order(lot: Lot) -> tuple[int, int, LotKey]:
    """By which lots are spent: the first to expire first."""
    return lot.expires_us or NEVER, lot.active_us, lot.key


@dataclass(slots=True)
class Book:
    """The lots and the debt of one customer id. Nothing is active while something is owed."""

    lots: dict[LotKey, Lot] = field(default_factory=dict)
    owed: int = 0
    noted_us: int = NEVER
    """`due_us` as it is kept."""
    held_until_us: int = NEVER
    """When the first of what is reserved is free again by itself."""
    transfers: list[Transfer] = field(default_factory=list)
    """Those that were made since it was opened."""

    def total(self, account: Literal["promised", "active", "reserved", "expired"]) -> int:
        """Of all lots."""
        return sum(getattr(lot, account) for lot in self.lots.values())

    def due_us(self) -> int:
        """When something happens next, if nobody does anything."""
        return min([self.held_until_us, *(lot.due_us for lot in self.lots.values())])

    @property
    def is_changed(self) -> bool:
        """Whether anything of it is to be written."""
        return bool(self.transfers) or self.due_us() != self.noted_us

    def entitle(self, lot: Lot, points: int, at_us: int, cause: Cause = "earned") -> None:
        """A lot is worth so many points from now on. More are promised; fewer are taken back, of what is left of it
        first; what was spent already is owed, and paid by what is or becomes active."""
        self.lots.setdefault(lot.key, lot)
        change, lot.points = points - lot.points, points
        if change > 0:
            self.transfer(lot, "issued", "promised" if at_us < lot.active_us else "active", change, at_us, cause)
            self.pay(at_us)
        elif change < 0:
            self._take_back(lot, -change, at_us)

    def _take_back(self, lot: Lot, points: int, at_us: int) -> None:
        for account in ("promised", "active", "expired"):
            points -= self.transfer(lot, account, "issued", min(points, getattr(lot, account)), at_us, "taken_back")
        self.transfer(lot, "owed", "issued", points, at_us, "taken_back")
        self.pay(at_us)

    def pay(self, at_us: int) -> None:
        """What is owed, as far as something is active."""
        for lot in self.spendable() if self.owed else ():
            self.transfer(lot, "active", "owed", min(self.owed, lot.active), at_us, "debt")

    def spendable(self) -> Iterator[Lot]:
        """Lots with something active, the first to expire first."""
        some = [lot for lot in self.lots.values() if lot.active]
        yield from sorted(some, key=in_order)

    def advance(self, now_us: int) -> None:
        """All that was due by now happens, in the order of time: points become active, then expire."""
        for at_us, activates, lot in sorted(self._dues(now_us), key=lambda due: (due[0], not due[1], due[2].key)):
            if activates:
                self.transfer(lot, "promised", "active", lot.promised, at_us, "activated")
                self.pay(at_us)
            else:
                self.transfer(lot, "active", "expired", lot.active, at_us, "expired")

    def _dues(self, now_us: int) -> Iterable[tuple[int, bool, Lot]]:
        for lot in self.lots.values():
            if lot.promised and lot.active_us <= now_us:
                yield lot.active_us, True, lot
            if lot.expires_us is not None and lot.expires_us <= now_us and (lot.active or lot.promised):
                yield lot.expires_us, False, lot

    def transfer(
        self,
        lot: Lot,
        from_account: Account,
        to_account: Account,
        points: int,
        at_us: int,
        cause: Cause,
        reference: str | None = None,
    ) -> int:
        """Moves points of a lot between two accounts: nothing, of none. Returns how many."""
        if points:
            self._change(lot, from_account, -points)
            self._change(lot, to_account, points)
            self.transfers.append(Transfer(lot.key, at_us, from_account, to_account, points, cause, reference))
        return points

    def _change(self, lot: Lot, account: Account, points: int) -> None:
        if account == "owed":
            self.owed -= points
        elif account not in ("issued", "redeemed"):
            setattr(lot, account, getattr(lot, account) + points)


def fold(transfers: Iterable[Transfer]) -> tuple[dict[LotKey, dict[str, int]], int]:
    """(Lot → account → points, what is owed) by transfers alone: what `perennial verify` compares with what is kept.
    `points` are what the shop has issued of a lot."""
    lots: dict[LotKey, dict[str, int]] = {}
    owed = 0
    for transfer in transfers:
        lot = lots.setdefault(transfer.lot, dict.fromkeys(KEPT, 0))
        for account, points in ((transfer.from_account, -transfer.points), (transfer.to_account, transfer.points)):
            if account == "owed":
                owed -= points
            elif account == "issued":
                lot["points"] -= points
            elif account != "redeemed":
                lot[account] += points
    return lots, owed


KEPT: Final = ("points", "promised", "active", "reserved", "expired")
"""What is kept of a lot."""
