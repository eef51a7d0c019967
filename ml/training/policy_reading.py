"""The database → what a policy is learned of and judged on."""

import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.customers.teaching_queries import find_refusing_ids
from app.database.engine import transaction
from app.decisions.catalogue_queries import read_catalogue
from app.decisions.outcome_queries import Rewarding, read_log
from app.foundation.settings import Settings
from app.ingest.queries import has_demo_events
from app.lifecycle.events import DAY_US
from app.models import queries
from app.models.artefact import ArtefactRefused
from app.models.kinds import POLICY
from app.models.policy_artefact import PolicyModel
from app.models.service import load_stored
from ml.data.decisions import read_decisions
from ml.training.policies import PolicyTraining

DAYS: Final = 180
"""Decisions of so many days teach, if nobody says otherwise."""


async def read_training(engine: AsyncEngine, settings: Settings, days: int = DAYS) -> PolicyTraining:
    """Of the decisions of so many days until now."""
    now_us = time.time_ns() // 1000
    since_us = now_us - days * DAY_US
    async with transaction(engine) as connection:
        catalogue = await read_catalogue(connection)
        refusing = await find_refusing_ids(connection)
        rows = await read_log(connection, since_us, now_us, now_us, Rewarding.of(settings))
        is_demo, held = await has_demo_events(connection), await queries.read_champion(connection, POLICY)
        champion = None if held is None else await _read_policy(connection, held.version)
    groups = {action.action_id: action.group for action in catalogue.actions}
    since, until = (datetime.fromtimestamp(us / 1e6, UTC) for us in (since_us, now_us))
    told = {"digest": catalogue.digest, "version": catalogue.version}
    rates = {action.action_id: action.response_rate for action in catalogue.actions}
    in_force = (None if champion is None else champion.effects, None if held is None else held.version)
    log = read_decisions([row for row in rows if not _is_refusing(row, refusing)], groups, rates)
    return PolicyTraining(log, groups, since, until, settings.attribution_days, told, is_demo, *in_force)


def _is_refusing(row: Any, refusing: Collection[str]) -> bool:
    """Whether a decision is of somebody who refuses profiling, or did so then."""
    return row.customer_id in refusing or bool(row.receipt["customer"].get("refuses_profiling"))


async def _read_policy(connection: AsyncConnection, version: str) -> PolicyModel | None:
    """None: it cannot be read."""
    try:
        model = await load_stored(connection, version)
    except ArtefactRefused:
        return None
    return model if isinstance(model, PolicyModel) else None
