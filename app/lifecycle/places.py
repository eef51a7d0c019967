"""Places: who of those that may be chosen has which, with known probability."""

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from app.lifecycle.actions import Action
from app.lifecycle.contact_gate import ContactCode, Gate
from app.lifecycle.exploration import draw_place, selection_probabilities

Eligible = tuple[float, int, str, Action]
"""The worth of an action before its `Standing`: precedence, id and the action."""
_WORTH, _PRECEDENCE, _ACTION_ID = map(itemgetter, range(3))


class Chosen(NamedTuple):
    """An action, its worth in margin (major units) and the probability of choosing it for its place."""

    action: Action
    expected_value: float
    selection_probability: float


def order(eligible: Sequence[Eligible]) -> list[Eligible]:
    """By precedence, then the greatest worth, then the action's id: by the last first, since sorting keeps the order of
    equals, and compares numbers faster than tuples."""
    ordered = sorted(eligible, key=_ACTION_ID)
    ordered.sort(key=_WORTH, reverse=True)
    ordered.sort(key=_PRECEDENCE)
    return ordered


def with_equals(ranked: Sequence[Eligible], places: int) -> Sequence[Eligible]:
    """Those of the ordered that may be drawn for the first places, worth for worth: what equals the last is among
    them."""
    if not 0 < places < len(ranked):
        return ranked[:places]
    last = ranked[places - 1][:2]
    return [each for at, each in enumerate(ranked) if at < places or each[:2] == last]


def first_chances(ranked: Sequence[Eligible], exploration: float) -> dict[str, float]:
    """Action → the probability with which it is given the first place; empty: nothing may be chosen."""
    rivals = [each for each in ranked if each[1] == ranked[0][1]]
    told = selection_probabilities([worth for worth, _, _, _ in rivals], exploration) if rivals else []
    return {action_id: chance for (_, _, action_id, _), chance in zip(rivals, told, strict=True)}


def fill(
    ranked: list[Eligible], places: int, exploration: float, seed: str, gate: Gate
) -> tuple[list[Chosen], list[tuple[str, ContactCode]]]:
    """Those chosen of the ordered, and those held back since these were. Of what is worth nothing chance may choose one
    beside what is worth something; where nothing is left that is, places stay empty."""
    chosen: list[Chosen] = []
    crowded_out: list[tuple[str, ContactCode]] = []
    while ranked and ranked[0][0] > 0 and len(chosen) < places:
        foremost = ranked[0][1]
        rivals = [each[0] for each in ranked]
        if ranked[-1][1] != foremost:
            rivals = [worth for worth, precedence, _, _ in ranked if precedence == foremost]
        at, probability = draw_place(rivals, exploration, seed, len(chosen))
        worth, _, _, action = ranked.pop(at)
        chosen.append(Chosen(action, worth, probability))
        if len(chosen) < places and gate.take(action):
            crowded_out += [(action_id, code) for _, _, action_id, other in ranked if (code := gate.code(other))]
            ranked = [each for each in ranked if not gate.code(each[3])]
    return chosen, crowded_out
