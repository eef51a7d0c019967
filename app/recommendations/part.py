"""Recommendations as the service runs them."""

from collections.abc import Coroutine
from typing import Any

from app.database.engine import transaction
from app.http.resources import BackgroundTask, Part, Resources
from app.recommendations.effects_router import router as effects
from app.recommendations.forgetting import keep_forgetting
from app.recommendations.held import Recommendations
from app.recommendations.merchant_rules import MerchantRule
from app.recommendations.rule_queries import read_rules
from app.recommendations.rules_router import router


def _build(resources: Resources) -> None:
    resources.hold(Recommendations())


async def _refresh(resources: Resources) -> None:
    async with transaction(resources.engine) as connection:
        resources.of(Recommendations).rules = await read_rules(connection)


def _forgetting(resources: Resources) -> Coroutine[Any, Any, None]:
    return keep_forgetting(resources.engine, resources.settings.recommendation_days)


PART = Part(
    "recommendations",
    routers=(router, effects),
    schemas=(MerchantRule,),
    build=_build,
    refresh=_refresh,
    background=(BackgroundTask("forgetting", _forgetting),),
)
