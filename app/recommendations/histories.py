"""What is known of a customer when something is recommended: habits, orders, and what they were shown in vain."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.customers.item_states import ItemStates, read_item_states
from app.customers.service import read_states
from app.customers.state import CustomerState
from app.database.engine import Driver
from app.lifecycle.clocks.renewal import Bought
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from app.lifecycle.measures import REFERENCE
from app.lifecycle.ranking.owned import Buyers, Owned
from app.lifecycle.states import ITEM
from app.recommendations.forgotten_queries import READ_FORGOTTEN
from app.recommendations.shown_queries import READ_SHOWN

Ints = NDArray[np.int64]
SHOWN_DAYS: Final = 30
NO_ITEMS: Final = ItemStates(ITEM, [], np.empty((0, len(ITEM.measures))))
_HALF_LIVES_DAYS: Final = (30, 120)
_PLACES: Final = {measure.name: place for place, measure in enumerate(ITEM.measures)}
_READ: Final = [
    _PLACES[name]
    for name in (
        *("orders", "quantity", "refunded_quantity", "first_order_us", "last_order_us", "second_last_order_us"),
        *(REFERENCE, "orders_decayed_30d", "orders_decayed_120d", "refunds"),
    )
]


class Shown(NamedTuple):
    """In how many of the latest recommendations an item was shown, and in how many of these taken."""

    shown: int
    taken: int


class OfWhom(NamedTuple):
    """Whose history is asked for. Not `is_whole`: nothing of it but what was shown, if that may be looked at, for a
    list that is everybody's."""

    customer_id: str
    is_whole: bool = True
    is_for_new: bool = False
    """Whether all that was ever bought is to be known, of which states are kept or not."""


class History(NamedTuple):
    """Of all ids of a person together. `customer` None: there is no event of them, or it was not asked for."""

    customer: CustomerState | None
    items: ItemStates
    shown: Mapping[str, Shown]
    forgotten: Sequence[str] = ()
    """Items that were bought, of which no state may be kept any more; where they are asked for."""

    def permitted(self) -> "History":
        """What may be looked at to choose for them: nothing of who refuses what is personal."""
        if self.customer is not None and self.customer.refuses_profiling:
            return self._replace(items=NO_ITEMS, shown={}, forgotten=())
        return self

    def last_us(self) -> int:
        """The time of the last event."""
        return 0 if self.customer is None else int(self.customer.number(REFERENCE) or 0)


class Habits(NamedTuple):
    """What a customer has bought, by items as they are numbered, ascending; (n,) each, as counted at one time.

    Items that nothing but the history knows are `strays`, numbered beyond the others. What was given back, all of it,
    is `is_returned`: it is known, and not bought.
    """

    items: Ints
    orders: Floats
    quantity: Floats
    first_us: Floats
    last_us: Floats
    second_last_us: Floats
    decayed_30d: Floats
    decayed_120d: Floats
    is_returned: NDArray[np.bool_]
    strays: Sequence[str]

    def kept(self) -> "Habits":
        """Without what was given back."""
        return self.some(~self.is_returned) if self.is_returned.any() else self

    def some(self, which: NDArray[np.bool_]) -> "Habits":
        """Those wanted."""
        return self.at(which.nonzero()[0])

    def at(self, places: Ints) -> "Habits":
        """Those at these places, in this order."""
        columns: dict[str, Any] = dict(zip(self._fields, (column.take(places) for column in self[:-1]), strict=False))
        return self._replace(**columns)

    def known(self, width: int) -> "Habits":
        """Those of the first `width` items."""
        return self if not len(self.items) or self.items[-1] < width else self.some(self.items < width)

    def bought(self) -> Bought:
        """For the clocks."""
        return Bought(self.orders, self.quantity, self.first_us, self.last_us)


async def read_histories(driver: Driver, asked: Sequence[OfWhom], since_us: int) -> list[History]:
    """In the order asked for, with what was shown since a time. Raises NotReady."""
    wanted = list(dict.fromkeys(each.customer_id for each in asked))
    shown: dict[str, dict[str, Shown]] = {}
    for row in await driver.fetch(READ_SHOWN, customer_ids=wanted, since_us=since_us):
        shown.setdefault(row["customer_id"], {})[row["item_id"]] = Shown(row["shown"], row["taken"])
    whole = list(dict.fromkeys(each.customer_id for each in asked if each.is_whole))
    customers: dict[str, CustomerState | None] = {}
    if known := list({*whole, *shown}):
        customers = dict(zip(known, await read_states(driver, known), strict=True))
    items: dict[str, ItemStates] = {}
    if whole:
        items = dict(zip(whole, await read_item_states(driver, whole), strict=True))
    forgotten: dict[str, list[str]] = {}
    if explorers := list({each.customer_id for each in asked if each.is_for_new}):
        rows = await driver.fetch(READ_FORGOTTEN, customer_ids=explorers)
        forgotten = {row["customer_id"]: row["item_ids"] for row in rows}
    return [
        History(customers.get(of), items[of], shown.get(of, {}), forgotten.get(of, ()) if is_for_new else ())
        if is_whole
        else History(None, NO_ITEMS, History(customers.get(of), NO_ITEMS, shown.get(of, {})).permitted().shown)
        for of, is_whole, is_for_new in asked
    ]


def read_habits(states: ItemStates, at: Mapping[str, int], width: int, as_of_us: int) -> Habits:
    """Habits from states, as they are at a time; items beyond `at` are numbered from `width` on, by id."""
    items, strays = _number(states.item_ids, at, width)
    order = items.argsort()
    columns = np.ascontiguousarray(states.numbers.take(order, axis=0).T)
    orders, quantity, given_back, first_us, last_us, second_us, event_us, short, long, refunds = (
        columns[place] for place in _READ
    )
    is_returned = (orders <= 0) | ((given_back > 0) & (given_back >= quantity))
    ages_days = np.maximum(as_of_us - event_us, 0.0) / DAY_US
    habits = Habits(
        items.take(order),
        orders,
        np.maximum(quantity - given_back, 0.0),
        first_us,
        last_us,
        second_us,
        short * np.exp2(-ages_days / _HALF_LIVES_DAYS[0]),
        long * np.exp2(-ages_days / _HALF_LIVES_DAYS[1]),
        is_returned,
        strays,
    )
    return _take_off(habits, refunds, quantity, event_us) if given_back.any() else habits


def _take_off(habits: Habits, refunds: Floats, quantity: Floats, event_us: Floats) -> Habits:
    """Without the orders whose pieces of the item came back, as far as that can be told of sums.

    So many as the pieces that came back are orders of the usual size, and no more than there were refunds. Where a
    refund is the last that was heard of the item, it is of the last order.
    """
    given_back = np.maximum(quantity - habits.quantity, 0.0)
    of_usual_size = np.floor(given_back * habits.orders / np.maximum(quantity, 1e-9) + 1e-9)
    orders = np.maximum(habits.orders - np.minimum(refunds, of_usual_size), np.minimum(habits.orders, 1.0))
    is_less = (orders < habits.orders) & ~habits.is_returned
    if not is_less.any():
        return habits
    left = np.where(is_less, orders / np.maximum(habits.orders, 1.0), 1.0)
    is_of_last = is_less & (event_us > habits.last_us) & ~np.isnan(habits.second_last_us)
    last_us = np.where(is_of_last, habits.second_last_us, habits.last_us)
    return habits._replace(
        orders=np.where(is_less, orders, habits.orders),
        first_us=np.where(is_less & (orders <= 1.0), last_us, habits.first_us),
        last_us=last_us,
        second_last_us=np.where(is_less & ((orders <= 1.0) | is_of_last), np.nan, habits.second_last_us),
        decayed_30d=habits.decayed_30d * left,
        decayed_120d=habits.decayed_120d * left,
    )


def _number(item_ids: Sequence[str], at: Mapping[str, int], width: int) -> tuple[Ints, Sequence[str]]:
    """(n,): of each its number; and those that have one beyond the others, in their order."""
    try:  # nearly always all are known, and are found without a loop
        return np.fromiter(map(at.__getitem__, item_ids), np.int64, len(item_ids)), ()
    except KeyError:
        strays = sorted(item_id for item_id in item_ids if item_id not in at)
    beyond = {item_id: width + n for n, item_id in enumerate(strays)}
    return np.array([at[item_id] if item_id in at else beyond[item_id] for item_id in item_ids], np.int64), strays


def owned_of(own: Habits, as_of_us: int) -> Owned:
    """For the ranker: habits of items that it has."""
    times_us = np.concatenate([own.first_us, own.last_us, own.second_last_us]).reshape(3, -1)
    first, last, second = np.maximum(as_of_us - times_us, 0.0) / DAY_US
    starts = np.array([0, len(own.items)])
    return Owned(starts, own.items, own.orders, first, last, second, own.decayed_30d, own.decayed_120d)


def buyers_of(customer: CustomerState, habits: Habits, as_of_us: int) -> Buyers:
    """For the ranker: orders of the customer, no fewer than they have of one item."""
    orders, first_us, last_us = _count_orders(customer, habits)
    age_days = max(as_of_us - (customer.number(REFERENCE) or as_of_us), 0.0) / DAY_US
    decayed = [
        (customer.number(f"orders_decayed_{days}d") or 0.0) * 2.0 ** (-age_days / days) for days in _HALF_LIVES_DAYS
    ]
    ages_days = [max(as_of_us - each_us, 0.0) / DAY_US for each_us in (first_us, last_us)]
    return Buyers(*np.array([orders, *ages_days, *decayed])[:, None])


def orders_of(customer: CustomerState, habits: Habits) -> Bought:
    """For the clocks: (1,) of all orders of a customer who has bought."""
    orders, first_us, last_us = np.array(_count_orders(customer, habits))[:, None]
    return Bought(orders, orders, first_us, last_us)


def _count_orders(customer: CustomerState, habits: Habits) -> tuple[float, float, float]:
    """(orders, time of the first, of the last)."""
    orders = max(customer.number("orders") or 0.0, float(habits.orders.max()), 1.0)
    first_us = min(customer.number("first_order_us") or np.inf, float(habits.first_us.min()))
    last_us = max(customer.number("last_order_us") or 0.0, float(habits.last_us.max()))
    return orders, first_us, last_us
