"""What conditions come to: functions of what is known, true, false or None, not known, as SQL has it."""

from collections.abc import Callable, Mapping, Sequence
from operator import eq
from typing import Any, NamedTuple

from app.lifecycle.facts import CONTEXT, plain


class Known(NamedTuple):
    """What is known of a customer and a request. `facts` by name, of those that conditions read."""

    stage: str
    consents: Mapping[str, bool]
    facts: Mapping[str, Any]
    context: Mapping[str, Any]


Test = Callable[[Known], bool | None]
"""None: it is not known."""


def reader(name: str) -> Callable[[Known], Any]:
    """A fact's value by its name; None: not known."""
    if name.startswith(CONTEXT):
        key = name.removeprefix(CONTEXT)
        return lambda known: plain(known.context.get(key))
    return lambda known: known.facts.get(name)


def numeric(read: Callable[[Known], Any], compare: Callable[[Any, Any], bool], value: float) -> Test:
    """A number beside another; what is none compares with nothing."""

    def test(known: Known) -> bool | None:
        found = read(known)
        return compare(found, value) if type(found) in (float, int) else None

    return test


def equal(read: Callable[[Known], Any], value: Any) -> Test:
    """Whether a value is another of its kind."""
    kinds = (int, float) if type(value) in (int, float) else (type(value),)

    def test(known: Known) -> bool | None:
        found = read(known)
        return eq(found, value) if type(found) in kinds else None

    return test


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
