"""What offers may know of a customer: lines bought and given back, and what is to be expected by times and amounts of
orders alone. Whatever else is kept of a customer is taken off before it is looked at."""

import math
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from app.customers.item_states import ItemStates
from app.customers.state import CustomerState
from app.decisions.knowing import read_tact
from app.lifecycle.arms import Arms
from app.lifecycle.measures import DECAYED, NUMERIC, REFERENCE, TIMES
from app.lifecycle.pricing.depth import Code, Evidence
from app.lifecycle.pricing.sensitivity import Habit, ShopShare, count_kept
from app.lifecycle.tact import tactless
from app.lifecycle.value import Tier
from app.recommendations.histories import History
from app.scores.scoring import Scoring
from app.scores.service import score_one, tier_of

SEEN: Final = frozenset(
    (
        *("orders", "order_days", "first_order_us", "last_order_us", "second_last_order_us", REFERENCE),
        *("spend_minor", "discount_minor", "items", "refunds", "refunded_minor", "last_refund_us"),
        *(measure.name for measure in DECAYED if not measure.name.startswith("visits")),
    )
)
"""Measures that risk and value of an offer are foreseen from. Left out, as unknown of everybody: where somebody buys
(`orders_store`), at which time of the year (`season_cos`, `season_sin`), what they look at, complain of, ask for and
earn, and since when they are known beside their orders."""
_IS_SEEN: Final = [measure.name in SEEN for measure in NUMERIC]
_UNSEEN: Final = [None if measure in TIMES else math.nan for measure in NUMERIC]


class Standing(NamedTuple):
    """Of one person, by the id that they go by. `refused`: why they have no offer of anything; None: they may.

    `items` are orders with an item, and those of them on discount, net of returns."""

    person_id: str
    refused: Code | None
    habit: Habit
    churn_risk: float | None
    value_tier: Tier | None
    items: Mapping[str, tuple[float, float]]

    def evidence(self, item_id: str, shop: ShopShare) -> Evidence:
        """For an item."""
        return Evidence(
            *self.habit, shop.share, shop.weight, self.churn_risk, self.value_tier, *self.items.get(item_id, (0.0, 0.0))
        )


def read_standing(
    history: History | None, scoring: Scoring, arms: Arms, now_us: int, buyer: Collection[str] = ()
) -> Standing:
    """`history` None: of nobody in particular. `buyer` is what the request says of who buys (`tact.BUYERS`)."""
    customer = None if history is None else history.customer
    if history is None or customer is None:
        return Standing("", "unknown_customer", Habit(0.0, 0.0, 0.0), None, None, {})
    items = count_items(history.items)
    score = score_one(only_seen(customer), now_us, scoring)
    return Standing(
        customer.person_id or customer.customer_id,
        _refuse(customer, arms, now_us, buyer),
        habit_of(customer, items),
        score.churn_risk,
        tier_of(score, scoring),
        items,
    )


def only_seen(customer: CustomerState) -> CustomerState:
    """The state without what offers may not know."""
    numbers = [
        number if seen else unseen for number, seen, unseen in zip(customer.numbers, _IS_SEEN, _UNSEEN, strict=True)
    ]
    return CustomerState(customer.customer_id, numbers, [None] * len(customer.texts))


def habit_of(customer: CustomerState, items: Mapping[str, tuple[float, float]]) -> Habit:
    """Over all items, as `count_items` has them."""
    lines, discounted = (sum(counts[n] for counts in items.values()) for n in (0, 1))
    return Habit(min(customer.number("orders") or 0.0, lines), lines, discounted)


def count_items(states: ItemStates) -> dict[str, tuple[float, float]]:
    """Orders with each item, and those of them on discount, net of returns."""
    if not states.item_ids:
        return {}
    orders, discounted = count_kept(
        *(states.column(name) for name in ("orders", "discounted_orders", "quantity", "refunded_quantity"))
    )
    return dict(zip(states.item_ids, zip(orders.tolist(), discounted.tolist(), strict=True), strict=True))


def _refuse(customer: CustomerState, arms: Arms, now_us: int, buyer: Collection[str]) -> Code | None:
    """As decisions do, of whom nothing is sold to by their profile: it never bears on how deep an offer is."""
    if customer.refuses_profiling:
        return "personalization_refused"
    tact = tactless("offer", read_tact(customer, now_us), dict.fromkeys(buyer, True))
    if tact == "staff" or tact == "minor":
        return tact
    if arms.of(customer.person_id or customer.customer_id) == "control":
        return "control_group"
    return None
