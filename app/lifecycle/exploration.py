"""With which probability each action is chosen for a place: by inverse gap weighting, exactly.

Of m actions that may have the place, with worths w and the best of them w* > 0, those behind the best get

    1 / (m + STEEPNESS · (w* − w) / w*)

(Foster and Rakhlin, Beyond UCB, 2020: SquareCB; Abe and Long 1999), the nearer to the best the more; all of them
together at most `share`, and each at least FLOOR_SHARE · share / m. What is left is the best's, and equals share it
alike: no order decides.
"""

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

STEEPNESS: Final = 20.0
FLOOR_SHARE: Final = 0.25
"""Of the exploration, what is spread evenly over all that may be chosen: so much of each is seen, however it looks."""


class _Explored(NamedTuple):
    """What there is for a place: `equals` share the best's alike, `best` each; one behind them that weighs w has
    `floor` + `above` · w."""

    equals: int
    best: float
    floor: float
    above: float
    weights: Sequence[float]


def _explore(worths: Sequence[float], share: float) -> _Explored:
    count, best = len(worths), worths[0]
    equals = next((place for place, worth in enumerate(worths) if worth < best), count)
    if equals == count or share <= 0.0:
        return _Explored(equals, 1.0 / equals, 0.0, 0.0, [0.0] * (count - equals))
    slope, most = STEEPNESS / best, count + STEEPNESS
    weights = [1.0 / (most - slope * worth) for worth in worths[equals:]]
    total, floor = sum(weights), FLOOR_SHARE * share / count
    spread = floor * len(weights)
    explored = max(min(share, total), spread)
    return _Explored(equals, (1.0 - explored) / equals, floor, (explored - spread) / total, weights)


def selection_probabilities(worths: Sequence[float], share: float) -> list[float]:
    """Of actions in descending order of worth, the best above 0, for one place; they add up to one. `share` of 0 to 1
    is what those behind the best get at most."""
    equals, best, floor, above, weights = _explore(worths, share)
    return [best] * equals + [floor + above * weight for weight in weights]


def draw_place(worths: Sequence[float], share: float, seed: str, place: int) -> tuple[int, float]:
    """Which is chosen by `selection_probabilities`, and with which: the same for the same seed, and over seeds as often
    as these say. Those behind the best are looked at one by one only where one of them is drawn."""
    equals, best, floor, above, weights = _explore(worths, share)
    drawn = _uniform(seed, place)
    at = int(drawn / best)
    if at < equals or not floor:
        return min(at, equals - 1), best
    end, chance = best * equals, best
    for at, weight in enumerate(weights, equals):
        chance = floor + above * weight
        end += chance
        if drawn < end:
            return at, chance
    return len(worths) - 1, chance


def _uniform(seed: str, place: int) -> float:
    """Of [0, 1), uniform over seeds: 53 bits of BLAKE2b."""
    digest = hashlib.blake2b(b"%d:%b" % (place, seed.encode()), digest_size=8, person=b"explore").digest()
    return (int.from_bytes(digest) >> 11) * 2.0**-53
