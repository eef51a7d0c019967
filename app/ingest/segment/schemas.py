"""Segment's messages on the wire."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from app.ingest.schemas import WarningOut

_ANYTHING_ELSE: Final[dict[str, Any]] = {"additionalProperties": {}}
"""Members that are read past may hold any text."""


class SegmentMessageIn(BaseModel):
    """A message of the Segment specification; other members are read past."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            **_ANYTHING_ELSE,
            "example": {
                "type": "track",
                "event": "Order Completed",
                "messageId": "ajs-022bb90c-bbac-11e4-8dfc-aa07a5b093db",
                "userId": "C-1001",
                "anonymousId": "39239-239239-239239-23923",
                "originalTimestamp": "2026-11-22T10:15:00.000Z",
                "properties": {
                    "order_id": "A-77",
                    "total": 128.50,
                    "discount": 10.00,
                    "currency": "CNY",
                    "products": [{"product_id": "4711", "category": "dairy", "price": 12.80, "quantity": 2}],
                },
            },
        },
    )

    type: str
    messageId: str  # noqa: N815 - the specification's own names, here and below
    event: str | None = None
    userId: str | None = None  # noqa: N815
    anonymousId: str | None = None  # noqa: N815
    previousId: str | None = None  # noqa: N815
    originalTimestamp: str | None = None  # noqa: N815
    timestamp: str | None = None
    sentAt: str | None = None  # noqa: N815
    receivedAt: str | None = None  # noqa: N815
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None


class SegmentBatchIn(BaseModel):
    """Up to 1,000 messages."""

    model_config = ConfigDict(extra="allow", json_schema_extra={**_ANYTHING_ELSE})

    batch: list[SegmentMessageIn]


class SegmentResultOut(BaseModel):
    """What became of one message. `reason` says why it was ignored, `problem` why it was rejected,
    `warnings` what was mended."""

    status: Literal["accepted", "duplicate", "rejected", "ignored", "erased"]
    problem: dict[str, Any] | None = None
    reason: str | None = None
    warnings: list[WarningOut] | None = None


class SegmentReceiptOut(BaseModel):
    """What became of the messages, in the order they were sent."""

    accepted: int
    duplicate: int
    rejected: int
    ignored: int
    erased: int | None = None
    results: list[SegmentResultOut]
