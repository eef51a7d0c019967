"""Refused events on the wire."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.http.times import Time
from app.lifecycle.json_schema import A_VALUE, rules, where

MAX_REPLAYED = 1000

ProblemType = Annotated[str, Field(max_length=128, pattern=r"^[\x21-\x7e]+$")]
RejectedId = Annotated[int, Field(ge=1, le=2**63 - 1, strict=True)]


class RejectedEventOut(BaseModel):
    """`event` is as it came, identifiers as keyed hashes; `problem` is why it was refused last."""

    rejected_id: int
    received_at: str
    problem: dict[str, Any]
    event: Any


class RejectedPageOut(BaseModel):
    """Latest first. `next_cursor` is null on the last page."""

    events: list[RejectedEventOut]
    next_cursor: str | None


_BY_IDS_ALONE: Final = rules(where({"rejected_ids": A_VALUE}, {"propertyNames": {"enum": ["rejected_ids", "after"]}}))


class ReplayIn(BaseModel):
    """These refused events; or, without ids, the oldest that the other members let through, up to `limit`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_BY_IDS_ALONE)

    rejected_ids: Annotated[list[RejectedId], Field(max_length=MAX_REPLAYED)] | None = None
    since: Time | None = None
    type: ProblemType | None = None
    after: Annotated[int, Field(ge=0, le=2**63 - 1, strict=True)] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_REPLAYED, strict=True)] = MAX_REPLAYED


class ReplayedOut(BaseModel):
    """What became of one refused event."""

    rejected_id: int
    status: Literal["accepted", "duplicate", "rejected", "erased"]
    problem: dict[str, Any] | None = None


class ReplayOut(BaseModel):
    """In the order of their ids. `unknown` are ids there is no refused event of.

    `next_after` is null when none is left; else it is the `after` of the next call.
    """

    accepted: int
    duplicate: int
    rejected: int
    erased: int | None = None
    results: list[ReplayedOut]
    unknown: list[int]
    next_after: int | None


class PurgedOut(BaseModel):
    """How many were deleted."""

    purged: int
