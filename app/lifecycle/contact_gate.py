"""What the contact policy lets through: to one customer, on one channel, at one time."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, Protocol, get_args

from app.lifecycle.actions import Action, Group
from app.lifecycle.contact_policy import GROUPS, Cap, ContactPolicy
from app.lifecycle.events import DAY_US
from app.lifecycle.leave import Consenting, Leave, LeaveCode
from app.lifecycle.measures import Channel

ContactCode = Literal[
    LeaveCode,
    "bad_csat",
    "quiet_hours",
    "cap_reached",
    "budget_spent",
    "action_cap_reached",
    "counter_busy",
]
"""Why an action is held back. `cap_reached`: the customer hears enough; `budget_spent` and `action_cap_reached`: over
all customers its money is spent, or it was given as often as it may be; `counter_busy`: somebody else is about to give
it, and it is not waited for."""
Spent = Mapping[str, ContactCode]
"""Action → why nobody is to have it any more."""
SPENT_CODES: Final = frozenset({"budget_spent", "action_cap_reached", "counter_busy"})
NONE_SPENT: Final[Spent] = {}


class Contact(NamedTuple):
    """Something that a customer was told, or is to be. `channel` and `group` None: not known."""

    action_id: str
    group: Group | None
    channel: str | None
    at_us: int


class Contactable(Consenting, Protocol):
    """What the policy needs to know of a customer."""

    @property
    def csat(self) -> float | None: ...
    @property
    def csat_us(self) -> int | None: ...
    @property
    def time_zone(self) -> str | None: ...


_FIELDS: Final = {"action": 0, "group": 1, "channel": 2}
Counts = dict[str, int]
"""Action, group or channel → how many contacts a cap has counted; of a cap of all under an empty name."""


class Gate:
    """What is let through: by the customer's leave, the group of an action and then the action. What is taken is
    counted, so that several actions of one decision keep the caps together. `counts` are of `caps`, in their order."""

    __slots__ = ("_channel", "by_action", "by_group", "caps", "counts", "leave")

    def __init__(
        self,
        leave: Leave,
        by_group: dict[Group, ContactCode],
        spent: Spent,
        channel: str,
        caps: Sequence[Cap],
        counts: Sequence[Counts],
    ) -> None:
        self.leave = leave
        self.by_group = by_group
        self.by_action = dict(spent)
        self.caps, self.counts = caps, counts
        self._channel = channel
        for cap, counted in zip(caps, counts, strict=True):
            self._close(cap, counted)

    def code(self, action: Action) -> ContactCode | None:
        """Why an action is held back; None: it is not."""
        refused = self.leave.code(action.group, action.purpose)
        return refused or self.by_group.get(action.group) or self.by_action.get(action.action_id)

    def take(self, action: Action) -> bool:
        """Counts an action that is chosen. Whether more is held back since."""
        before = len(self.by_group) + len(self.by_action)
        contact = Contact(action.action_id, action.group, self._channel, 0)
        for cap, counted in zip(self.caps, self.counts, strict=True):
            _count(cap, (contact,), counted)
            self._close(cap, counted)
        return len(self.by_group) + len(self.by_action) > before

    def _close(self, cap: Cap, counted: Counts) -> None:
        """Holds back all that a cap is of and has no room for."""
        if cap.scope in ("all", "channel"):
            if counted.get("" if cap.scope == "all" else self._channel, 0) >= cap.most:
                self._close_groups(cap.groups)
        elif cap.scope == "group":
            named = [group for group in cap.groups if cap.name in (None, group)]
            self._close_groups(group for group in named if counted.get(group, 0) >= cap.most)
        elif not cap.most and cap.name is None:
            self._close_groups(cap.groups)
        else:
            asked = counted if cap.name is None else (cap.name,)
            for action_id in (each for each in asked if counted.get(each, 0) >= cap.most):
                self.by_action.setdefault(action_id, "cap_reached")

    def _close_groups(self, groups: Iterable[Group]) -> None:
        for group in groups:
            self.by_group.setdefault(group, "cap_reached")


MINUTE_US: Final = 60 * 10**6
OffsetUs = Callable[[int, str], int]
"""(time, zone of the IANA database) → by how much its clocks are ahead of UTC then."""


def _no_offset(_at_us: int, _zone: str) -> int:
    return 0


class ContactRules:
    """A policy as it is applied: `version` is what receipts name it by, `zone` the deployment's. Without `offset_us`
    all zones are UTC."""

    def __init__(
        self,
        policy: ContactPolicy | None = None,
        *,
        version: int = 0,
        zone: str = "UTC",
        offset_us: OffsetUs = _no_offset,
    ) -> None:
        self._offset_us = offset_us
        self.policy = policy or ContactPolicy()
        self.version = version
        self.zone = self.policy.time_zone or zone
        self._caps: dict[str, tuple[Cap, ...]] = {
            channel: tuple(cap for cap in self.policy.caps if _binds(cap, channel)) for channel in get_args(Channel)
        }
        self.window_us = max((cap.window_days for cap in self.policy.caps), default=0) * DAY_US
        """How far back contacts count at most."""
        self.reserved_us = self.policy.reserved_hours * 60 * MINUTE_US

    def has_caps(self, channel: str) -> bool:
        """Whether what is on a channel is capped for a customer."""
        return bool(self._caps[channel])

    def notes(self, channel: str) -> bool:
        """Whether what is decided on a channel is to be remembered: whoever sends it asks again, or a cap counts."""
        return not self.is_shown(channel) or self.has_caps(channel)

    def is_shown(self, channel: str) -> bool:
        """Whether what is decided there counts as delivered."""
        return channel in self.policy.shown_at_once

    def gate(
        self,
        customer: Contactable,
        channel: str,
        at_us: int,
        contacts: Sequence[Contact] = (),
        spent: Spent = NONE_SPENT,
    ) -> Gate:
        """What is let through at a time to one who had these contacts, the latest first, those to come among them: no
        window that has the time in it is to have more than its cap, that of a planned one no more than that of now."""
        caps = self._caps[channel]
        counts = [_count(cap, _around(contacts, at_us, cap.window_days * DAY_US), {}) for cap in caps]
        leave, pauses = Leave(customer, channel, self.policy), self._pauses(customer, channel, at_us)
        return Gate(leave, pauses, spent, channel, caps, counts)

    def reopen(
        self, customer: Contactable, channel: str, at_us: int, counts: Sequence[Mapping[str, int]], spent: Spent
    ) -> Gate:
        """The gate of a receipt, from what its caps had counted."""
        counted = [dict(each) for each in counts]
        leave, pauses = Leave(customer, channel, self.policy), self._pauses(customer, channel, at_us)
        return Gate(leave, pauses, spent, channel, self._caps[channel], counted)

    def quiet_until_us(self, channel: str, at_us: int, zone: str | None) -> int | None:
        """When the quiet hours end that a time is in, in a customer's zone where it is known; None: it is in none."""
        spans = [span for span in self.policy.quiet_hours if channel in span.channels]
        if not spans:
            return None
        zone = zone or self.zone
        local_us = at_us + self._offset_us(at_us, zone)
        minute = local_us % DAY_US // MINUTE_US
        ends = [span.end_minute for span in spans if span.has(minute)]
        return max((self._next_us(at_us, local_us, zone, end) for end in ends), default=None)

    def _next_us(self, at_us: int, local_us: int, zone: str, minute: int) -> int:
        """When the clocks of a zone come to a minute of the day, or have leapt over it, after a time."""
        midnight_us = local_us - local_us % DAY_US
        then_us = midnight_us + minute * MINUTE_US
        if then_us <= local_us:
            then_us += DAY_US
        unchanged_us = at_us + then_us - local_us
        changed_us = then_us - self._offset_us(unchanged_us, zone)
        is_told = changed_us + self._offset_us(changed_us, zone) == then_us
        return changed_us if is_told else unchanged_us

    def day(self, at_us: int) -> int:
        """The day of the deployment's zone that a time is on: how many there were since 1970."""
        return (at_us + self._offset_us(at_us, self.zone)) // DAY_US

    def reasons(
        self, action: Action, customer: Contactable, channel: str, at_us: int, contacts: Sequence[Contact] = ()
    ) -> frozenset[ContactCode]:
        """All that holds an action back, each by itself, whereas a gate tells the first; what is spent is not asked."""
        caps = self._caps[channel]
        counts = [_count(cap, _around(contacts, at_us, cap.window_days * DAY_US), {}) for cap in caps]
        leave = Leave(customer, channel, self.policy)
        gate = Gate(leave, {}, NONE_SPENT, channel, caps, counts)
        capped = gate.by_group.get(action.group) or gate.by_action.get(action.action_id)
        found = {code for groups, code in self._reasons(customer, channel, at_us) if action.group in groups}
        found.update(leave.codes(action.group, action.purpose))
        return frozenset(found if capped is None else found | {capped})

    def _pauses(self, customer: Contactable, channel: str, at_us: int) -> dict[Group, ContactCode]:
        """Group → why nothing of it is let through: the first reason there is."""
        reasons = self._reasons(customer, channel, at_us)
        return {group: code for groups, code in reversed(reasons) for group in groups}

    def _reasons(
        self, customer: Contactable, channel: str, at_us: int
    ) -> Sequence[tuple[Collection[Group], ContactCode]]:
        """Why nothing of some groups is let through now, whatever it is."""
        reasons: list[tuple[Collection[Group], ContactCode]] = []
        if self._is_displeased(customer, at_us):
            reasons.append((self.policy.paused_by_bad_csat, "bad_csat"))
        if self.quiet_until_us(channel, at_us, customer.time_zone) is not None:
            reasons.append((GROUPS, "quiet_hours"))
        return reasons

    def _is_displeased(self, customer: Contactable, at_us: int) -> bool:
        if customer.csat is None or customer.csat_us is None or customer.csat > self.policy.bad_csat:
            return False
        return at_us - customer.csat_us < self.policy.bad_csat_days * DAY_US


def _binds(cap: Cap, channel: str) -> bool:
    return channel in cap.channels and not (cap.scope == "channel" and cap.name not in (None, channel))


def _around(contacts: Sequence[Contact], at_us: int, window_us: int) -> Iterable[Contact]:
    """Those nearer to a time than a window."""
    since_us, until_us = at_us - window_us, at_us + window_us
    for contact in contacts:
        if contact[3] <= since_us:
            return
        if contact[3] < until_us:
            yield contact


def _count(cap: Cap, contacts: Iterable[Contact], counted: Counts) -> Counts:
    """Adds what a cap counts of contacts."""
    field, name, channels, groups = _FIELDS.get(cap.scope), cap.name, cap.channels, cap.groups
    for contact in contacts:
        _, group, channel, _ = contact
        if (channel is not None and channel not in channels) or (group is not None and group not in groups):
            continue
        place = "" if field is None else contact[field]
        if isinstance(place, str) and name in (None, place):
            counted[place] = counted.get(place, 0) + 1
    return counted
