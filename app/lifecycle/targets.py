"""The targets: what is foretold of each customer who has bought, over a horizon; each declared once.

From TARGETS follow the columns of a model's tables and their names in an artefact, `perennial evaluate`'s commands,
what is measured against which outcome, in which unit, and what a model is learnt for. How a target is learnt is in
`ml.learning`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import exp, tanh
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.arithmetic import for_each
from app.lifecycle.measures import SUMS

Floats = NDArray[np.float64]


def sigmoid(log_odds: Floats) -> Floats:
    """Log-odds → probability, without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(log_odds)))


def logistic(log_odds: float) -> float:
    """`sigmoid` of one number."""
    return 0.5 * (1.0 + tanh(0.5 * log_odds))


_tanh_each, _exp_each = for_each(tanh), for_each(exp)


class Link(StrEnum):
    """In what terms add up: a probability in its log-odds, a count or an amount in the logarithm of its mean."""

    LOG_ODDS = "log_odds"
    LOG = "log"

    def invert(self, links: Floats) -> Floats:
        """(n,) sums of terms → probabilities or means."""
        return sigmoid(links) if self is Link.LOG_ODDS else np.exp(links)

    def invert_each(self, links: Floats) -> Floats:
        """`invert_one` of each, (n,), to the last bit, of which numpy's own are not sure."""
        return 0.5 * (1.0 + _tanh_each(0.5 * links)) if self is Link.LOG_ODDS else _exp_each(links)

    @property
    def invert_one(self) -> Callable[[float], float]:
        """`invert` of one number, as a plain function: it is asked for once and called for every customer."""
        return logistic if self is Link.LOG_ODDS else exp


Unit = Literal["probability", "orders", "pieces", "minor"]


@dataclass(frozen=True, slots=True)
class Target:
    """`outcome` is what it is measured against, in the same `unit`: one of OUTCOMES, or the name of a measure among
    SUMS: what it adds up to in the horizon; of a probability, whether that is more than nothing.

    `summary` says in a sentence what is foretold; `answer` is the member of a score that tells it.
    """

    name: str
    link: Link
    unit: Unit
    outcome: str
    summary: str
    answer: str

    @property
    def is_probability(self) -> bool:
        return self.unit == "probability"


OUTCOMES: Final = ("churned", "orders_ahead", "spend_ahead_minor")
"""Of the horizon: whether nothing was bought, in how many distinct moments something was, and for how much, refunds
taken off."""

CHURN: Final = Target(
    "churn",
    Link.LOG_ODDS,
    "probability",
    "churned",
    "The probability of no purchase in the horizon",
    "churn_risk",
)
ORDERS: Final = Target(
    "orders", Link.LOG, "orders", "orders_ahead", "Expected orders in the horizon", "expected_orders"
)
SPEND: Final = Target(
    "spend",
    Link.LOG,
    "minor",
    "spend_ahead_minor",
    "Expected spend in the horizon, refunds taken off",
    "expected_spend",
)

TARGETS: Final[tuple[Target, ...]] = (CHURN, ORDERS, SPEND)
"""In the order of a model's tables. The first three are those that stages, decisions and stored scores go by."""
OTHERS: Final = TARGETS[3:]
"""Told where the model knows them: one that is older than a target does not, and no rule does."""
SUMMED: Final = tuple(measure for measure in SUMS if measure.name in {target.outcome for target in OTHERS})
"""The measures that targets are measured against."""
TARGET_NAMES: Final = tuple(target.name for target in TARGETS)


def target_of(name: str) -> Target:
    """The target of that name. Raises ValueError."""
    return TARGETS[TARGET_NAMES.index(name)]
