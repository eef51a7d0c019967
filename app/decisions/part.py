"""Decisions as the service runs them."""

from collections.abc import Coroutine
from functools import partial
from typing import Any

from app.database.engine import transaction
from app.decisions.activating import keep_giving_back
from app.decisions.arm_watch import arm_gauges, check_arms, keep_watching_arms
from app.decisions.catalogue_queries import read_catalogue
from app.decisions.catalogue_router import router as actions
from app.decisions.catalogue_router import versions
from app.decisions.held import Decisions
from app.decisions.keeping import Receipts, keep_decisions
from app.decisions.outcome_schemas import OutcomeIn
from app.decisions.outcomes_router import router as outcomes
from app.decisions.queries import WRITE_DECISIONS
from app.decisions.receipts_router import router as receipts
from app.decisions.router import router
from app.decisions.schemas import DecisionIn
from app.http.resources import BackgroundTask, Part, Resources
from app.ingest.identity_key import read_identity_key
from app.lifecycle.actions import Action
from app.lifecycle.arms import Arms
from app.scores.held import Scores


def _build(resources: Resources) -> None:
    driver = resources.open_driver()
    receipts: Receipts = resources.gather("receipts", partial(keep_decisions, driver))
    settings = resources.settings
    arms = Arms(settings.control_share, settings.usual_share, read_identity_key(settings))
    resources.hold(Decisions(settings, resources.of(Scores), receipts, arms))
    resources.plan(driver, WRITE_DECISIONS)


async def _refresh(resources: Resources) -> None:
    async with transaction(resources.engine) as connection:
        resources.of(Decisions).catalogue = await read_catalogue(connection)


def _watch_arms(resources: Resources) -> Coroutine[Any, Any, None] | None:
    return keep_watching_arms(resources.engine) if resources.settings.monitoring_hours else None


def _give_back(resources: Resources) -> Coroutine[Any, Any, None]:
    return keep_giving_back(resources.engine)


PART = Part(
    "decisions",
    routers=(router, outcomes, receipts, actions, versions),
    schemas=(DecisionIn, Action, OutcomeIn),
    build=_build,
    refresh=_refresh,
    background=(BackgroundTask("arms", _watch_arms), BackgroundTask("reservations", _give_back)),
    check_stored=check_arms,
    stored_gauges=arm_gauges,
)
