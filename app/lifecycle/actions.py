"""Actions: what may be done for a customer, as a retailer defines it, and the catalogue of them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.lifecycle.conditions import Clause, Condition, Requirement, check_size, clauses_of, facts_in
from app.lifecycle.consents import MARKETING, Purpose
from app.lifecycle.events import DAY_US
from app.lifecycle.measures import Channel
from app.lifecycle.mechanics import Mechanic
from app.lifecycle.sieves import Bars, Sieve
from app.lifecycle.stages import Stage

ActionId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Aim = Literal["retain", "grow"]
Complaint = Literal["any", "open", "resolved", "none"]
Group = Literal["offer", "care", "service", "survey", "loyalty"]
"""What it is to the customer: something sold, a kindness, help with a trouble, a question, or membership."""


Terms = tuple[float, str, float, float, bool]
"""What the worth of an action comes from: what it brings of what is at stake; that, the aim, with `_settling` behind it
where it is for an open complaint; its expected cost; weight times lever; and whether it is learned: of what is for
complaints it is not, such customers are compared with nobody."""


class Title(BaseModel):
    """What a cashier or customer reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    en: Annotated[str, Field(min_length=1, max_length=120)]
    zh: Annotated[str, Field(min_length=1, max_length=120)]


class Body(BaseModel):
    """What a message says below its title."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    en: Annotated[str, Field(min_length=1, max_length=1000)]
    zh: Annotated[str, Field(min_length=1, max_length=1000)]


def _group_of(told: Mapping[str, Any]) -> Group:
    return "service" if told.get("complaint") in ("open", "resolved") else "offer"


def _purpose_of(told: Mapping[str, Any]) -> str:
    return "service" if told.get("group") == "service" else MARKETING


def _of_size(condition: Condition | None) -> Condition | None:
    if condition is not None:
        check_size(condition)
    return condition


class Action(BaseModel):
    """Something to do for a customer. Money in major units of the deployment's currency.

    `response_rate` and `effect` are what the retailer believes until outcomes are learned: the
    probability that an offered customer takes it, and the share of the value at stake that it then brings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action_id: ActionId
    title: Title
    body: Body | None = None
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    aim: Aim
    """What is at stake: `retain` the spend that churn would take, `grow` the spend that stays."""
    response_rate: Annotated[float, Field(gt=0, le=1)]
    effect: Annotated[float, Field(gt=0, le=1)]
    weight: Annotated[float, Field(ge=0, le=100)] = 1.0
    """How much it matters in its context, such as a season: the value that it brings is multiplied by it."""
    lever: Annotated[float, Field(ge=0, le=100)] = 1.0
    """How much the business wants it, beyond what it brings: multiplies likewise. 0: never."""
    cost: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    """Of one response."""
    budget: Annotated[float, Field(ge=0, le=1e12)] | None = None
    """Most money that it may cost in all, as if all responded: each that is given takes the `cost` of one response.
    None: any."""
    daily_cap: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """How often at most on a calendar day of the contact policy's zone, over all customers; None: any."""
    total_cap: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """How often at most in all, over all customers; None: any."""
    mechanic: Mechanic | None = None
    min_risk: Annotated[float, Field(ge=0, le=1)] = 0.0
    min_value: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    """Least value at stake, before the aim is weighed in."""
    validity_days: Annotated[int, Field(ge=1, le=365)] = 30
    cool_down_days: Annotated[int, Field(ge=0, le=365)] = 30
    complaint: Complaint = "none"
    """Whether it is for customers with an open complaint, who are not sold to, or with one that was resolved of late.

    What is for them comes first: what settles a complaint, then what asks whether it is settled.
    """
    eligibility: Annotated[Condition | None, AfterValidator(_of_size)] = None
    """Who it is for, beyond all that is said above; None: everybody."""
    group: Annotated[Group, Field(default_factory=_group_of)]
    """Not told: `service` where it is for complaints, else `offer`."""
    purpose: Annotated[Purpose, Field(default_factory=_purpose_of)]
    """What the customer's consent to it is asked for. Not told: `service` of that group, else `marketing`."""
    enabled: bool = True

    @cached_property
    def requires(self) -> Requirement | None:
        """What must hold of a customer; None: nothing."""
        return None if self.eligibility is None else Requirement(clauses_of(self.eligibility))

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """What must hold of a customer, one after the other."""
        return () if self.requires is None else self.requires.clauses

    @property
    def terms(self) -> Terms:
        """What its worth comes from."""
        stake = f"{self.aim}_settling" if self.complaint == "open" else self.aim
        factor, is_learned = self.weight * self.lever, self.complaint in ("any", "none")
        return self.response_rate * self.effect * factor, stake, self.response_rate * self.cost, factor, is_learned


Standing = tuple[int, str, Action]
"""An action, behind what decides of equal worths: precedence, the lower the earlier, and its id."""
_PRECEDENCE: Final = {"open": 0, "resolved": 1}
TESTED_PRECEDENCE: Final = 2
"""Of what a test gives: after what is for complaints, before all others."""
_USUAL_PRECEDENCE: Final = 3


@dataclass(frozen=True, eq=False)
class Candidates:
    """Actions as decisions weigh them, hundreds at a time: in plain tuples, which are faster taken apart than models
    are asked."""

    standings: Sequence[Standing] = ()
    bars: Sequence[Bars] = ()
    terms: Sequence[Terms] = ()

    @cached_property
    def sieve(self) -> Sieve:
        """What may hold them back; made when they are first weighed."""
        return Sieve(self.bars)

    def only(self, places: Sequence[int]) -> "Candidates":
        """Some of them, in this order."""
        return Candidates(
            [self.standings[at] for at in places],
            [self.bars[at] for at in places],
            [self.terms[at] for at in places],
        )


def candidates_of(actions: Sequence[Action]) -> Candidates:
    """Those whose conditions say the same have one `Requirement` together."""
    required: dict[str, Requirement] = {}
    return Candidates(
        [(_PRECEDENCE.get(each.complaint, _USUAL_PRECEDENCE), each.action_id, each) for each in actions],
        [bars_of(each, _share(each, required)) for each in actions],
        [each.terms for each in actions],
    )


def _share(action: Action, required: dict[str, Requirement]) -> Requirement | None:
    if action.requires is None:
        return None
    return required.setdefault(repr(action.eligibility), action.requires)  # in Python true equals 1


def bars_of(action: Action, requires: Requirement | None) -> Bars:
    """`requires` is what it requires, or what others that say the same do."""
    least, cool_down_us = (action.min_risk, action.min_value), action.cool_down_days * DAY_US
    return action.action_id, action.group, action.purpose, action.complaint, *least, cool_down_us, requires


class ActionCatalogue:
    """The enabled actions, found by stage and channel."""

    def __init__(self, actions: Sequence[Action], version: int = 0) -> None:
        self.actions = tuple(actions)
        self.version = version
        """The number of the latest change: which version of each action is in force."""
        content = "".join(action.model_dump_json() for action in actions)
        self.digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        """What receipts name it by."""
        self.by_id = {action.action_id: action for action in self.actions}
        self.facts = frozenset(name for action in self.actions for name in facts_in(action.eligibility))
        """Those that conditions read."""
        found: dict[tuple[Stage, str], list[int]] = {}
        for at, action in enumerate(self.actions):
            for place in product(action.stages, action.channels) if action.enabled else ():
                found.setdefault(place, []).append(at)
        every = candidates_of(self.actions)
        self._found = {place: every.only(theirs) for place, theirs in found.items()}

    def find(self, stage: Stage, channel: str) -> Candidates:
        """The actions for a stage on a channel."""
        return self._found.get((stage, channel), _NONE)


_NONE: Final = Candidates()
