"""A simulated shop of known effects: who comes, what actions change for whom, what rules would choose."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GROUPS: Final = np.array([0, 0, 0, 1, 1, 2, 2, 3])
"""Of eight actions: three offers, two of care, two of service, one survey."""
STAGES: Final = 6
ANYWAY: Final = np.array([0.08, -0.04, 0.0, 0.0])
"""What features add to the chance of an order where nothing is done."""
BELIEFS_OFF: Final = 0.1
"""Standard deviation of what is believed of an action at a stage, in chances of an order."""
FEATURES: Final = 4
COSTS: Final = np.array([0.08, 0.05, 0.03, 0.02, 0.02, 0.04, 0.03, 0.01])


@dataclass(frozen=True, slots=True)
class Customers:
    """(n,) stages and (n, FEATURES) numbers of unit size."""

    stages: Ints
    features: Floats


@dataclass(frozen=True, slots=True)
class OfferShop:
    """`by_stage` (actions, STAGES) and `by_feature` (actions, FEATURES) are what actions add to the chance of an order
    worth 1; all 0 in a shop that nothing moves. `misjudged` (actions, STAGES) is how far off beliefs are."""

    by_stage: Floats
    by_feature: Floats
    misjudged: Floats

    @classmethod
    def draw(cls, seed: int, moved: bool = True) -> "OfferShop":
        """Effects of groups by stage, of actions within them, and of features; beliefs of its own."""
        draw, count = np.random.default_rng(seed), len(GROUPS)
        group = draw.normal(0.03, 0.07, (GROUPS.max() + 1, STAGES))[GROUPS]
        own = draw.normal(0, 0.05, (count, 1)) + draw.normal(0, 0.02, (count, STAGES))
        size = float(moved)
        by_feature = draw.normal(0, 0.06, (count, FEATURES))
        return cls(size * (group + own), size * by_feature, draw.normal(0, BELIEFS_OFF, group.shape))

    def arrive(self, count: int, draw: np.random.Generator) -> Customers:
        """Customers who come by chance."""
        return Customers(draw.integers(STAGES, size=count), draw.normal(size=(count, FEATURES)).clip(-2, 2))

    def chances(self, customers: Customers) -> Floats:
        """(n, 1 + actions): of an order, where nothing is done, then under each action."""
        anyway: Floats = 0.1 + 0.1 * customers.stages + customers.features @ ANYWAY
        effects = self.by_stage[:, customers.stages].T + customers.features @ self.by_feature.T
        chances: Floats = np.column_stack([anyway, anyway[:, None] + effects]).clip(0.01, 0.99)
        return chances

    def values(self, customers: Customers) -> Floats:
        """(n, 1 + actions): the chance of an order less the cost of the action."""
        return np.asarray(self.chances(customers) - np.append(0.0, COSTS))

    def rule(self, customers: Customers) -> Ints:
        """(n,): by stage what is believed to be best, as well as a manager knows it: off by BELIEFS_OFF."""
        return np.asarray(self.beliefs[:, customers.stages].argmax(axis=0))

    @property
    def beliefs(self) -> Floats:
        """(1 + actions, STAGES): net of costs, doing nothing first."""
        return np.vstack([np.zeros((1, STAGES)), self.by_stage + self.misjudged - COSTS[:, None]])
