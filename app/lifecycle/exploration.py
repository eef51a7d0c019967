"""With which probability each action is chosen for a place: by inverse gap weighting, exactly.

Of m actions that may have the place, with worths w > 0 and the best of them w*, those behind the best get

    1 / (m + STEEPNESS · (w* − w) / w*)

(Foster and Rakhlin, Beyond UCB, 2020: SquareCB; Abe and Long 1999), the nearer to the best the more; all of them
together at most `share`, and each at least FLOOR_SHARE · share / m. What is left is the best's, and equals share it
alike: no order decides.
"""

import hashlib
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

STEEPNESS: Final = 20.0
FLOOR_SHARE: Final = 0.25
"""Of the exploration, what is spread evenly over all that may be chosen: so much of each is seen, however it looks."""


def selection_probabilities(worths: Sequence[float], share: float) -> list[float]:
    """Of actions in descending order of worth, all above 0, for one place; they add up to one. `share` of 0 to 1 is
    what those behind the best get at most."""
    count, best = len(worths), worths[0]
    equals = next((place for place, worth in enumerate(worths) if worth < best), count)
    behind = worths[equals:]
    if not behind or share <= 0.0:
        return [1.0 / equals] * equals + [0.0] * len(behind)
    slope, among = STEEPNESS / best, float(count)
    weights = [1.0 / (among + slope * (best - worth)) for worth in behind]
    floor, total = FLOOR_SHARE * share / count, sum(weights)
    above = (max(min(share, total) - floor * len(behind), 0.0)) / total
    explored = [floor + above * weight for weight in weights]
    return [(1.0 - sum(explored)) / equals] * equals + explored


def draw_place(probabilities: Sequence[float], seed: str, place: int) -> int:
    """Which is chosen: the same for the same seed, and over seeds with these probabilities."""
    drawn = _uniform(seed, place) * sum(probabilities)
    return next((at for at, end in enumerate(accumulate(probabilities)) if drawn < end), len(probabilities) - 1)


def _uniform(seed: str, place: int) -> float:
    """Of [0, 1), uniform over seeds: 53 bits of BLAKE2b."""
    digest = hashlib.blake2b(b"%d:%b" % (place, seed.encode()), digest_size=8, person=b"explore").digest()
    return (int.from_bytes(digest) >> 11) * 2.0**-53
