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
from app.lifecycle.measures import MEASURES, REFERENCE, Lift, Measure, Merge, State, Told, fold
from app.lifecycle.order_lines import item_rows

FIRST_EVENT: Final = "first_event_us"
"""The time of a bounded state's first event: since when it counts, should it have been forgotten before."""
ITEMS_KEPT: Final = 500
"""How many states of items a customer keeps, unless a deployment decides."""


@dataclass(frozen=True, slots=True)
class StateSpec:
    """A state of each value of `keys`: column of `table` → column of the event. `name` is what one is called.

    The first key is the customer. An event makes a state if one of the measures counts its type and none of its
    keys is missing; purchases without a customer make none. Decayed sums need the measure REFERENCE beside them.

    `of_lines`: of each item of an order's or a refund's lines; keys and measures are columns of `ItemRow`.
    `is_bounded`: a customer keeps so many at most, those whose last event is the latest. It needs `FIRST_EVENT` and
    REFERENCE, of all its types.
    """

    name: str
    table: str
    keys: Mapping[str, str]
    measures: tuple[Measure, ...]
    of_lines: bool = False
    is_bounded: bool = False
    types: tuple[str, ...] = field(init=False)
    """The types of events that make such a state; none: all."""

    def __post_init__(self) -> None:
        names = {measure.name for measure in self.measures}
        assert next(iter(self.keys)) == "customer_id"
        assert REFERENCE in names or all(measure.merge is not Merge.DECAYED for measure in self.measures)
        assert not self.is_bounded or {FIRST_EVENT, REFERENCE} <= names
        counted = [measure.kept_types for measure in self.measures]
        types = tuple(dict.fromkeys(type_ for types in counted for type_ in types)) if all(counted) else ()
        object.__setattr__(self, "types", types)

    def rows_of(self, event: e.Event) -> list[Told]:
        """What measures are made of: the event, or what it says of each item."""
        return [*item_rows(event)] if self.of_lines else [event]

    def concerns(self, event: Told) -> bool:
        """Whether the event makes such a state."""
        is_of_type = not self.types or event.type in self.types
        return is_of_type and not event.customer_id.startswith(BASKET) and None not in self.key_of(event)

    def key_of(self, event: Told) -> tuple[str | None, ...]:
        """The keys of the state that the event belongs to."""
        return tuple(getattr(event, column) for column in self.keys.values())


def fold_states(spec: StateSpec, events: Iterable[e.Event]) -> dict[tuple[str | None, ...], State]:
    """Keys → state, of a set of events: the reference that every engine is compared with."""
    by_key: dict[tuple[str | None, ...], list[Told]] = {}
    for row in (row for event in events for row in spec.rows_of(event)):
        if spec.concerns(row):
            by_key.setdefault(spec.key_of(row), []).append(row)
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

CONSENT: Final = StateSpec(
    "consent",
    "customer_consents",
    {"customer_id": "customer_id", "purpose": "kind", "channel": "channel"},
    (Measure("word", "text", Merge.LATEST, "value", (e.CONSENT_CHANGED,)),),
)
"""The latest word on a purpose and a channel. Of marketing and personalization the customer's state has it too."""

_ORDER: Final = (e.ORDER_COMPLETED,)
_REFUND: Final = (e.ORDER_REFUNDED,)
_ANY: Final = (*_ORDER, *_REFUND, e.ORDER_RETURNED)

ITEM: Final = StateSpec(
    "item",
    "customer_items",
    {"customer_id": "customer_id", "item_id": "item_id"},
    (
        Measure("orders", "orders", Merge.SUM, Lift.ONE, _ORDER),
        Measure("quantity", "pieces", Merge.SUM, "quantity", _ORDER),
        Measure("spend_minor", "minor", Merge.SUM, "spend_minor", _ORDER),
        Measure("discounted_orders", "orders", Merge.SUM, "is_discounted", _ORDER),
        Measure("refunds", "refunds", Merge.SUM, Lift.ONE, _REFUND),
        Measure("refunded_quantity", "pieces", Merge.SUM, "quantity", _REFUND),
        Measure(FIRST_EVENT, "us", Merge.FIRST, "occurred_us", _ANY),
        Measure(REFERENCE, "us", Merge.LAST, "occurred_us", _ANY),
        Measure("first_order_us", "us", Merge.FIRST, "occurred_us", _ORDER),
        Measure("last_order_us", "us", Merge.LAST, "occurred_us", _ORDER),
        Measure("second_last_order_us", "us", Merge.SECOND_LAST, "occurred_us", _ORDER, behind="last_order_us"),
        Measure("orders_decayed_30d", "orders", Merge.DECAYED, Lift.ONE, _ORDER, half_life_days=30),
        Measure("orders_decayed_120d", "orders", Merge.DECAYED, Lift.ONE, _ORDER, half_life_days=120),
    ),
    of_lines=True,
    is_bounded=True,
)
"""What a customer has bought. Of an order of a source with identity what was given back is off its lines already;
`refunds` and `refunded_quantity` are of those whose order is not known, and are to be taken off by who reads. Of what
was given back whole the state stays, of no order: it was not bought, and the customer knows it."""

_VIEW: Final = (e.PRODUCT_VIEWED,)
_CART: Final = (e.PRODUCT_ADDED,)

INTEREST: Final = StateSpec(
    "interest",
    "customer_interests",
    {"customer_id": "customer_id", "item_id": "reference"},
    (
        Measure("views", "events", Merge.SUM, Lift.ONE, _VIEW),
        Measure("carts", "events", Merge.SUM, Lift.ONE, _CART),
        Measure(FIRST_EVENT, "us", Merge.FIRST, "occurred_us", (*_VIEW, *_CART)),
        Measure(REFERENCE, "us", Merge.LAST, "occurred_us", (*_VIEW, *_CART)),
        Measure("last_view_us", "us", Merge.LAST, "occurred_us", _VIEW),
        Measure("last_cart_us", "us", Merge.LAST, "occurred_us", _CART),
        Measure("views_decayed_15d", "events", Merge.DECAYED, Lift.ONE, _VIEW, half_life_days=15),
    ),
    is_bounded=True,
)
"""What a customer has looked at and laid into a basket."""

STATES: Final = (CUSTOMER, CASE, CONSENT, ITEM, INTEREST)
"""Every state, in the order in which a transaction locks their rows."""
