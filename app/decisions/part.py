"""Decisions as the service runs them."""

from functools import partial

from app.database.engine import transaction
from app.decisions.held import Decisions
from app.decisions.keeping import Receipts, keep_decisions
from app.decisions.queries import WRITE_DECISIONS, read_actions
from app.decisions.receipts_router import router as receipts
from app.decisions.router import actions, router
from app.decisions.schemas import DecisionIn
from app.http.resources import Part, Resources
from app.lifecycle.actions import Action, ActionCatalogue
from app.scores.held import Scores


def _build(resources: Resources) -> None:
    driver = resources.open_driver()
    receipts: Receipts = resources.gather("receipts", partial(keep_decisions, driver))
    resources.hold(Decisions(resources.settings, resources.of(Scores), receipts))
    resources.plan(driver, WRITE_DECISIONS)


async def _refresh(resources: Resources) -> None:
    async with transaction(resources.engine) as connection:
        resources.of(Decisions).catalogue = ActionCatalogue(await read_actions(connection))


PART = Part(
    "decisions", routers=(router, receipts, actions), schemas=(DecisionIn, Action), build=_build, refresh=_refresh
)
