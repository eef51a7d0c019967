"""The catalogue as the service runs it: followed, checked, counted."""

import time
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from app.foundation.metrics import GaugeValue
from app.http.health import CheckOut
from app.http.resources import BackgroundTask, Checks, Part, Resources
from app.items.following import Items, keep_following
from app.items.router import changes, router
from app.items.schemas import ItemIn

LATE_SECONDS: Final = 10.0
"""A catalogue that was not compared with the database for so long may be wrong."""


def _build(resources: Resources) -> None:
    resources.hold(Items())


async def _refresh(resources: Resources) -> None:
    await resources.of(Items).follow(resources.engine)


def _following(resources: Resources) -> Coroutine[Any, Any, None]:
    return keep_following(resources.of(Items), resources.engine)


def _age_s(items: Items) -> float | None:
    return None if items.looked_s is None else time.monotonic() - items.looked_s


def _check(resources: Resources) -> Checks:
    """How many items there are. An empty catalogue is none to warn of: items are served by their ids."""
    items = resources.of(Items)
    age_s = _age_s(items)
    is_late = age_s is None or age_s > LATE_SECONDS
    check = CheckOut(
        status="warn" if is_late else "pass",
        componentType="component",
        observedValue=items.catalogue.size,
        observedUnit="items",
        output="Changes of the catalogue cannot be read: what is recommended may be out of date." if is_late else None,
    )
    return {"items:catalogue": check}


def _gauges(resources: Resources) -> Iterable[GaugeValue]:
    items = resources.of(Items)
    yield "perennial_items", (), items.catalogue.size
    if (age_s := _age_s(items)) is not None:
        yield "perennial_items_age_seconds", (), age_s


PART = Part(
    "items",
    routers=(changes, router),
    schemas=(ItemIn,),
    build=_build,
    refresh=_refresh,
    background=(BackgroundTask("items", _following),),
    check=_check,
    gauges=_gauges,
)
