"""What conditions come to: functions of what is known, true, false or None, not known, as SQL has it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from app.lifecycle.consents import NO_WORDS, Consents
from app.lifecycle.facts import CONTEXT, plain

Known = Mapping[str, Any]
"""What is known of a customer and a request: facts by name, and `stage`, `consents` and `purposes`."""
Test = Callable[[Known], bool | None]
"""None: it is not known."""


def know(
    stage: str,
    consents: Mapping[str, bool],
    facts: Mapping[str, Any],
    context: Mapping[str, Any],
    purposes: Consents = NO_WORDS,
) -> Known:
    """`facts` by name, of those that conditions read; `context` as the request told it; `consents` to marketing by
    channel, to the other `purposes` by purpose and channel."""
    told = {CONTEXT + name: plain(value) for name, value in context.items()}
    return {**facts, **told, "stage": stage, "consents": consents, "purposes": purposes}


def numeric(name: str, compare: Callable[[Any, Any], bool], value: float) -> Test:
    """A number beside another; what is none compares with nothing."""

    def test(known: Known) -> bool | None:
        found = known.get(name)
        return compare(found, value) if type(found) in (float, int) else None

    return test


def one_of(name: str, values: Sequence[Any]) -> Test:
    """Whether a fact is one of the values; of another kind than one of them, it is not known that it is not."""
    kinds = [_KINDS.get(type(value), (type(value),)) for value in values]
    by_kind = {
        kind: frozenset(value for value, theirs in zip(values, kinds, strict=True) if kind in theirs)
        for each in kinds
        for kind in each
    }
    others = {kind: None if any(kind not in each for each in kinds) else False for kind in by_kind}

    def test(known: Known) -> bool | None:
        found = known.get(name)
        kind = type(found)
        if kind not in by_kind:
            return None
        return True if found in by_kind[kind] else others[kind]

    return test


_KINDS: Final = {float: (float, int), int: (float, int)}


def combine(tests: Sequence[Test], decisive: bool) -> Test:
    """What any of them settles by being `decisive`; not known where none does and one is not known."""
    each = tuple(tests)

    def test(known: Known) -> bool | None:
        settled: bool | None = not decisive
        for one in each:
            found = one(known)
            if found is decisive:
                return decisive
            if found is None:
                settled = None
        return settled

    return test
