"""How many of today's customers an action would be for. It is only read: no cap, offer, contact or receipt changes."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from app.customers.service import read_states
from app.customers.state import CustomerState
from app.database.background import cut, yield_to_requests
from app.database.engine import CONNECTION_LOST, Driver, fetch
from app.decisions.contact_book import ContactBook, still_given
from app.decisions.contact_queries import READ_CONTACTS
from app.decisions.service import Deciding, customer_context
from app.decisions.simulation_queries import COUNT_PERSONS, DRAW_PERSONS
from app.foundation.errors import NotReady
from app.lifecycle.actions import Action, ActionCatalogue
from app.lifecycle.contact_gate import Contact
from app.lifecycle.decisions import CustomerContext, DecisionOptions
from app.lifecycle.simulations import Case, Step, Tally, met, steps_of
from app.scores.publishing_queries import BEGIN_SNAPSHOT
from app.scores.service import Score, score_states

MOST_PERSONS: Final = 20_000
"""How many are looked at."""
READ_AT_ONCE: Final = 100
JUDGED_AT_ONCE: Final = 25
"""Between two looks at who else waits: two or three milliseconds."""
LOOKED_THROUGH_S: Final = 60.0
"""How long the ids of everybody may take to be looked through."""
SHARE: Final = 0.5
"""Of the event loop's time that is taken."""


class Simulated(NamedTuple):
    """What an action would be asked of, and on which channels."""

    action: Action
    channels: Sequence[str]
    context: Mapping[str, Any]


class Simulation(NamedTuple):
    """`customers` are all that are known; those looked at are in the tally. `left`: how often the action may still be
    given; None: any."""

    customers: int
    left: int | None
    steps: Sequence[Step]
    tally: Tally


async def simulate(
    driver: Driver, asked: Simulated, deciding: Deciding, left: int | None, now_us: int, most: int
) -> Simulation:
    """In one snapshot that nothing can be written by, on a driver of its own. Who is drawn is so all day."""
    judging = _Judging(driver, asked, _alone(asked.action, deciding), left, now_us)
    try:
        connection = await driver.connection()
        await connection.execute(BEGIN_SNAPSHOT)
        (counted,) = await fetch(connection, COUNT_PERSONS, {}, LOOKED_THROUGH_S)
        drawing = {"seed": deciding.book.rules.day(now_us), "most": most}
        drawn = await fetch(connection, DRAW_PERSONS, drawing, LOOKED_THROUGH_S)
        await judging.judge([row["person_id"] for row in drawn])
        await connection.execute("COMMIT")
    except CONNECTION_LOST as error:
        raise NotReady("The database is out of reach.") from error
    return Simulation(counted["persons"], left, judging.steps, judging.tally)


def _alone(action: Action, deciding: Deciding) -> Deciding:
    """With an action alone, and as nobody is tested."""
    return deciding._replace(catalogue=ActionCatalogue((action,)), tests=None)


class _Judging:
    """An action put to customers, one after the other."""

    def __init__(self, driver: Driver, asked: Simulated, deciding: Deciding, left: int | None, now_us: int) -> None:
        self.steps = steps_of(asked.action)
        self.tally = Tally(len(self.steps))
        self._driver = driver
        self._asked = asked
        self._deciding = deciding
        self._page = deciding.book.page
        self._left = left
        self._now_us = now_us

    async def judge(self, person_ids: Sequence[str]) -> None:
        """Counts these, giving way to requests."""
        async for states, contacts in self._read(person_ids):
            for some in cut(states, JUDGED_AT_ONCE):
                began_s = time.perf_counter()
                for score in score_states(some, self._now_us, self._deciding.scoring, explained=False):
                    self.tally.add(self._met(score, contacts.get(score.state.customer_id, ())))
                await yield_to_requests(began_s, SHARE)

    async def _read(
        self, person_ids: Sequence[str]
    ) -> AsyncIterator[tuple[list[CustomerState], Mapping[str, Sequence[Contact]]]]:
        for some in cut(person_ids, READ_AT_ONCE):
            states = [state for state in await read_states(self._driver, some) if state is not None]
            yield states, await self._read_contacts(some) if self._is_bound_anywhere() else {}
            await asyncio.sleep(0)

    async def _read_contacts(self, person_ids: Sequence[str]) -> dict[str, list[Contact]]:
        """Person → contacts that caps count, the latest first."""
        action = self._asked.action
        groups = {**self._page.groups, action.action_id: action.group}
        since_us = self._now_us - self._page.rules.window_us
        rows = await self._driver.fetch(
            READ_CONTACTS, customer_ids=list(person_ids), since_us=since_us, now_us=self._now_us
        )
        told: dict[str, list[Contact]] = {}
        for person_id, action_id, channel, at_us in rows:
            told.setdefault(person_id, []).append(Contact(action_id, groups.get(action_id), channel, at_us))
        return told

    def _met(self, score: Score, contacts: Sequence[Contact]) -> list[list[bool]]:
        action, told = self._asked.action, score.state.offered_us()
        customer = customer_context(score, self._deciding, told, DecisionOptions(self._asked.channels[0], 1))
        cases = [self._case(customer, contacts, channel) for channel in self._asked.channels]
        return met(action, self.steps, cases)

    def _case(self, customer: CustomerContext, contacts: Sequence[Contact], channel: str) -> Case:
        action_id, deciding = self._asked.action.action_id, self._deciding
        theirs = contacts if self._is_bound(channel) else ()
        offers = [contact.at_us for contact in theirs if contact.action_id == action_id]
        offers += [customer.offered_us[action_id]] if action_id in customer.offered_us else []
        return Case(
            customer,
            DecisionOptions(channel, 1, context=self._asked.context),
            self._now_us,
            theirs,
            max(offers, default=None),
            self._left == 0,
            self._page.rules,
            deciding.policy,
        )

    def _is_bound(self, channel: str) -> bool:
        """Whether a decision would look at contacts: where they are capped, or the action is."""
        return self._page.rules.has_caps(channel) or self._left is not None

    def _is_bound_anywhere(self) -> bool:
        return any(map(self._is_bound, self._asked.channels))


def counter_of(action: Action, book: ContactBook, counters: Sequence[Any], now_us: int) -> int | None:
    """`still_given` of an action, by all counters as they stand."""
    counter = next((each for each in counters if each.action_id == action.action_id), None)
    return still_given(book.limits_of(action), counter, book.rules.day(now_us))
