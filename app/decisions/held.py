"""What the running service decides with."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.engine import transaction
from app.decisions.carrying import FindLacking, LackingOf, Suggest
from app.decisions.catalogue_queries import Mark, read_catalogue, read_mark
from app.decisions.contact_book import ContactBook
from app.decisions.keeping import Receipts
from app.decisions.service import Deciding
from app.decisions.split_testing import hold_tests
from app.decisions.split_tests import RunningTests
from app.foundation.settings import Settings
from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.arms import Arms
from app.models.held import Models
from app.scores.held import Scores

HOUR_US: Final = 3_600_000_000


class Decisions:
    """The catalogue of actions, read anew every few seconds, and where receipts wait to be written.

    `suggest` gives the items that actions carry, `find_lacking` and `lacking_of` tell which have none: whoever
    recommends sets them.
    """

    def __init__(
        self, settings: Settings, scores: Scores, receipts: Receipts, arms: Arms, book: ContactBook, models: Models
    ) -> None:
        self.catalogue = ActionCatalogue(())
        self.receipts = receipts
        self.arms = arms
        self.book = book
        self.suggest: Suggest | None = None
        self.find_lacking: FindLacking | None = None
        self.lacking_of: LackingOf | None = None
        self.tests: RunningTests | None = None
        self.simulating = asyncio.Lock()
        """One simulation at a time takes its share of a process."""
        self._changing = asyncio.Lock()
        self._mark: Mark | None = None
        self._settings = settings
        self._scores = scores
        self._models = models

    @asynccontextmanager
    async def changing(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """A transaction at whose end the catalogue, the contact policy and the tests are read anew. One at a time in a
        process: what one read before another committed does not take its place."""
        async with self._changing, transaction(engine) as connection:
            yield connection
            await self._refresh(connection)

    async def _refresh(self, connection: AsyncConnection) -> None:
        """What is limited is counted before it is offered. A catalogue that has not changed is not made again."""
        mark = await read_mark(connection)
        catalogue = self.catalogue if mark == self._mark else await read_catalogue(connection)
        now_us = time.time_ns() // 1000
        await self.book.refresh(connection, catalogue.actions, now_us)
        self.tests = await hold_tests(connection, self.arms.secret, now_us, self.tests)
        self.catalogue, self._mark = catalogue, mark

    def deciding(self) -> Deciding:
        """What decisions are made with now."""
        settings = self._settings
        policy = settings.decision_policy
        scoring, typical_order = self._scores.scoring(), settings.typical_order
        return Deciding(
            scoring,
            self.catalogue,
            policy,
            typical_order,
            settings.warning_risk,
            self.book,
            self.lacking_of,
            self.arms,
            settings.activation_hours * HOUR_US,
            self._models.policy_champion,
            self.tests,
        )
