"""The loyalty programme of the demo shop: points and tiers that follow from a member's orders."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from numpy.random import Generator

from ml.demo.seasons import DAY_S
from ml.demo.shoppers import Order
from ml.demo.touchpoints import CRM, Row

YEAR_S: Final = 365 * DAY_S
REVIEW_S: Final = 180 * DAY_S
TIERS: Final = ("basic", "silver", "gold", "platinum")
TIER_FROM_MINOR: Final = (0, 1_000_00, 2_500_00, 5_000_00)  # spend between two reviews
REDEEMABLE_POINTS: Final = 500


def keep_points(rng: Generator, orders: list[Order], end_s: int) -> Iterator[Row]:
    """A point for each unit of currency, spent on gifts in hundreds, lost after a year without an order."""
    balance = 0
    for order, next_s in zip(orders, [*(order.at_s for order in orders[1:]), end_s], strict=True):
        earned = order.basket.total_minor // 100
        balance += earned
        if earned:
            yield Row(order.at_s + 5, "points.earned", CRM, {"points": earned, "order_id": order.order_id})
        if balance >= REDEEMABLE_POINTS and rng.random() < 0.25:
            spent = balance // 100 * 100
            balance -= spent
            yield Row(order.at_s + 90, "points.redeemed", CRM, {"points": spent, "order_id": order.order_id})
        if balance and next_s - order.at_s > YEAR_S:
            yield Row(order.at_s + YEAR_S, "points.expired", CRM, {"points": balance})
            balance = 0


def keep_tier(orders: list[Order], end_s: int) -> Iterator[Row]:
    """Up as soon as the spend of a review period reaches a tier; at its end down to what it earned."""
    tier, spent_minor, review_s = 0, 0, orders[0].at_s + REVIEW_S
    for at_s, paid_minor in [*((order.at_s, order.basket.total_minor) for order in orders), (end_s, 0)]:
        while review_s <= at_s:
            earned = bisect_right(TIER_FROM_MINOR, spent_minor) - 1
            if earned != tier:
                yield Row(review_s, "tier.changed", CRM, {"tier": TIERS[earned]})
            tier, spent_minor, review_s = earned, 0, review_s + REVIEW_S
        spent_minor += paid_minor
        reached = bisect_right(TIER_FROM_MINOR, spent_minor) - 1
        if reached > tier:
            tier = reached
            yield Row(at_s + 10, "tier.changed", CRM, {"tier": TIERS[tier]})
