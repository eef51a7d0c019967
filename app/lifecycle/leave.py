"""A customer's leave: whether they let themselves be approached at all, whatever else the contact policy says."""

from collections.abc import Iterator, Mapping
from typing import Literal, Protocol

from app.lifecycle.actions import Group
from app.lifecycle.consents import SERVING, Consents, may_be_told
from app.lifecycle.contact_policy import ContactPolicy

LeaveCode = Literal["profiling_opt_out", "no_consent"]


class Consenting(Protocol):
    """What a customer said of it."""

    @property
    def consents(self) -> Mapping[str, bool]: ...
    @property
    def purposes(self) -> Consents: ...
    @property
    def refuses_profiling(self) -> bool: ...


class Leave:
    """Of one customer on one channel, by the group of an action and its purpose."""

    __slots__ = ("_channel", "_customer", "_known", "_policy")

    def __init__(self, customer: Consenting, channel: str, policy: ContactPolicy) -> None:
        self._customer, self._channel, self._policy = customer, channel, policy
        self._known: dict[tuple[Group, str], LeaveCode | None] = {}

    def code(self, group: Group, purpose: str) -> LeaveCode | None:
        """Why nothing of a group is let through for a purpose; None: it is."""
        kind = (group, purpose)
        if kind not in self._known:
            self._known[kind] = next(self.codes(group, purpose), None)
        return self._known[kind]

    def codes(self, group: Group, purpose: str) -> Iterator[LeaveCode]:
        """All that speaks against it."""
        customer, served_as = self._customer, "service" if purpose in SERVING else group
        is_asked = served_as in self._policy.marketing_groups
        if customer.refuses_profiling and group in self._policy.profiled_groups:
            yield "profiling_opt_out"
        if not may_be_told(purpose, self._channel, customer.consents, customer.purposes, is_asked=is_asked):
            yield "no_consent"
