"""Loyalty as the service runs it."""

from collections.abc import Coroutine
from typing import Any

from app.http.resources import BackgroundTask, Part, Resources
from app.loyalty.held import Loyalty
from app.loyalty.posting import keep_posting
from app.loyalty.redemption_router import expiring
from app.loyalty.redemption_router import router as redemptions
from app.loyalty.router import programmes, router
from app.loyalty.schemas import ConfirmIn, ProgrammeIn, ReleaseIn, ReserveIn


def _build(resources: Resources) -> None:
    resources.hold(Loyalty(resources.settings))


async def _refresh(resources: Resources) -> None:
    await resources.of(Loyalty).refresh(resources.engine)


def _posting(resources: Resources) -> Coroutine[Any, Any, None]:
    return keep_posting(resources.surveys, resources.of(Loyalty))


PART = Part(
    "loyalty",
    routers=(programmes, redemptions, expiring, router),
    schemas=(ProgrammeIn, ReserveIn, ConfirmIn, ReleaseIn),
    build=_build,
    refresh=_refresh,
    background=(BackgroundTask("points", _posting),),
)
