"""States of many events at once: the same measures over columns, in numpy.

A statement takes a row at a time through sorts, windows and aggregates; of a thousand orders that costs more than to
write the states. What comes out is the same: `fold_states` is the reference of both.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain, starmap
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.lifecycle.events import DAY_US, MAX_AMOUNT_MINOR, Event
from app.lifecycle.measures import REFERENCE, Lift, Measure, Merge
from app.lifecycle.order_lines import read_lines
from app.lifecycle.states import StateSpec

Numbers = npt.NDArray[Any]

_NEVER: Final = -(2**63)
_ALWAYS: Final = 2**63 - 1
_LINE: Final = re.compile(r'\(\\"([^"\\]*)\\",(?:\\"[^"\\]*\\")?,([^,"]*),(-?[0-9]*),(-?[0-9]*)\)')
"""A line in the text of `write_lines` whose texts have neither quotes nor backslashes."""
_ESCAPED: Final = ('\\"\\"', "\\\\")
"""What a quote or a backslash in a text is written as."""


_UNITED: Final = {"is_discounted": np.maximum}
"""How lines of one item in one event are one; the others add."""


class Told(NamedTuple):
    """What events say, a row for each of what measures are made of.

    `names`: of each key of the state every value, ascending; `codes`: (keys, rows), the place of each row's among them.
    `types`: the place of its type in `StateSpec.types`. `facts`: name → a number a row.
    """

    names: tuple[list[str], ...]
    codes: tuple[Numbers, ...]
    types: Numbers
    facts: Mapping[str, Numbers]


def fold_columns(spec: StateSpec, events: Sequence[Event]) -> list[list[Any]]:
    """The states of these events: a list a key, then a list a measure, in the order of keys. None: there is no value.

    Each event makes such a state, by itself or by a line: its type is one of `spec.types`, its keys are there. The
    measures are sums, times and decayed sums.
    """
    if spec.of_lines:
        events = [event for event in events if event.lines]
    if not events:
        return [[] for _ in (*spec.keys, *spec.measures)]
    told = _told_items(spec, events) if spec.of_lines else _told_looks(spec, events)
    order = np.lexsort((told.facts["occurred_us"], *reversed(told.codes)))
    codes = [code[order] for code in told.codes]
    is_first = np.concatenate(([True], np.any([code[1:] != code[:-1] for code in codes], axis=0)))
    group = _Group(spec, told, order, np.flatnonzero(is_first), np.cumsum(is_first) - 1)
    keys = [
        [names[place] for place in code[group.starts].tolist()] for names, code in zip(told.names, codes, strict=True)
    ]
    return [*keys, *(group.measured(measure) for measure in spec.measures)]


class _Group:
    """Rows in the order of keys and times, in groups of one state each."""

    def __init__(self, spec: StateSpec, told: Told, order: Numbers, starts: Numbers, groups: Numbers) -> None:
        """`starts`: the first row of each group; `groups`: the group of each row."""
        self.starts = starts
        self._groups = groups
        self._types, self._of_types = told.types[order], spec.types
        self._facts = {name: values[order] for name, values in told.facts.items()}
        (reference,) = (measure for measure in spec.measures if measure.name == REFERENCE)
        last_us = self._times(reference, _NEVER, np.maximum)
        self._age_us = last_us[groups] - self._facts["occurred_us"]

    def measured(self, measure: Measure) -> list[Any]:
        """The measure of each group."""
        match measure.merge:
            case Merge.SUM:
                return self._sum(measure, self._lifted(measure)).tolist()  # type: ignore[no-any-return]
            case Merge.FIRST:
                return _known(self._times(measure, _ALWAYS, np.minimum), _ALWAYS)
            case Merge.LAST:
                return _known(self._times(measure, _NEVER, np.maximum), _NEVER)
            case Merge.SECOND_LAST:
                return _known(self._second_last(measure), _NEVER)
            case Merge.DECAYED:
                left = np.exp2(self._age_us * (-1.0 / (measure.half_life_days * DAY_US)))
                return self._sum(measure, self._lifted(measure) * left).tolist()  # type: ignore[no-any-return]
        raise NotImplementedError(measure.merge)  # sets of days and latest texts: no state of items has them

    def _counts(self, measure: Measure) -> Numbers:
        assert not measure.where
        return np.array([type_ in measure.kept_types for type_ in self._of_types])[self._types]

    def _lifted(self, measure: Measure) -> Numbers:
        if measure.lift is Lift.ONE:
            return np.ones(len(self._types), dtype=np.int64)
        return self._facts[str(measure.lift)]

    def _sum(self, measure: Measure, values: Numbers) -> Numbers:
        return np.add.reduceat(np.where(self._counts(measure), values, 0), self.starts)

    def _times(self, measure: Measure, none: int, best: np.ufunc) -> Numbers:
        times_us = np.where(self._counts(measure), self._facts["occurred_us"], none)
        return best.reduceat(times_us, self.starts)

    def _second_last(self, measure: Measure) -> Numbers:
        """Of the rows that count, the last but one of each group."""
        counting = np.flatnonzero(self._counts(measure))
        groups = self._groups[counting]
        is_last = np.append(groups[1:] != groups[:-1], True)
        found = np.full(len(self.starts), _NEVER)
        before = np.flatnonzero(~is_last[:-1] & is_last[1:])  # the row before the last, of the same group
        found[groups[before]] = self._facts["occurred_us"][counting[before]]
        return found


def _known(times_us: Numbers, none: int) -> list[int | None]:
    return [None if at_us == none else at_us for at_us in times_us.tolist()]


def _coded(values: Sequence[str]) -> tuple[list[str], Numbers]:
    names = sorted(set(values))
    place_of = {name: place for place, name in enumerate(names)}
    return names, np.array([*map(place_of.__getitem__, values)], dtype=np.int64)


def _told_looks(spec: StateSpec, events: Sequence[Event]) -> Told:
    """A row an event."""
    coded = [_coded([getattr(event, column) for event in events]) for column in spec.keys.values()]
    facts = {"occurred_us": np.array([event.occurred_us for event in events], dtype=np.int64)}
    return Told(tuple(names for names, _ in coded), tuple(codes for _, codes in coded), _types(spec, events), facts)


def _types(spec: StateSpec, events: Sequence[Event]) -> Numbers:
    return np.array([spec.types.index(event.type) for event in events], dtype=np.int64)


def _told_items(spec: StateSpec, events: Sequence[Event]) -> Told:
    """A row for each item of an event: the columns of `ItemRow`."""
    lines = [_split_lines(event.lines or "") for event in events]
    of_event = np.repeat(np.arange(len(events)), [len(theirs) for theirs in lines])
    names, of_item, facts = _line_columns([*chain.from_iterable(lines)])
    order = np.lexsort((of_item, of_event))
    of_event, of_item = of_event[order], of_item[order]
    is_first = np.append(True, (of_event[1:] != of_event[:-1]) | (of_item[1:] != of_item[:-1]))
    starts = np.flatnonzero(is_first)
    of_event, of_item = of_event[starts], of_item[starts]
    of_rows = {name: _UNITED.get(name, np.add).reduceat(values[order], starts) for name, values in facts.items()}
    customers, of_customer = _coded([event.customer_id for event in events])
    times_us = np.array([event.occurred_us for event in events], dtype=np.int64)
    return Told(
        (customers, names),
        (of_customer[of_event], of_item),
        _types(spec, events)[of_event],
        {"occurred_us": times_us[of_event], **of_rows},
    )


def _line_columns(lines: Sequence[tuple[str, str, str, str]]) -> tuple[list[str], Numbers, dict[str, Numbers]]:
    """Items, the place of each line's among them, and what `spend_of` and `ItemRow` make of each line."""
    # Not by zip(*lines), which walks as many iterators as there are lines.
    items, quantities, prices, discounts = ([line[place] for line in lines] for place in range(4))
    names, of_item = _coded(items)
    quantity = np.array([*map(float, quantities)])
    price = np.array([int(text or 0) for text in prices], dtype=np.int64)
    discount = np.array([int(text or 0) for text in discounts], dtype=np.int64)
    with np.errstate(over="ignore"):  # what is beyond all bounds is at them
        worth = np.clip(quantity * price - discount, -MAX_AMOUNT_MINOR, MAX_AMOUNT_MINOR)
    spend = np.floor(worth + 0.5).astype(np.int64)
    return (
        names,
        of_item,
        {"quantity": quantity, "spend_minor": spend, "is_discounted": (discount > 0).astype(np.int64)},
    )


def _split_lines(text: str) -> list[tuple[str, str, str, str]]:
    """(Item, quantity, price, discount) of each line, as texts; '' where there is none."""
    if any(mark in text for mark in _ESCAPED):
        return [*starmap(_as_texts, read_lines(text))]
    return _LINE.findall(text)


def _as_texts(item: str, _: Any, quantity: float, price: int | None, discount: int | None) -> tuple[str, str, str, str]:
    return item, repr(quantity), "" if price is None else str(price), "" if discount is None else str(discount)
