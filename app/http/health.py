"""Health on the wire (application/health+json, draft-inadarei-api-health-check)."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

HealthStatus = Literal["pass", "warn", "fail"]


class CheckOut(BaseModel):
    """One component. `observedValue` is in `observedUnit`, as of `time`; without one, of now."""

    status: HealthStatus
    componentType: str
    observedValue: Any = None
    observedUnit: str | None = None
    output: str | None = None
    time: datetime | None = None


class HealthOut(BaseModel):
    """`fail` is answered with 503, `pass` and `warn` with 200. Where the deployment says so, who has no key is told the
    status alone."""

    status: HealthStatus
    version: str | None = None
    serviceId: str | None = None
    checks: dict[str, list[CheckOut]] | None = None
