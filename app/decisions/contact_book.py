"""The contact policy in force, and which actions are used up, as far as is known without asking."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.decisions import contact_policy_queries
from app.decisions.reservation_queries import open_counters, read_counters
from app.foundation.settings import Settings
from app.foundation.zones import offset_us
from app.lifecycle.actions import Action, Group
from app.lifecycle.contact_gate import ContactCode, ContactRules


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


class ContactBook:
    """What a process knows of contacts without asking: `rules`, `limits` of the actions that have any, `groups` of all,
    and which of them are `spent`, as far as it was told."""

    def __init__(self, settings: Settings) -> None:
        self.rules = ContactRules(zone=settings.time_zone, offset_us=offset_us)
        self.limits: Mapping[str, Limits] = {}
        self.groups: Mapping[str, Group] = {}
        self.spent: dict[str, ContactCode] = {}
        self._zone, self._unit = settings.time_zone, 10**settings.digits

    def follow(self, actions: Iterable[Action]) -> None:
        """Takes the limits of a catalogue, whose counters have been opened."""
        actions = list(actions)
        limits = {action.action_id: self.limits_of(action) for action in actions}
        self.limits = {action_id: each for action_id, each in limits.items() if not each.are_none}
        self.groups = {action.action_id: action.group for action in actions}

    async def refresh(self, connection: AsyncConnection, actions: Sequence[Action], now_us: int) -> None:
        """Reads the policy and the counters, and begins to count what is new in the catalogue."""
        version = await contact_policy_queries.read_latest(connection)
        if version is not None and version.version != self.rules.version:
            self.rules = ContactRules(version.policy, version=version.version, zone=self._zone, offset_us=offset_us)
        elif version is None and self.rules.version:
            self.rules = ContactRules(zone=self._zone, offset_us=offset_us)
        await open_counters(connection, [action.action_id for action in actions if not self.limits_of(action).are_none])
        self.follow(actions)
        rows = await read_counters(connection) if self.limits else []
        day = self.rules.day(now_us)
        codes = {
            row.action_id: spent_code(self.limits[row.action_id], row, day)
            for row in rows
            if row.action_id in self.limits
        }
        self.spent = {action_id: code for action_id, code in codes.items() if code is not None}

    def limits_of(self, action: Action) -> Limits:
        """What an action may be given over all customers."""
        budget = None if action.budget is None else round(action.budget * self._unit)
        return Limits(round(action.cost * self._unit), budget, action.total_cap, action.daily_cap)


def spent_code(limits: Limits, counter: Any, day: int) -> ContactCode | None:
    """Why an action cannot be given once more; None: it can."""
    if limits.budget_minor is not None and counter.spent_minor + limits.cost_minor > limits.budget_minor:
        return "budget_spent"
    on_day = counter.given_on_day if counter.day == day else 0
    capped = ((limits.total_cap, counter.given), (limits.daily_cap, on_day))
    return "action_cap_reached" if any(cap is not None and given >= cap for cap, given in capped) else None
