"""Recommendations as the service runs them."""

import time
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, Final

from app.customers.item_states import READ_ITEMS
from app.customers.queries import READ_STATES
from app.database.engine import CONNECTION_LOST, Driver, transaction
from app.database.gatherer import Gatherer
from app.decisions.held import Decisions
from app.foundation.errors import NotReady
from app.http.resources import BackgroundTask, Part, Resources
from app.items.following import Items
from app.lifecycle.events import DAY_US
from app.lifecycle.tombstones import Tombstones
from app.models.held import Models
from app.recommendations.demand_router import router as demand
from app.recommendations.effects_router import router as effects
from app.recommendations.forgetting import keep_forgetting
from app.recommendations.forgotten_queries import READ_FORGOTTEN
from app.recommendations.held import Recommendations
from app.recommendations.histories import SHOWN_DAYS, History, OfWhom, read_histories
from app.recommendations.keeping import KEEP, Given, keep_recommendations
from app.recommendations.lacking import find_lacking, lacking_of
from app.recommendations.merchant_rules import MerchantRule
from app.recommendations.offers.giving import Asking, Told, give_offers
from app.recommendations.offers.held import Offers
from app.recommendations.offers.learning import keep_learning
from app.recommendations.offers.queries import GIVE, LOCK_OFFERS, READ_IN_FORCE, read_shop_share
from app.recommendations.offers.router import router as offers
from app.recommendations.offers.schemas import OffersIn
from app.recommendations.recommending import suggest
from app.recommendations.router import router
from app.recommendations.rule_queries import read_rules
from app.recommendations.rules_router import router as rules
from app.recommendations.shadowing import Shadow, keep_shadowing
from app.recommendations.shown_queries import READ_SHOWN
from app.recommendations.wanted import RecommendationIn
from app.recommendations.watched import check_watched, watched_gauges
from app.recommendations.watching import keep_watching

_KEEPING_SHARE: Final = 0.5
"""Of the patience for the database, how long an answer waits for its being kept."""


def _build(resources: Resources) -> None:
    reading, writing, giving = (resources.open_driver() for _ in range(3))
    histories: Gatherer[OfWhom, History] = resources.gather("histories", partial(_read, reading))
    tombstones = resources.of(Tombstones)
    keeping: Gatherer[Given, bool] = resources.gather("recommendations", partial(_keep, writing, tombstones))
    given: Gatherer[Asking, Told] = resources.gather("offers", partial(give_offers, giving))
    patience_s = resources.settings.patience_ms / 1000 * _KEEPING_SHARE
    models, items = resources.of(Models), resources.of(Items)
    resources.hold(Recommendations(models, items, histories, keeping, patience_s))
    resources.hold(Shadow(models, items))
    resources.hold(Offers(resources.settings.offers, given))
    decisions = resources.of(Decisions)
    decisions.suggest = partial(suggest, resources)
    decisions.find_lacking = partial(find_lacking, resources)
    decisions.lacking_of = partial(lacking_of, resources)
    for statement in (READ_STATES, READ_ITEMS, READ_SHOWN, READ_FORGOTTEN):
        resources.plan(reading, statement, since_us=0)
    resources.plan(writing, KEEP)
    resources.plan(giving, READ_IN_FORCE, now_us=0)
    for statement in (LOCK_OFFERS, GIVE):
        resources.plan(giving, statement)


async def _read(driver: Driver, asked: Sequence[OfWhom]) -> list[History]:
    return await read_histories(driver, asked, time.time_ns() // 1000 - SHOWN_DAYS * DAY_US)


async def _keep(driver: Driver, tombstones: Tombstones, givens: Sequence[Given]) -> list[bool]:
    try:
        await keep_recommendations(driver, givens, tombstones)
    except CONNECTION_LOST as error:
        await driver.close()
        raise NotReady("The database went away; what was recommended may yet have been kept.") from error
    return [True] * len(givens)


async def _refresh(resources: Resources) -> None:
    held = resources.of(Recommendations)
    async with transaction(resources.engine) as connection:
        rules = await read_rules(connection)
        resources.of(Offers).shop_share = await read_shop_share(connection)
    if rules != held.rules:  # what was made of them is held by the very same ones
        held.rules = rules


def _forgetting(resources: Resources) -> Coroutine[Any, Any, None]:
    return keep_forgetting(resources.engine, resources.settings.recommendation_days)


def _watching(resources: Resources) -> Coroutine[Any, Any, None] | None:
    hours = resources.settings.monitoring_hours
    return keep_watching(resources.surveys, hours) if hours else None


def _shadowing(resources: Resources) -> Coroutine[Any, Any, None]:
    return keep_shadowing(resources.of(Shadow), Driver(resources.engine))


def _learning(resources: Resources) -> Coroutine[Any, Any, None] | None:
    hours = resources.settings.offer_hours
    return keep_learning(resources.engine, hours) if hours else None


PART = Part(
    "recommendations",
    routers=(rules, effects, demand, offers, router),
    schemas=(MerchantRule, OffersIn, RecommendationIn),
    build=_build,
    refresh=_refresh,
    background=(
        BackgroundTask("forgetting", _forgetting),
        BackgroundTask("watching", _watching),
        BackgroundTask("shadowing", _shadowing),
        BackgroundTask("offers", _learning),
    ),
    check_stored=check_watched,
    stored_gauges=watched_gauges,
)
