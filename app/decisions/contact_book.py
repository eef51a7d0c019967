"""The contact policy in force, and which actions are used up, as far as is known without asking."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import ceil, floor
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.decisions import contact_policy_queries
from app.decisions.reservation_queries import open_counters, read_counters
from app.foundation.settings import Settings
from app.foundation.zones import offset_us
from app.lifecycle.actions import Action, Group
from app.lifecycle.contact_gate import NONE_SPENT, ContactCode, ContactRules, Spent


class Limits(NamedTuple):
    """What an action may be given over all customers; None: any. Money in minor units, `cost_minor` of one."""

    cost_minor: int
    budget_minor: int | None
    total_cap: int | None
    daily_cap: int | None

    @property
    def are_none(self) -> bool:
        """Whether nothing needs to be counted."""
        return self.budget_minor is None and self.total_cap is None and self.daily_cap is None


class ContactPage(NamedTuple):
    """What is known of contacts at one time: `limits` of the actions that have any, `groups` of all."""

    rules: ContactRules
    limits: Mapping[str, Limits] = {}
    groups: Mapping[str, Group] = {}
    spent: Spent = NONE_SPENT


class ContactBook:
    """What a process knows of contacts without asking, as far as it was told. Whoever awaits anything in between keeps
    to the `page` of the beginning: another takes its place."""

    def __init__(self, settings: Settings) -> None:
        self.page = ContactPage(ContactRules(zone=settings.time_zone, offset_us=offset_us))
        self._zone, self._unit = settings.time_zone, 10**settings.digits

    @property
    def rules(self) -> ContactRules:
        """Those of now."""
        return self.page.rules

    def note_spent(self, action_id: str, code: ContactCode) -> None:
        """Remembers that an action is used up, until the counters are read anew."""
        self.page = self.page._replace(spent={**self.page.spent, action_id: code})

    async def refresh(self, connection: AsyncConnection, actions: Sequence[Action], now_us: int) -> None:
        """Reads the policy and the counters, and begins to count what is new in the catalogue."""
        rules = await self.read_rules(connection)
        limits = {action.action_id: each for action in actions if not (each := self.limits_of(action)).are_none}
        await open_counters(connection, list(limits))
        rows = await read_counters(connection) if limits else []
        day = rules.day(now_us)
        codes = {row.action_id: spent_code(limits[row.action_id], row, day) for row in rows if row.action_id in limits}
        spent = {action_id: code for action_id, code in codes.items() if code is not None}
        self.page = ContactPage(rules, limits, {action.action_id: action.group for action in actions}, spent)

    async def read_rules(self, connection: AsyncConnection) -> ContactRules:
        """The policy in force; the same object where it is that of now."""
        version = await contact_policy_queries.read_latest(connection)
        if version is None:
            return ContactRules(zone=self._zone, offset_us=offset_us) if self.rules.version else self.rules
        if version.version == self.rules.version:
            return self.rules
        return ContactRules(version.policy, version=version.version, zone=self._zone, offset_us=offset_us)

    def limits_of(self, action: Action) -> Limits:
        """What an action may be given over all customers. A cost of less than a minor unit takes a whole one of the
        budget: it is never exceeded."""
        budget = None if action.budget is None else floor(_exactly(action.budget) * self._unit)
        return Limits(ceil(_exactly(action.cost) * self._unit), budget, action.total_cap, action.daily_cap)


def _exactly(amount: float) -> Decimal:
    """As it was written: .07 is not a little more."""
    return Decimal(repr(amount))


def spent_code(limits: Limits, counter: Any, day: int) -> ContactCode | None:
    """Why an action cannot be given once more; None: it can."""
    if still_given(limits._replace(total_cap=None, daily_cap=None), counter, day) == 0:
        return "budget_spent"
    return "action_cap_reached" if still_given(limits, counter, day) == 0 else None


def still_given(limits: Limits, counter: Any, day: int) -> int | None:
    """How often an action may still be given, over all customers; None: any. `counter` None: it never was. A counter
    of a later day, by a clock that is ahead, counts for this one."""
    given, spent_minor = (0, 0) if counter is None else (counter.given, counter.spent_minor)
    on_day = counter.given_on_day if counter is not None and counter.day >= day else 0
    left = [limits.total_cap - given] if limits.total_cap is not None else []
    left += [limits.daily_cap - on_day] if limits.daily_cap is not None else []
    if limits.budget_minor is not None and limits.cost_minor:
        left.append((limits.budget_minor - spent_minor) // limits.cost_minor)
    return max(min(left), 0) if left else None
