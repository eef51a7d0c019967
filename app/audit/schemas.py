"""The audit on the wire."""

from typing import Literal

from pydantic import BaseModel, Field


class AuditRowOut(BaseModel):
    """Calls of the same kind, by the same caller, with the same outcome, within a second: `calls` of them, from `from`
    to `at`. `customers` are keyed hashes of ids; where there are as many as `request_ids`, each is of the call in its
    place. `outcome` is the status of the answer; 0: nobody heard it, or it was no call. `hash` seals the row and all
    before it."""

    seq: int
    from_: str = Field(alias="from")
    at: str
    made_by: str
    act: Literal["read", "change", "export", "erase"]
    operation: str
    outcome: int
    calls: int
    customers: list[str]
    request_ids: list[str]
    target: str | None
    hash: str


class AuditFindingOut(BaseModel):
    """What is wrong at a place of the chain."""

    seq: int
    sentence: str


class AuditChainOut(BaseModel):
    """The latest rows, looked at: from row `first` to row `last` (null: there is none) each is sealed and follows the
    one before, where there are no `findings`; the first 100 are told. `tip` is the end of the chain."""

    tip: str
    rows: int
    first: int | None
    last: int | None
    last_at: str | None
    is_sound: bool
    findings: list[AuditFindingOut]


class AuditPageOut(BaseModel):
    """The latest first. `tip` is the end of the chain, to be written down elsewhere."""

    tip: str
    rows: list[AuditRowOut]
    next_cursor: str | None
