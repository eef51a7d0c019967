"""Why actions are not for a customer: what is the same for all is looked up once, the rest where it is caught."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from app.lifecycle.actions import Candidates
from app.lifecycle.condition_tests import Known
from app.lifecycle.conditions import Unmet
from app.lifecycle.contact_gate import ContactCode, Gate
from app.lifecycle.sieves import Bars, Sieve
from app.lifecycle.tact import TactCode

ComplaintCode = Literal["no_open_complaint", "no_resolved_complaint", "open_complaint"]
SuppressionCode = Literal[
    "excluded",
    ComplaintCode,
    "risk_too_low",
    "value_too_low",
    TactCode,
    "condition_unknown",
    "condition_failed",
    ContactCode,
    "cooling_down",
    "items_unseen",
    "no_items",
    "no_gain",
    "control_group",
    "other_side",
]


class Look:
    """Of one customer and request: codes by the `complaint` of an action and by its group, the contact policy's `gate`,
    what risks, values and conditions are compared with, and the actions that are named by themselves."""

    __slots__ = (
        *("_complaints", "_exclude", "_gate", "_known", "_now_us", "_offered_us", "_risk", "_spent", "_stake"),
        *("_tact", "_unmet", "_without_items"),
    )

    def __init__(
        self,
        complaints: Mapping[str, ComplaintCode | None],
        tact: Mapping[Any, TactCode | None],
        gate: Gate,
        risk: float,
        at_stake: float,
        known: Known,
        exclude: Collection[str],
        offered_us: Mapping[str, int],
        now_us: int,
        without_items: Mapping[str, Any],
    ) -> None:
        self._complaints, self._tact, self._gate = complaints, tact, gate
        self._risk, self._stake, self._known, self._unmet = risk, at_stake, known, Unmet(known)
        self._exclude, self._spent, self._without_items = exclude, gate.by_action, without_items
        self._offered_us, self._now_us = offered_us, now_us

    def codes_of(self, candidates: Candidates) -> list[SuppressionCode | None]:
        """Of each in its order: by its kind, but for those that something of their own may hold back."""
        sieve, bars = candidates.sieve, candidates.bars
        alike: list[SuppressionCode | None]
        alike = [
            self._complaints[complaint] or self._tact[group] or self._contact_code(group, purpose)
            for group, purpose, complaint in sieve.kinds
        ]
        codes = [alike[kind] for kind in sieve.kind_of]
        caught = sieve.catch(self._risk, self._stake, self._known)
        caught.update(self._named(sieve))
        for place in caught:
            codes[place] = self.code_of(bars[place])
        return codes

    def _named(self, sieve: Sieve) -> list[int]:
        """Places of actions that are named: excluded, used up, without items, or offered of late."""
        at, offered_us, since_us = sieve.at, self._offered_us, self._now_us - sieve.longest_us
        both = (at, offered_us) if len(at) < len(offered_us) else (offered_us, at)
        named = [each for each in both[0] if each in both[1] and offered_us[each] > since_us]
        if self._exclude or self._spent or self._without_items:
            named += [each for each in (*self._exclude, *self._spent, *self._without_items) if each in at]
        return [at[each] for each in named]

    def code_of(self, bars: Bars) -> SuppressionCode | None:
        """The first code that applies; None: none does."""
        action_id, group, purpose, complaint, min_risk, min_value, cool_down_us, requires = bars
        if action_id in self._exclude:
            return "excluded"
        if code := self._complaints[complaint]:
            return code
        if min_risk > self._risk:
            return "risk_too_low"
        if min_value > self._stake:
            return "value_too_low"
        out_of_place = self._tact[group] or (None if requires is None else self._unmet[requires])
        return out_of_place or self._contact_code(group, purpose) or self._own_code(action_id, cool_down_us)

    def _contact_code(self, group: Any, purpose: str) -> ContactCode | None:
        return self._gate.leave.code(group, purpose) or self._gate.by_group.get(group)

    def _own_code(self, action_id: str, cool_down_us: int) -> SuppressionCode | None:
        if action_id in self._spent:
            return self._spent[action_id]
        offered_us = self._offered_us.get(action_id)
        if offered_us is not None and cool_down_us and self._now_us - offered_us < cool_down_us:
            return "cooling_down"
        return self._without_items.get(action_id)
