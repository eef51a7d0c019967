"""Many actions beside one customer: those that need a closer look, found without looking at each.

Least risks and values, and the numbers that conditions compare facts with, are sorted beforehand: what a customer does
not reach is a slice of them. Any other condition is tested once, however many actions ask it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from app.lifecycle.condition_tests import Known, Test
from app.lifecycle.conditions import Requirement

Bars = tuple[str, Any, str, str, float, float, int, Requirement | None]
"""What may hold an action back: its id, group, purpose, complaint, least risk and value, cool-down in microseconds, and
what it requires of the customer."""
_CUTS: Final[Mapping[str, tuple[Callable[[Sequence[float], float], int], bool]]] = {
    "at_least": (bisect_right, True),
    "above": (bisect_left, True),
    "at_most": (bisect_left, False),
    "below": (bisect_right, False),
}
"""Where the bounds are cut that a number does not keep, and whether these are behind the cut."""


class _Bounds(NamedTuple):
    """Places of actions by the bound that a number is to keep, ascending."""

    how: str
    bounds: Sequence[float]
    places: Sequence[int]

    def unmet(self, number: Any) -> Sequence[int]:
        """Places of those that it does not keep; of what is no number all."""
        if type(number) not in (float, int) or number != number:
            return self.places
        cut, is_behind = _CUTS[self.how]
        at = cut(self.bounds, number)
        return self.places[at:] if is_behind else self.places[:at]


def _bounds_of(how: str, told: Sequence[tuple[float, int]]) -> _Bounds:
    ordered = sorted(told)
    return _Bounds(how, [bound for bound, _ in ordered], [place for _, place in ordered])


class Sieve:
    """Actions by what may hold them back. `kinds` are the groups, purposes and complaints that there are, `kind_of` the
    kind of each action, `at` the places of actions, `longest_us` the longest cool-down."""

    __slots__ = ("_by_fact", "_risks", "_tests", "_values", "at", "has_conditions", "kind_of", "kinds", "longest_us")

    def __init__(self, bars: Sequence[Bars]) -> None:
        numbers: dict[tuple[Any, str, str], int] = {}
        self.kind_of = [numbers.setdefault((each[1], each[2], each[3]), len(numbers)) for each in bars]
        self.kinds = list(numbers)
        self.at = {each[0]: place for place, each in enumerate(bars)}
        self.longest_us = max((each[6] for each in bars), default=0)
        self._risks = _bounds_of("at_least", [(each[4], place) for place, each in enumerate(bars) if each[4] > 0])
        self._values = _bounds_of("at_least", [(each[5], place) for place, each in enumerate(bars) if each[5] > 0])
        self._by_fact, self._tests = _conditions_of([each[7] for each in bars])
        self.has_conditions = bool(self._by_fact or self._tests)

    def catch(self, risk: float, at_stake: float, known: Known) -> set[int]:
        """Places of actions that want more risk or value, or require what is not known to hold."""
        caught = {*self._risks.unmet(risk), *self._values.unmet(at_stake)}
        for fact, bounds in self._by_fact:
            caught.update(bounds.unmet(known.get(fact)))
        for test, places in self._tests:
            if test(known) is not True:
                caught.update(places)
        return caught


def _conditions_of(
    required: Sequence[Requirement | None],
) -> tuple[list[tuple[str, _Bounds]], list[tuple[Test, list[int]]]]:
    """Bounds of numbers by the fact, and other tests; each with the places of the actions that ask it."""
    by_fact: dict[tuple[str, str], list[tuple[float, int]]] = {}
    tests: dict[str, tuple[Test, list[int]]] = {}
    for place, requires in enumerate(required):
        for clause in () if requires is None else requires.clauses:
            if clause.bound is None:
                tests.setdefault(clause.key, (clause.test, []))[1].append(place)
            else:
                fact, how, number = clause.bound
                by_fact.setdefault((fact, how), []).append((number, place))
    return [(fact, _bounds_of(how, told)) for (fact, how), told in by_fact.items()], list(tests.values())
