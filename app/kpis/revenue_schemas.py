"""The revenue tree on the wire. Money in major units of the currency."""

from typing import Literal

from pydantic import BaseModel

from app.kpis.revenue import Branch, Driver
from app.kpis.revenue_told import ComparedWith
from app.kpis.schemas import PeriodOut


class ChangeOut(BaseModel):
    """`change` is `value` less `before`, of money."""

    before: float
    value: float
    change: float


class DriverOut(BaseModel):
    """`before` and `value` are the driver's own; null: of nobody there is none. `change`: what it moved sales by."""

    driver: Driver
    before: float | None
    value: float | None
    change: float


class BranchOut(ChangeOut):
    """Sales of a group; what its `drivers` moved adds up to its `change`. Of orders given back whole there are none."""

    branch: Branch
    drivers: list[DriverOut]


class RevenueTreeOut(PeriodOut):
    """The branches' changes add up to that of `sales`. `sales` null: it cannot be told, for the `reason`.

    `customer_days`: who ordered within so many days before a period is `retained` in it.
    """

    compared_with: ComparedWith
    compared: PeriodOut
    is_complete: bool
    time_zone: str
    currency: str
    customer_days: int
    as_of: str
    reason: Literal["before_the_first_event", "events_have_left"] | None
    sales: ChangeOut | None
    branches: list[BranchOut]
