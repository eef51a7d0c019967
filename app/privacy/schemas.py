"""What is told of persons, on the wire."""

from typing import Any, Literal

from pydantic import BaseModel


class IdentifierOut(BaseModel):
    """An identifier as it is kept: a keyed hash of its normal form."""

    kind: str
    hash: str


class ExportOut(BaseModel):
    """All that is kept of a person. `tables` by name, rows in the order of their key: columns as they are kept, times
    in RFC 3339. `events_of_others` are those that name the person as merged or taken apart."""

    format: Literal[1]
    customer_id: str
    person_id: str
    exported_at: str
    customer_ids: list[str]
    identifiers: list[IdentifierOut]
    tables: dict[str, list[dict[str, Any]]]
    events_of_others: list[dict[str, Any]]


class ErasureOut(BaseModel):
    """The receipt of an erasure, which names nobody. `ids`: how many the person had; `rows`: how many were deleted, by
    table. `erased_at`: when all was; `settled_at`: when it had been looked once more for what was on its way."""

    erasure_id: str
    asked_at: str
    asked_by: str
    ids: int
    rows: dict[str, int]
    erased_at: str | None
    settled_at: str | None


class ErasurePageOut(BaseModel):
    """The latest first."""

    erasures: list[ErasureOut]
    next_cursor: str | None


class ConsentOut(BaseModel):
    """A word on a purpose, by a channel or by all (`*`). `version` and `wording`: what the person was asked, as far as
    the event tells."""

    customer_id: str
    purpose: str
    channel: str
    granted: bool
    time: str
    received_at: str
    source: str
    event_id: str
    version: str | None
    wording: str | None


class ConsentPageOut(BaseModel):
    """The latest first."""

    consents: list[ConsentOut]
    next_cursor: str | None
