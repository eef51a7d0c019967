"""Tests of two sides: persons are split by a keyed hash, and decided of by one side or the other while a test runs.

A side is an action, which its persons are given in the first place wherever they might have that of the other side as
well, and never that; or a policy: what decides, by which factors, with how much chance.

A person's places in [0, 1), one for whether they take part and one for the side, follow from a hash of the test and the
id that the person goes by. So tests are independent of each other and of the arms, a share that grows moves nobody to
another side, and no merge moves the survivor.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.lifecycle.actions import TESTED_PRECEDENCE, ActionId
from app.lifecycle.json_schema import A_VALUE, NO_VALUE, rules, where
from app.lifecycle.places import Eligible

SideName = Literal["a", "b"]
CHAMPION: Final = "champion"
"""The policy in force, whichever it is then."""
BELIEFS: Final = "none"
"""No learned policy: what the catalogue believes."""
Factor = Annotated[float, Field(ge=0, le=1000)]
_PLACES: Final = 2**64


_AS_EVERYBODY: Final = {"policy": {"const": CHAMPION}, "factors": {"maxProperties": 0}, "exploration": NO_VALUE}
_RULES: Final = rules(where({"action_id": A_VALUE}, {"properties": _AS_EVERYBODY}))


class Side(BaseModel):
    """What persons of a side are decided by. Left out: as everybody."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_RULES)

    action_id: ActionId | None = None
    """It has the first place wherever that of the other side might be had as well."""
    policy: Annotated[str, Field(min_length=1, max_length=128)] = CHAMPION
    """A version of a learned policy, `champion` or `none`."""
    factors: Annotated[dict[ActionId, Factor], Field(max_length=20)] = {}
    """Action → what its worth is multiplied by."""
    exploration: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if self.action_id is not None and (self.policy != CHAMPION or self.factors or self.exploration is not None):
            raise ValueError("a side is an action or a policy, not both")
        return self


class Treatment(NamedTuple):
    """What being of a side does to a decision. `gives` and `never` are the actions of the two sides, where it is of
    actions."""

    test_id: str
    side: SideName
    gives: str | None = None
    never: str | None = None
    factors: Mapping[str, float] = MappingProxyType({})
    exploration: float | None = None

    @property
    def action_ids(self) -> frozenset[str]:
        """Those that are compared."""
        return frozenset(each for each in (self.gives, self.never) if each is not None)

    def weigh(self, action_ids: Sequence[str], worths: Sequence[float]) -> list[float]:
        """Worths of actions, in their order, times the side's factors."""
        factors = self.factors
        return [worth * factors.get(each, 1.0) for each, worth in zip(action_ids, worths, strict=True)]

    def place(self, eligible: Sequence[Eligible]) -> list[Eligible]:
        """What may be chosen on the side: its action first where both are there, and not that of the other."""
        both = self.action_ids <= {action_id for _, _, action_id, _ in eligible}
        return [
            (worth, TESTED_PRECEDENCE if both and action_id == self.gives else precedence, action_id, action)
            for worth, precedence, action_id, action in eligible
            if action_id != self.never
        ]

    def holds_back(self, eligible: Sequence[Eligible], *, held_out: bool) -> list[str]:
        """What might be chosen but for the side. Of who is held out it is the arm that holds back all but service."""
        mine = [action for _, _, action_id, action in eligible if action_id == self.never]
        return [action.action_id for action in mine if not held_out or action.group == "service"]

    def as_kept(self) -> dict[str, Any]:
        """As receipts have it, without what says nothing."""
        told = self._asdict()
        return {name: value for name, value in told.items() if value is not None and value != {}}


@dataclass(frozen=True, slots=True)
class SplitTest:
    """A test that runs in `[starts_us, ends_us)` on `channels`, all where there are none. `share` of the persons take
    part, `split` of these are of side b."""

    test_id: str
    a: Side
    b: Side
    starts_us: int
    ends_us: int
    share: float = 1.0
    split: float = 0.5
    channels: Collection[str] = ()
    secret: bytes = b""
    _key: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_key", hashlib.blake2b(self.secret, digest_size=32, person=b"tests").digest())

    def runs(self, channel: str, at_us: int) -> bool:
        """Whether it is of decisions on a channel at a time."""
        return self.starts_us <= at_us < self.ends_us and (not self.channels or channel in self.channels)

    def side_of(self, person_id: str) -> SideName | None:
        """By the id that a person goes by; None: they take no part."""
        named = f"{self.test_id}\x1f{person_id}".encode()
        digest = hashlib.blake2b(named, digest_size=16, key=self._key).digest()
        if int.from_bytes(digest[:8]) >= self.share * _PLACES:
            return None
        return "b" if int.from_bytes(digest[8:]) < self.split * _PLACES else "a"

    def side(self, name: SideName) -> Side:
        """By its name."""
        return self.a if name == "a" else self.b

    def treatment(self, name: SideName) -> Treatment:
        """What a side does."""
        own, other = (self.a, self.b) if name == "a" else (self.b, self.a)
        return Treatment(self.test_id, name, own.action_id, other.action_id, own.factors, own.exploration)
