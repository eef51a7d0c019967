"""Demand on the wire."""

from typing import Literal

from pydantic import BaseModel


class DemandIntervalOut(BaseModel):
    """Within it lie the units of `coverage` of such items and weeks of the past."""

    low: int
    high: int
    coverage: float


class DemandPartsOut(BaseModel):
    """What is expected of those who have bought it before, of new buyers, and of purchases without a customer.

    null: no clock tells of those who have bought before.
    """

    again: float | None
    new: float
    anonymous: float


class DemandComparedOut(BaseModel):
    """Units of the same weekdays on the average of the last weeks, and of the same days last year; null: the shop's
    record does not reach back so far."""

    same_weekdays: float
    weeks: int
    last_year: float | None


class DemandOut(BaseModel):
    """`as_of` to `until` is what is looked at: whole days from now on. `clocks_weight` is how much of
    `expected_units` rests on `parts`, the rest on what was sold of late."""

    item_id: str | None
    category: list[str] | None
    store: str | None
    days: int
    as_of: str
    until: str
    expected_units: float
    interval: DemandIntervalOut
    method: Literal["clocks", "base_rate"]
    degraded: bool
    degraded_because: Literal["no_model", "no_clocks", "no_buyers"] | None
    model_version: str | None
    clocks_weight: float
    parts: DemandPartsOut
    compared_with: DemandComparedOut
