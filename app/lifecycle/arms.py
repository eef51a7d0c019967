"""The arms of the trial that decisions are part of for ever: who is offered nothing, who by the rules as they always
were, and who by what is learned.

A person's place in [0, 1) follows from a keyed hash of the id that the person goes by. The control group is below its
share, business as usual above one minus its own; so where a share grows, nobody leaves the arm.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import erfc, exp, sqrt
from typing import Final, Literal, TypeVar, get_args

Arm = Literal["control", "business_as_usual", "learner"]
ARMS: Final[tuple[Arm, ...]] = get_args(Arm)
Named = TypeVar("Named", bound=str)
MISMATCH: Final = 0.001
"""A sample ratio that is so improbable is no chance: something keeps people of an arm from being decided of."""


@dataclass(frozen=True, slots=True)
class Arms:
    """Shares of the control group and of business as usual, and the secret that places are drawn with."""

    control_share: float = 0.0
    usual_share: float = 0.0
    secret: bytes = b""
    _key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_key", hashlib.blake2b(self.secret, digest_size=32, person=b"arms").digest())

    @property
    def shares(self) -> dict[Arm, float]:
        """Of each arm; they add up to one. Who is held out is so, whatever else was to be done."""
        usual = min(self.usual_share, 1.0 - self.control_share)
        return {
            "control": self.control_share,
            "business_as_usual": usual,
            "learner": 1.0 - self.control_share - usual,
        }

    def of(self, person_id: str) -> Arm:
        """The arm of a person, by the id that they go by."""
        place = int.from_bytes(hashlib.blake2b(person_id.encode(), digest_size=8, key=self._key).digest())
        if place < self.control_share * 2**64:
            return "control"
        return "business_as_usual" if place >= (1.0 - self.usual_share) * 2**64 else "learner"


def sample_ratio_p(observed: Mapping[Named, float], expected: Mapping[Named, float]) -> float | None:
    """How probable counts so far from the expected ones are by chance: Pearson's χ² of three arms or two.

    `expected` adds up to the same as `observed`. None: fewer than five are expected in an arm that has a share.
    """
    shares = {arm: count for arm, count in expected.items() if count > 0}
    if any(observed[arm] for arm in observed.keys() - shares.keys()):
        return 0.0
    if len(shares) < 2 or min(shares.values()) < 5:
        return None
    square = sum((observed[arm] - count) ** 2 / count for arm, count in shares.items())
    return exp(-square / 2) if len(shares) == 3 else erfc(sqrt(square / 2))
