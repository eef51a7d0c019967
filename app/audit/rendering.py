"""Rows of the audit as they are told."""

from typing import Any

from app.audit.chain import Row
from app.foundation.times import iso


def render_row(row: Row) -> dict[str, Any]:
    """Customers and seals in hexadecimal digits. `outcome` 0 of a call: nobody heard its answer."""
    entry = row.entry
    return {
        "seq": row.seq,
        "from": iso(entry.from_us),
        "at": iso(entry.at_us),
        "made_by": entry.made_by,
        "act": entry.act,
        "operation": entry.operation,
        "outcome": entry.outcome,
        "calls": entry.calls,
        "customers": [each.hex() for each in entry.customers],
        "request_ids": list(entry.request_ids),
        "target": entry.target,
        "hash": row.hash.hex(),
    }
