"""What is kept: one state for everything that events say of the same keys, each declared once.

A state is a set of measures over the events that share its keys. From its declaration follow the table
(`app.database.tables`), the statements of Postgres (`app.database.states`), the expressions for DuckDB and Spark
(`ml.data.states`), and what `perennial verify` compares and `rebuild` writes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from app.lifecycle import events as e
from app.lifecycle.identifiers import BASKET
from app.lifecycle.measures import MEASURES, REFERENCE, Measure, Merge, State, fold


@dataclass(frozen=True, slots=True)
class StateSpec:
    """A state of each value of `keys`: column of `table` → column of the event. `name` is what one is called.

    The first key is the customer. An event makes a state if one of the measures counts its type and none of its
    keys is missing; purchases without a customer make none. Decayed sums need the measure REFERENCE beside them.
    """

    name: str
    table: str
    keys: Mapping[str, str]
    measures: tuple[Measure, ...]
    types: tuple[str, ...] = field(init=False)
    """The types of events that make such a state; none: all."""

    def __post_init__(self) -> None:
        names = {measure.name for measure in self.measures}
        assert next(iter(self.keys)) == "customer_id"
        assert REFERENCE in names or all(measure.merge is not Merge.DECAYED for measure in self.measures)
        counted = [measure.kept_types for measure in self.measures]
        types = tuple(dict.fromkeys(type_ for types in counted for type_ in types)) if all(counted) else ()
        object.__setattr__(self, "types", types)

    def concerns(self, event: e.Event) -> bool:
        """Whether the event makes such a state."""
        is_of_type = not self.types or event.type in self.types
        return is_of_type and not event.customer_id.startswith(BASKET) and None not in self.key_of(event)

    def key_of(self, event: e.Event) -> tuple[str | None, ...]:
        """The keys of the state that the event belongs to."""
        return tuple(getattr(event, column) for column in self.keys.values())


def fold_states(spec: StateSpec, events: Iterable[e.Event]) -> dict[tuple[str | None, ...], State]:
    """Keys → state, of a set of events: the reference that every engine is compared with."""
    by_key: dict[tuple[str | None, ...], list[e.Event]] = {}
    for event in events:
        if spec.concerns(event):
            by_key.setdefault(spec.key_of(event), []).append(event)
    return {key: fold(theirs, spec.measures) for key, theirs in by_key.items()}


CUSTOMER: Final = StateSpec("customer", "customer_states", {"customer_id": "customer_id"}, MEASURES)

CASE: Final = StateSpec(
    "case",
    "customer_cases",
    {"customer_id": "customer_id", "case_id": "reference"},
    (
        Measure("opened_us", "us", Merge.FIRST, "occurred_us", (e.CASE_OPENED,)),
        Measure("complained_us", "us", Merge.LAST, "occurred_us", (e.CASE_OPENED,), (("kind", "complaint"),)),
        Measure("answered_us", "us", Merge.FIRST, "occurred_us", (e.CASE_ANSWERED,)),
        Measure("resolved_us", "us", Merge.LAST, "occurred_us", (e.CASE_RESOLVED,)),
    ),
)
"""A service case. `complained_us` is when it was last opened as a complaint. It is an open complaint if it was, and
has not been resolved since."""

STATES: Final = (CUSTOMER, CASE)
"""Every state, in the order in which a transaction locks their rows."""
