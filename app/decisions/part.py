"""Decisions as the service runs them."""

from collections.abc import Coroutine, Iterable
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.decisions.arm_watch import arm_gauges, check_arms, keep_watching_arms
from app.decisions.catalogue_router import router as actions
from app.decisions.catalogue_router import versions
from app.decisions.contact_book import ContactBook
from app.decisions.contact_router import router as contact_policy
from app.decisions.delivery_router import DeliverIn
from app.decisions.delivery_router import router as delivery
from app.decisions.effects_router import router as effects
from app.decisions.fairness_gate import gates_of
from app.decisions.held import Decisions
from app.decisions.keeping import Receipts, keep_decisions
from app.decisions.outcome_schemas import OutcomeIn
from app.decisions.outcomes_router import router as outcomes
from app.decisions.policies_router import router as policies
from app.decisions.policy_schemas import PolicyIn
from app.decisions.policy_watch import keep_watching_policies
from app.decisions.policy_watched import check_policies, policy_gauges
from app.decisions.queries import WRITE_DECISIONS
from app.decisions.receipts_router import router as receipts
from app.decisions.releasing import keep_releasing
from app.decisions.router import router
from app.decisions.schemas import DecisionIn
from app.decisions.settling import SETTLING
from app.decisions.simulation_router import router as simulation
from app.decisions.simulation_schemas import SimulationIn
from app.decisions.split_test_schemas import SplitTestIn
from app.decisions.split_tests_router import router as tests
from app.foundation.metrics import GaugeValue
from app.http.resources import BackgroundTask, Checks, Part, Resources
from app.ingest.identity_key import read_arms_key
from app.lifecycle.actions import Action
from app.lifecycle.arms import Arms
from app.lifecycle.contact_policy import ContactPolicy
from app.models.held import Models
from app.scores.held import Scores


def _build(resources: Resources) -> None:
    driver = resources.open_driver()
    settings = resources.settings
    book = ContactBook(settings)
    receipts: Receipts = resources.gather("receipts", partial(keep_decisions, driver, book))
    arms = Arms(settings.control_share, settings.usual_share, read_arms_key(settings))
    resources.hold(Decisions(settings, resources.of(Scores), receipts, arms, book, resources.of(Models)))
    resources.of(Models).gates |= gates_of(settings)
    resources.plan(driver, WRITE_DECISIONS)
    for statement, scalars in SETTLING.items():
        resources.plan(driver, statement, **scalars)


async def _refresh(resources: Resources) -> None:
    async with resources.of(Decisions).changing(resources.engine):
        pass


def _releasing(resources: Resources) -> Coroutine[Any, Any, None]:
    return keep_releasing(resources.engine)


def _watch_policies(resources: Resources) -> Coroutine[Any, Any, None] | None:
    settings = resources.settings
    return keep_watching_policies(resources.surveys, settings) if settings.monitoring_hours else None


async def _check(resources: Resources, connection: AsyncConnection) -> Checks:
    return {**await check_arms(resources, connection), **await check_policies(connection)}


async def _gauges(resources: Resources, connection: AsyncConnection) -> Iterable[GaugeValue]:
    return [*await arm_gauges(resources, connection), *await policy_gauges(connection)]


def _watch_arms(resources: Resources) -> Coroutine[Any, Any, None] | None:
    return keep_watching_arms(resources.engine) if resources.settings.monitoring_hours else None


PART = Part(
    "decisions",
    routers=(
        router,
        outcomes,
        effects,
        policies,
        receipts,
        delivery,
        actions,
        versions,
        simulation,
        contact_policy,
        tests,
    ),
    schemas=(DecisionIn, DeliverIn, Action, SimulationIn, ContactPolicy, OutcomeIn, PolicyIn, SplitTestIn),
    build=_build,
    refresh=_refresh,
    background=(
        BackgroundTask("arms", _watch_arms),
        BackgroundTask("policies", _watch_policies),
        BackgroundTask("contacts", _releasing),
    ),
    check_stored=_check,
    stored_gauges=_gauges,
)
