"""The till's transaction as the service runs it: whatever counts events goes through it."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from app.checkout.envelope import CheckoutIn
from app.checkout.router import router
from app.checkout.transaction import STEPS, Transactions
from app.database.gatherer import Gatherer
from app.database.long_work import LongWork
from app.decisions.held import Decisions
from app.foundation.errors import NotReady
from app.http.resources import Part, Resources
from app.ingest.intake import Entry, Intake, Submission
from app.ingest.left_keys import LeftKeys
from app.ingest.rules import Rules
from app.lifecycle.tombstones import Tombstones
from app.loyalty.held import Loyalty

BULK_PATIENCE_S = 10.0
BULK_QUEUE = 64
"""Batches that may wait: each holds up to 1 MiB of what was sent, several times that in memory."""
TRANSACTION_S = 2.0
"""After which a batch's transaction is given up."""
TILL_LANES = 2


def _build(resources: Resources) -> None:
    rules = Rules.read(resources.settings)
    lane = partial(_open_lane, resources, rules)
    bulk = lane("bulk", long_work=resources.long_work, weigh=_weigh, queue_limit=BULK_QUEUE, patience_s=BULK_PATIENCE_S)
    tills = [lane("till") for _ in range(TILL_LANES)]
    resources.hold(Intake(rules, tills, bulk, resources.long_work))


def _open_lane(
    resources: Resources, rules: Rules, name: str, long_work: LongWork | None = None, **limits: Any
) -> Gatherer[Submission, Entry]:
    """Transactions on a connection of their own, and what waits for them; those of `long_work` in its turns."""
    driver = resources.open_driver()
    for step in STEPS:
        for statement, scalars in step.statements.items():
            resources.plan(driver, statement, **scalars)
    deciding, tombstones = resources.of(Decisions).deciding, Tombstones(rules.identity_key, rules.former_keys)
    keys = LeftKeys(rules.lasting_key)
    loyalty = resources.of(Loyalty)
    given = (driver, rules.orders, deciding, rules.items_kept, tombstones, keys, lambda: loyalty.is_on)
    transactions = Transactions(*given)
    enter = transactions.enter if long_work is None else partial(_enter_in_turn, transactions, long_work)
    return resources.gather(name, enter, **limits)


async def _enter_in_turn(
    transactions: Transactions, long_work: LongWork, submissions: Sequence[Submission]
) -> list[Entry | Exception]:
    """Raises NotReady for a transaction that takes too long, as behind a lock: the others wait for their turn."""
    async with long_work.turn():
        try:
            async with asyncio.timeout(TRANSACTION_S):
                return await transactions.enter(submissions)
        except TimeoutError as error:
            raise NotReady("The database takes too long.") from error


def _weigh(submission: Submission) -> int:
    return 1 + len(submission.events)


PART = Part("checkout", routers=(router,), schemas=(CheckoutIn,), build=_build)
