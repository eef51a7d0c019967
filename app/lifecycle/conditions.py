"""Conditions of eligibility: what a retailer writes, what it says in words, and what it comes to for a customer.

A condition is true, false, or not known, as SQL has it: what is not known satisfies nothing, nor does its contrary.
"""

import re
from collections.abc import Iterable, Iterator
from operator import ge, gt, le, lt
from typing import Annotated, Any, Final, Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from app.lifecycle.condition_tests import Known, Test, combine, numeric, one_of
from app.lifecycle.condition_words import (
    Language,
    say_comparison,
    say_consent,
    say_contrary,
    say_stages,
    say_together,
)
from app.lifecycle.consents import MARKETING, Purpose, word_on
from app.lifecycle.events import ALL_CHANNELS
from app.lifecycle.facts import CONTEXT, FACTS, Fact, is_protected
from app.lifecycle.json_schema import A_VALUE, NO_VALUE, Schema, having, lacking, rules, where
from app.lifecycle.measures import Channel
from app.lifecycle.stages import Stage
from app.lifecycle.value import Tier

MOST_DEEP: Final = 6
MOST_PARTS: Final = 60
"""Bounds of a whole condition: levels, and conditions in it."""

_Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
_Number = Annotated[float, Field(ge=-1e15, le=1e15)]
_Value = Annotated[str, Field(min_length=1, max_length=200)] | bool | _Number
_SPARE: Final = Field(exclude_if=lambda value: value is None)
_NOTHING: Final[dict[str, Any]] = {"not": {}}
"""As JSON Schema: what no value is."""
Comparator = Literal["at_least", "at_most", "above", "below", "equals", "one_of"]
_NUMERIC: Final = {"at_least": ge, "at_most": le, "above": gt, "below": lt}
_TIERS: Final = get_args(Tier)
_TIER: Final = "score.value_tier"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    def compile(self) -> Test:
        """The condition as a function."""
        raise NotImplementedError

    def parts(self) -> "tuple[Condition, ...]":
        """The conditions that it is made of."""
        return ()

    def say(self, language: Language) -> str:
        """The condition in words."""
        raise NotImplementedError


class AllOf(_Part):
    """Every one of them."""

    all_of: Annotated[tuple["Condition", ...], Field(min_length=1, max_length=30)]

    def parts(self) -> "tuple[Condition, ...]":
        return self.all_of

    def compile(self) -> Test:
        return combine([part.compile() for part in self.all_of], False)

    def say(self, language: Language) -> str:
        return say_together(_told(self.all_of, language), "and", language)


class AnyOf(_Part):
    """At least one of them."""

    any_of: Annotated[tuple["Condition", ...], Field(min_length=1, max_length=30)]

    def parts(self) -> "tuple[Condition, ...]":
        return self.any_of

    def compile(self) -> Test:
        return combine([part.compile() for part in self.any_of], True)

    def say(self, language: Language) -> str:
        return say_together(_told(self.any_of, language), "or", language)


class Not(_Part):
    """The contrary, where it is known."""

    not_: Annotated["Condition", Field(alias="not")]

    def parts(self) -> "tuple[Condition, ...]":
        return (self.not_,)

    def compile(self) -> Test:
        test = self.not_.compile()
        return lambda known: None if (found := test(known)) is None else not found

    def say(self, language: Language) -> str:
        return say_contrary(self.not_.say(language), language)


class StageIs(_Part):
    """The customer is in one of these stages."""

    stage: Annotated[tuple[Stage, ...], Field(min_length=1)]

    def compile(self) -> Test:
        stages = frozenset(self.stage)
        return lambda known: known["stage"] in stages

    def say(self, language: Language) -> str:
        return say_stages(self.stage, language)


class ConsentTo(_Part):
    """The customer has said yes on this channel, or on all: to marketing, or to another purpose."""

    consent: Channel
    purpose: Annotated[Purpose | None, _SPARE] = None

    def compile(self) -> Test:
        channel, purpose = self.consent, self.purpose or MARKETING
        if purpose == MARKETING:
            return lambda known: known["consents"].get(channel, known["consents"].get(ALL_CHANNELS))
        return lambda known: word_on(purpose, channel, known["purposes"])

    def say(self, language: Language) -> str:
        return say_consent(self.consent, self.purpose or MARKETING, language)


class InSegment(_Part):
    """Refused: there are no segments yet."""

    model_config = ConfigDict(json_schema_extra=_NOTHING)

    segment: _Name

    @field_validator("segment")
    @classmethod
    def _is_none(cls, _: str) -> str:
        raise ValueError("there are no segments yet")


_WAYS: Final = get_args(Comparator)


def _of_kind(names: Iterable[str], kind: Schema, ways: Iterable[str]) -> Schema:
    """A fact of these is compared in some of the ways, with values of a kind."""
    told: dict[str, Schema] = {way: {"anyOf": [kind, NO_VALUE]} for way in ways if way != "one_of"}
    others = dict.fromkeys([way for way in _WAYS if way not in ways], NO_VALUE)
    return where({"fact": {"enum": [*names]}}, {"properties": {**told, **others, "one_of": {"items": kind}}})


def _named(kind: str) -> list[str]:
    return [name for name, fact in FACTS.items() if fact.kind == kind and name != _TIER]


_SAME: Final = ("equals", "one_of")
_COMPARED: Final = rules(
    {"not": lacking(*_WAYS)},
    *(where({way: A_VALUE}, lacking(*(other for other in _WAYS if other != way))) for way in _WAYS),
    _of_kind(_named("number"), {"type": "number"}, _WAYS),
    _of_kind(_named("text"), {"type": "string"}, _SAME),
    _of_kind(_named("flag"), {"type": "boolean"}, _SAME),
    _of_kind([_TIER], {"enum": [*_TIERS]}, _SAME),
    where({"fact": {"not": {"pattern": f"^{re.escape(CONTEXT)}"}}}, having({"fact": {"enum": [*FACTS]}})),
)
"""In exactly one way, and with what is of the fact's kind."""


class Comparison(_Part):
    """A fact beside a value. A fact that is not known, or of another kind, compares with nothing."""

    model_config = ConfigDict(json_schema_extra=_COMPARED)

    fact: _Name
    at_least: Annotated[_Number | None, _SPARE] = None
    at_most: Annotated[_Number | None, _SPARE] = None
    above: Annotated[_Number | None, _SPARE] = None
    below: Annotated[_Number | None, _SPARE] = None
    equals: Annotated[_Value | None, _SPARE] = None
    one_of: Annotated[Annotated[tuple[_Value, ...], Field(min_length=1, max_length=100)] | None, _SPARE] = None

    @field_validator("fact")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if not name.startswith(CONTEXT):
            if name not in FACTS:
                raise ValueError("there is no such fact")
        elif is_protected(name):
            raise ValueError("nobody is treated by a protected attribute")
        return name

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        told = [name for name in get_args(Comparator) if getattr(self, name) is not None]
        if len(told) != 1:
            raise ValueError("a fact is compared in exactly one way")
        kind, values = _fact(self.fact).kind, self.one_of or (getattr(self, told[0]),)
        wanted = {"number": (int, float), "text": (str,), "flag": (bool,), "any": (str, int, float, bool)}[kind]
        if any(type(value) not in wanted for value in values):
            raise ValueError(f"it is compared with what is no {kind}")
        if self.fact == _TIER and not {*values} <= {*_TIERS}:
            raise ValueError(f"the tiers are {', '.join(_TIERS)}")
        return self

    @property
    def comparator(self) -> Comparator:
        """The way in which it is compared."""
        return next(name for name in get_args(Comparator) if getattr(self, name) is not None)

    def compile(self) -> Test:
        name, how, value = self.fact, self.comparator, getattr(self, self.comparator)
        if how in _NUMERIC:
            return numeric(name, _NUMERIC[how], value)
        return one_of(name, value if how == "one_of" else (value,))

    def say(self, language: Language) -> str:
        value = getattr(self, self.comparator)
        values = value if self.comparator == "one_of" else (value,)
        return say_comparison(_fact(self.fact), self.comparator, values, language)


def _variant(told: Any) -> str:
    for key, tag in _TAGS.items():
        if (key in told) if isinstance(told, dict) else hasattr(told, "not_" if key == "not" else key):
            return tag
    return "\x1fnone"


_TAGS: Final = {key: f"\x1f{key}" for key in ("all_of", "any_of", "not", "stage", "consent", "segment", "fact")}

Condition = Annotated[
    Annotated[AllOf, Tag("\x1fall_of")]
    | Annotated[AnyOf, Tag("\x1fany_of")]
    | Annotated[Not, Tag("\x1fnot")]
    | Annotated[StageIs, Tag("\x1fstage")]
    | Annotated[ConsentTo, Tag("\x1fconsent")]
    | Annotated[InSegment, Tag("\x1fsegment")]
    | Annotated[Comparison, Tag("\x1ffact")],
    Discriminator(_variant),
]
for _each in (AllOf, AnyOf, Not):
    _each.model_rebuild()


class Clause(NamedTuple):
    """One of the conditions that must all hold. `key` is the same of those that say the same; `bound` of one that
    compares a number with another: the fact, how, and with which."""

    test: Test
    en: str
    zh: str
    key: str = ""
    bound: tuple[str, str, float] | None = None


def clauses_of(condition: "Condition | None") -> tuple[Clause, ...]:
    """What must hold, one after the other: the parts of an `all_of`, else the condition itself."""
    if condition is None:
        return ()
    parts = condition.all_of if isinstance(condition, AllOf) else (condition,)
    return tuple(Clause(part.compile(), part.say("en"), part.say("zh"), repr(part), _bound_of(part)) for part in parts)


def _bound_of(part: "Condition") -> tuple[str, str, float] | None:
    if not isinstance(part, Comparison) or part.comparator not in _NUMERIC:
        return None
    return part.fact, part.comparator, getattr(part, part.comparator)


class Requirement:
    """Clauses that must all hold. It is one thing and equals no other, so that what it comes to can be kept by it."""

    __slots__ = ("_tests", "clauses")

    def __init__(self, clauses: tuple[Clause, ...]) -> None:
        self.clauses = clauses
        self._tests = tuple(clause.test for clause in clauses)

    def first_failing(self, known: Known) -> tuple[Clause, bool] | None:
        """The first clause that does not hold, and whether that is known; None: all hold."""
        for test in self._tests:
            found = test(known)
            if found is not True:
                return self.clauses[self._tests.index(test)], found is not None
        return None


def facts_in(condition: "Condition | None") -> frozenset[str]:
    """The facts that it reads, those of the request left out."""
    if condition is None:
        return frozenset()
    if isinstance(condition, Comparison):
        return frozenset() if condition.fact.startswith(CONTEXT) else frozenset({condition.fact})
    return frozenset(name for part in condition.parts() for name in facts_in(part))


def check_size(condition: "Condition") -> None:
    """Raises ValueError where it is deeper or larger than the bounds."""
    depths = [*_depths(condition, 1)]
    if max(depths) > MOST_DEEP or len(depths) > MOST_PARTS:
        raise ValueError(f"a condition has at most {MOST_DEEP} levels and {MOST_PARTS} parts")


def _depths(condition: "Condition", depth: int) -> Iterator[int]:
    yield depth
    for part in condition.parts():
        yield from _depths(part, depth + 1)


def _fact(name: str) -> Fact:
    named = name.removeprefix(CONTEXT)
    return FACTS.get(name) or Fact(name, "any", "", f"The request's {named}", f"请求中的{named}")


def _told(parts: "tuple[Condition, ...]", language: Language) -> list[tuple[str, bool]]:
    """Each in words, and whether it is of several itself among others."""
    return [(part.say(language), len(parts) > 1 and len(part.parts()) > 1) for part in parts]


ConditionCode = Literal["condition_unknown", "condition_failed"]


class Unmet(dict[Requirement, ConditionCode | None]):
    """Why what is required does not hold, looked at when it is first asked for; None: it holds."""

    def __init__(self, known: Known) -> None:
        super().__init__()
        self._known = known

    def __missing__(self, requires: Requirement) -> ConditionCode | None:
        failing = requires.first_failing(self._known)
        code: ConditionCode | None = (
            None if failing is None else "condition_failed" if failing[1] else "condition_unknown"
        )
        self[requires] = code
        return code
