"""Loyalty on the wire."""

from typing import Annotated

from pydantic import BaseModel, Field

from app.http.times import Time
from app.lifecycle.event_data import Text
from app.lifecycle.loyalty_programme import Programme


class ProgrammeIn(BaseModel):
    """A programme, and from when orders earn by it."""

    programme: Programme
    effective_at: Time | None = Field(
        None,
        description="Of the first programme any time, also one that is past; of a later one ten seconds ahead or more. "
        "None is more than 366 days ahead. Without it: now, or in ten seconds.",
    )


class ProgrammeOut(BaseModel):
    """A version. Orders are earned by the latest that was effective when they took place."""

    version: int
    effective_at: str
    changed_at: str
    changed_by: str
    programme: Programme


class ExpiryOut(BaseModel):
    """`kind` is what brought the points."""

    points: int
    expires_at: str
    kind: str
    order_id: str | None


class PromiseOut(BaseModel):
    """Points that may not be spent yet."""

    points: int
    active_at: str
    kind: str
    order_id: str | None


class BalanceOut(BaseModel):
    """Points of a person under all ids. `available` is what may be spent now: `active` less what is `owed` under
    another id; `owed` is what was taken back after it had been spent."""

    customer_id: str
    as_of: str
    available: int
    active: int
    promised: int
    reserved: int
    owed: int
    earned: int
    redeemed: int
    expired: int
    expiring: list[ExpiryOut]
    promises: list[PromiseOut]


class EntryOut(BaseModel):
    """`points` went from one account to another. `at` is when that was due, `posted_at` when it was written."""

    entry_id: int
    customer_id: str
    at: str
    posted_at: str
    from_account: str
    to_account: str
    points: int
    cause: str
    kind: str
    order_id: str | None
    reference: str | None
    programme_version: int


class LedgerOut(BaseModel):
    """What was posted last first. `next_cursor` is null on the last page."""

    entries: list[EntryOut]
    next_cursor: str | None


RedemptionId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]


class ReserveIn(BaseModel):
    """`redemption_id` is the caller's own, of this redemption alone."""

    customer_id: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
    redemption_id: RedemptionId
    points: Annotated[int, Field(ge=1, le=10**12, strict=True)]
    hold_seconds: Annotated[int, Field(ge=1, le=86_400, strict=True)] = 900
    order_id: Text | None = None


class ConfirmIn(BaseModel):
    """`order_id`: what they were spent on."""

    redemption_id: RedemptionId
    order_id: Text | None = None


class ReleaseIn(BaseModel):
    redemption_id: RedemptionId


class RedemptionOut(BaseModel):
    """`state` is `reserved`, `confirmed`, `released`, `expired` (it was free again by itself) or `given_back`."""

    redemption_id: str
    customer_id: str
    points: int
    state: str
    order_id: str | None
    reserved_at: str
    expires_at: str
    settled_at: str | None


class ExpiringLotOut(ExpiryOut):
    customer_id: str


class ExpiringOut(BaseModel):
    """The first to expire first. `next_cursor` is null on the last page."""

    lots: list[ExpiringLotOut]
    next_cursor: str | None
