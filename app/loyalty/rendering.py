"""Points for the wire."""

from collections.abc import Mapping
from typing import Any

from app.foundation.times import iso
from app.lifecycle.points_book import Lot
from app.loyalty.programme_queries import ProgrammeVersion
from app.loyalty.service import Person

Sums = Mapping[tuple[str, str], int]
"""(From account, to account) → points ever."""


def render_programme(version: ProgrammeVersion) -> dict[str, Any]:
    """A version."""
    return {
        "version": version.version,
        "effective_at": iso(version.effective_us),
        "changed_at": iso(version.changed_us),
        "changed_by": version.changed_by,
        "programme": version.programme.model_dump(mode="json"),
    }


def render_balance(customer_id: str, person: Person, sums: Sums, now_us: int) -> dict[str, Any]:
    """A person's points, with every lot that is to expire or is promised, the first first."""

    def net(account: str) -> int:
        into = sum(points for (_, to), points in sums.items() if to == account)
        return into - sum(points for (from_, _), points in sums.items() if from_ == account)

    lots = [lot for book in person.books.values() for lot in book.lots.values()]
    expiring = sorted((lot.expires_us, lot.key, lot) for lot in lots if lot.active and lot.expires_us is not None)
    promises = sorted((lot.active_us, lot.key, lot) for lot in lots if lot.promised)
    return {
        "customer_id": customer_id,
        "as_of": iso(now_us),
        "available": person.available,
        **{name: person.total(name) for name in ("active", "promised", "reserved")},
        "owed": person.owed,
        "earned": -net("issued"),
        "redeemed": net("redeemed"),
        "expired": net("expired"),
        "expiring": [_lot("expires_at", at_us, lot.active, lot) for at_us, _, lot in expiring],
        "promises": [_lot("active_at", at_us, lot.promised, lot) for at_us, _, lot in promises],
    }


def _lot(name: str, at_us: int, points: int, lot: Lot) -> dict[str, Any]:
    return {"points": points, name: iso(at_us), "kind": lot.kind, "order_id": _order_id(lot.kind, lot.reference)}


def _order_id(kind: str, reference: str | None) -> str | None:
    return reference if kind == "order" else None


def render_entry(row: Any) -> dict[str, Any]:
    """An entry of the ledger."""
    return {
        **{name: getattr(row, name) for name in ("entry_id", "customer_id", "from_account", "to_account", "points")},
        "at": iso(row.at_us),
        "posted_at": iso(row.posted_us),
        "cause": row.cause,
        "kind": row.kind,
        "order_id": _order_id(row.kind, row.order_id),
        "reference": row.reference,
        "programme_version": row.version,
    }
