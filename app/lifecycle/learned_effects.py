"""What actions are worth of a customer by what was learned of decisions: sums of terms.

    effect(a, s, x) = common + group(a) + stage(group(a), s) + own(a) + risk(a) · x_risk + value(a) · x_value

in margin, net of what the action cost, over doing nothing. With φ = (1, x_risk, x_value) its variance is φᵀ C(a, s) φ.
x_risk is the churn risk (one half: not known), x_value log(1 + value at stake), both centred and of unit size. Where
nobody was held out, so that nothing can be said of doing nothing, it is the probability of a response that is learned,
as such a sum; it takes the place of what the catalogue believes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import log1p
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.actions import Action, Standing, Terms
from app.lifecycle.stages import Stage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
FEATURES: Final = ("churn_risk", "log1p(value_at_stake)")
TERMS: Final = ("common", "group", "stage", "own", "risk", "value")
"""The first four are as they stand, the others times their feature."""
CAUTION: Final = 0.5
"""How many standard deviations are taken off an effect that is put to use."""
FEWEST_SHOWN: Final = 30
"""Decisions of an action below which its prior is kept."""
UNKNOWN_RISK: Final = 0.5


class Learned(NamedTuple):
    """Of an action for a customer, in margin, major units: the effect and its standard deviation, to six places."""

    effect: float
    deviation: float

    @property
    def cautious(self) -> float:
        """What is reckoned with."""
        return self.effect - CAUTION * self.deviation

    @property
    def told(self) -> float:
        """What its terms add up to."""
        return self.effect

    def replace(self, action: Action, _: float) -> float:
        """The worth of an action, in the place of what is believed."""
        return weigh(action, self)


class Response(NamedTuple):
    """Of an action for a customer: the probability that it is responded to, a sum of terms that may pass 0 or 1, and
    its standard deviation, to six places."""

    probability: float
    deviation: float

    @property
    def cautious(self) -> float:
        """What is reckoned with."""
        return min(max(self.probability - CAUTION * self.deviation, 0.0), 1.0)

    @property
    def told(self) -> float:
        """What its terms add up to."""
        return self.probability

    def replace(self, action: Action, worth: float) -> float:
        """The worth of an action, which is believed to be so much by the catalogue's response rate."""
        return worth * self.cautious / action.response_rate


AnyLearned = Learned | Response


class WithResponses(dict[str, AnyLearned]):
    """Action → what was learned, responses among it."""


Estimate = Literal["uplift", "response", "prior"]
"""What the worth of an action comes from."""


class Explained(NamedTuple):
    """What was learned of an action for a customer, of so many decisions: `terms`, in the order of TERMS and to six
    places, add up to it to the last of these."""

    learned: AnyLearned
    terms: Mapping[str, float]
    shown: int


_LEARNED: Final[Callable[[tuple[float, float]], Learned]] = partial(tuple.__new__, Learned)
"""Of a pair, by less than half of what it takes by arguments."""


@dataclass(frozen=True)
class LearnedEffects:
    """Of A actions at S stages, these in the order of STAGES: `terms` (A, S, 6) in the order of TERMS, `covariances`
    (A, S, 3, 3) of φ's coefficients, `shown` (A,): decisions behind each. `centres` and `scales` (2,) of FEATURES.
    `responses`: of the same actions, the same of responses; None: these were not learned."""

    action_ids: tuple[str, ...]
    terms: Floats
    covariances: Floats
    shown: Ints
    centres: Floats
    scales: Floats
    responses: "LearnedEffects | None" = None

    def __post_init__(self) -> None:
        """Raises ValueError where the arrays do not fit."""
        actions, stages = len(self.action_ids), len(STAGES)
        shapes = {
            "terms": (actions, stages, len(TERMS)),
            "covariances": (actions, stages, 3, 3),
            "shown": (actions,),
            "centres": (2,),
            "scales": (2,),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or not np.isfinite(array).all():
                raise ValueError(f"{name} of another shape, or what is no number")
        if len(self.places) != actions or (self.scales <= 0).any():
            raise ValueError("an action twice, or a size of nothing")

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Of the actions."""
        return {action_id: place for place, action_id in enumerate(self.action_ids)}

    @cached_property
    def _known(self) -> tuple[list[str], Floats, Floats]:
        """Of the K actions of which enough is known: ids, terms (S, K, 6) and covariances (S, K, 9)."""
        rows = np.flatnonzero(self.shown >= FEWEST_SHOWN)
        covariances = self.covariances[rows].reshape(len(rows), len(STAGES), 9)
        terms = self.terms[rows].swapaxes(0, 1)
        ids = [self.action_ids[row] for row in rows]
        return ids, np.ascontiguousarray(terms), np.ascontiguousarray(covariances.swapaxes(0, 1))

    def weigh_known(self, stage: Stage, churn_risk: float | None, value_at_stake: float) -> dict[str, AnyLearned]:
        """Of the actions of which enough is known, for a customer: the effect, else the response."""
        of = (stage, churn_risk, value_at_stake)
        ids, effects, deviations = self._estimate(*of)
        known: dict[str, AnyLearned] = dict(zip(ids, map(_LEARNED, zip(effects, deviations, strict=True)), strict=True))
        return known if self.responses is None else WithResponses({**self.responses.respond_known(*of), **known})

    def respond_known(self, stage: Stage, churn_risk: float | None, value_at_stake: float) -> dict[str, Response]:
        """Taken as of responses."""
        ids, probabilities, deviations = self._estimate(stage, churn_risk, value_at_stake)
        return dict(zip(ids, map(Response, probabilities, deviations), strict=True))

    def _estimate(
        self, stage: Stage, churn_risk: float | None, value_at_stake: float
    ) -> tuple[list[str], list[float], list[float]]:
        """Ids, sums and deviations: in two products, since tills wait for it."""
        ids, terms, covariances = self._known
        if not ids:
            return [], [], []
        at, (x_risk, x_value) = STAGES.index(stage), self._centre(churn_risk, value_at_stake)
        effects = terms[at] @ np.array([1.0, 1.0, 1.0, 1.0, x_risk, x_value])
        phi = np.array([1.0, x_risk, x_value])
        deviations = np.sqrt(np.maximum(covariances[at] @ np.outer(phi, phi).ravel(), 0.0))
        return ids, effects.round(6).tolist(), deviations.round(6).tolist()

    def explain(
        self, action_id: str, learned: AnyLearned, stage: Stage, churn_risk: float | None, value_at_stake: float
    ) -> Explained:
        """What the effect of a known action, or its response, is the sum of, `learned` as `weigh_known` says; what is
        lost in rounding is the last term's."""
        if isinstance(learned, Response) and self.responses is not None:
            return self.responses._explain(action_id, learned, stage, churn_risk, value_at_stake)
        return self._explain(action_id, learned, stage, churn_risk, value_at_stake)

    def _explain(
        self, action_id: str, learned: AnyLearned, stage: Stage, churn_risk: float | None, value_at_stake: float
    ) -> Explained:
        at, sizes = self.places[action_id], [1.0, 1.0, 1.0, 1.0, *self._centre(churn_risk, value_at_stake)]
        terms = [round(each, 6) for each in (self.terms[at, STAGES.index(stage)] * sizes).tolist()]
        terms[-1] = round(learned.told - sum(terms[:-1]), 6)
        return Explained(learned, dict(zip(TERMS, terms, strict=True)), int(self.shown[at]))

    def _centre(self, churn_risk: float | None, value_at_stake: float) -> list[float]:
        raw = raw_features(churn_risk, value_at_stake)
        centred: list[float] = ((np.array(raw) - self.centres) / self.scales).tolist()
        return centred


def raw_features(churn_risk: float | None, value_at_stake: float) -> tuple[float, float]:
    """FEATURES, before they are centred."""
    return (UNKNOWN_RISK if churn_risk is None else churn_risk, log1p(max(value_at_stake, 0.0)))


def weigh(action: Action, learned: Learned) -> float:
    """A learned worth as the business wants it: what it brings times weight and lever, less its expected cost."""
    return replace_known([(0, action.action_id, action)], [action.terms], [0.0], {action.action_id: learned})[0]


def is_learned_of(action: Action) -> bool:
    """Whether what was learned of an action is reckoned with: customers with complaints are compared with nobody."""
    return action.complaint in ("any", "none")


def may_pay(action: Action, learned: Mapping[str, AnyLearned]) -> bool:
    """Whether the learned effect of an action pays as it is, whatever caution makes of it."""
    _, _, cost, factor, is_learned = action.terms
    known = learned.get(action.action_id) if is_learned else None
    return isinstance(known, Learned) and (known.effect + cost) * factor - cost > 0


def estimate_of(action: Action, learned: Mapping[str, AnyLearned]) -> Estimate:
    """What the worth of an action comes from, given what was learned for the customer."""
    known = learned.get(action.action_id) if is_learned_of(action) else None
    return "prior" if known is None else "uplift" if isinstance(known, Learned) else "response"


def replace_known(
    standings: Sequence[Standing], terms: Sequence[Terms], worths: list[float], learned: Mapping[str, AnyLearned]
) -> list[float]:
    """The worths of actions, in their order, with what was learned in the place of what is believed."""
    if not learned:
        return worths
    found = learned.get
    if isinstance(learned, WithResponses):
        return [
            known.replace(action, worth) if is_learned and (known := found(action_id)) else worth
            for (_, action_id, action), (*_, is_learned), worth in zip(standings, terms, worths, strict=True)
        ]
    return [
        (told[0] - CAUTION * told[1] + cost) * factor - cost if is_learned and (told := found(action_id)) else worth
        for (_, action_id, _), (_, _, cost, factor, is_learned), worth in zip(standings, terms, worths, strict=True)
    ]
