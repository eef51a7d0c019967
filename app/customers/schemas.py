"""Customers on the wire."""

from typing import Any

from pydantic import BaseModel


class ProfileOut(BaseModel):
    """Plain figures, money in major units. `spend` is net of refunds; `refunds` counts them."""

    customer_id: str
    currency: str
    events: int
    orders: int
    items: int
    spend: float
    gross_spend: float
    discount: float
    refunds: int
    refunded: float
    average_order_value: float | None
    days_between_orders: float | None
    first_seen_at: str | None
    last_seen_at: str | None
    first_order_at: str | None
    last_order_at: str | None
    channels: dict[str, int]
    visits: int
    complaints: int
    open_complaints: int
    csat: float | None
    nps: float | None
    tier: str | None
    points: int
    consents: dict[str, bool]
    """Channel → the latest word on marketing."""
    purposes: dict[str, dict[str, bool]]
    """Purpose → channel → the latest word, of the others than marketing and personalization."""


class CrowdOut(BaseModel):
    """An identifier that joins nobody, since more than 16 customers hold it: its pseudonym, how many, the first 100."""

    identifier: str
    kind: str
    holders: int
    customer_ids: list[str]


class CrowdPageOut(BaseModel):
    """`next_cursor` is null on the last page."""

    identifiers: list[CrowdOut]
    next_cursor: str | None


class StoredEventOut(BaseModel):
    """A CloudEvent as it was counted; values of identifiers are keyed hashes."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    data: dict[str, Any]


class EventPageOut(BaseModel):
    """Latest first. `next_cursor` is null on the last page."""

    events: list[StoredEventOut]
    next_cursor: str | None
