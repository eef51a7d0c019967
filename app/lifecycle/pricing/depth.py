"""How deep an offer goes: the step that suits a customer, and what the guard rails leave of it for an item.

What is asked of the customer is `Evidence`, and nothing else; of the item `ItemFacts`. An offer is never above the
regular price, and never below the margin floor.
"""

from collections.abc import Mapping
from dataclasses import asdict
from math import floor
from typing import Any, Final, Literal, NamedTuple

from app.lifecycle.pricing.policy import WHOLE, OfferPolicy, up_to
from app.lifecycle.pricing.sensitivity import Habit, ShopShare, shrink
from app.lifecycle.value import Tier

Code = Literal[
    "switched_off",
    "unknown_customer",
    "control_group",
    "personalization_refused",
    "staff",
    "minor",
    "not_in_catalogue",
    "not_for_sale",
    "no_price",
    "too_little_known",
    "buys_at_full_price",
    "buys_this_at_full_price",
    "comes_anyway",
    "buys_on_offer",
    "at_risk",
    "value_tier",
    "merchant_limit",
    "margin_unknown",
    "margin_floor",
    "nothing_to_save",
]
"""Why an offer is as deep as it is, or none."""
VERSION: Final = 1
"""Of what follows from `Evidence`, `ItemFacts` and policy; kept in every receipt."""
OWN_ORDERS: Final = 2.0
"""By how many orders the customer's own share counts for an item's: an assumption."""
_MILLION: Final = 1_000_000
_EXACT: Final = 1e-9
"""A quotient that is off by rounding alone is the whole number."""


class Evidence(NamedTuple):
    """All that an offer may depend on of a customer. `orders`, `lines` and `discounted` as of `Habit`, `shop_share` and
    `shop_weight` as of `ShopShare`; `item_orders` with the item, `item_discounted` of them on discount, net of returns.

    `churn_risk` and `value_tier` None: they are not known.
    """

    orders: float
    lines: float
    discounted: float
    shop_share: float
    shop_weight: float
    churn_risk: float | None
    value_tier: Tier | None
    item_orders: float
    item_discounted: float


class Wish(NamedTuple):
    """What suits the customer, in ten-thousandths of the price, and why, the foremost first."""

    parts: int
    codes: tuple[Code, ...]


class ItemFacts(NamedTuple):
    """Of an item as the catalogue has it. `price_minor` None: it has none; `margin` None: it is not known, else the
    share of the price that is left of it; `most`: the merchant's limit, None: there is none."""

    price_minor: int | None
    margin: float | None
    most: float | None = None


class Offer(NamedTuple):
    """`parts` ten-thousandths off the regular price, so that it is `price_minor`; 0: none, at the regular price.

    `codes`: what bounds it, the last that bound it first, then those of the wish.
    """

    parts: int
    price_minor: int | None
    codes: tuple[Code, ...]

    @property
    def depth(self) -> float:
        """The share of the regular price that is taken off."""
        return self.parts / WHOLE


def sensitivity_of(evidence: Evidence) -> float:
    """The share bought on discount that the data support, see `app.lifecycle.pricing.sensitivity`."""
    habit = Habit(evidence.orders, evidence.lines, evidence.discounted)
    return shrink(habit, ShopShare(evidence.shop_share, evidence.shop_weight))


def wish_for(evidence: Evidence, policy: OfferPolicy) -> Wish:
    """The step by sensitivity, one more at risk, one less where they come anyway, no deeper than the tier's."""
    if evidence.orders < policy.least_orders or evidence.lines <= 0:
        return Wish(0, ("too_little_known",))
    share = sensitivity_of(evidence)
    if share < policy.from_share:
        return Wish(0, ("buys_at_full_price",))
    of_item = (evidence.item_discounted + OWN_ORDERS * share) / (evidence.item_orders + OWN_ORDERS)
    if of_item < policy.from_share:
        return Wish(0, ("buys_this_at_full_price",))
    steps, codes = _step_of(share, policy), tuple[Code, ...](("buys_on_offer",))
    risk = evidence.churn_risk
    if risk is not None and risk >= policy.at_risk:
        steps, codes = steps + 1, ("buys_on_offer", "at_risk")
    elif risk is not None and risk <= policy.sure_risk:
        steps -= 1
        if not steps:
            return Wish(0, ("comes_anyway",))
    parts = policy.parts[min(steps, len(policy.parts)) - 1]
    most = up_to(policy.most(evidence.value_tier))
    if parts <= most:
        return Wish(parts, codes)
    return Wish(_deepest(policy, most), ("value_tier", *codes))


def _step_of(share: float, policy: OfferPolicy) -> int:
    """From 1, for a share that has one."""
    between = len(policy.parts) - 1
    if not between:
        return 1
    place = (share - policy.from_share) / (policy.deepest_share - policy.from_share) * between
    return 1 + min(floor(place + _EXACT), between)


def _deepest(policy: OfferPolicy, most: int) -> int:
    """The deepest step that is no deeper than `most`; 0: there is none."""
    return max((parts for parts in policy.parts if parts <= most), default=0)


def price_at(price_minor: int, parts: int) -> int:
    """The price with so much off: what is taken off is rounded down to the minor unit, for the shop."""
    return price_minor - price_minor * parts // WHOLE


def least_price(price_minor: int, margin: float, margin_floor: float) -> int:
    """The least price at which (price − cost) / price is no less than the floor, the cost being what the margin leaves
    of the regular price; rounded up."""
    cost = price_minor * (_MILLION - round(margin * _MILLION))
    kept = _MILLION - round(margin_floor * _MILLION)
    return -(-cost // kept)


def guard(wish: Wish, item: ItemFacts, policy: OfferPolicy) -> Offer:
    """What is left of a wish for an item: the deepest step, no deeper than wished, that every guard rail lets pass."""
    price_minor = item.price_minor
    if price_minor is None:
        return Offer(0, None, ("no_price",))
    if not wish.parts:
        return Offer(0, price_minor, wish.codes)
    parts, codes = wish
    if item.most is not None and parts > up_to(item.most):
        parts, codes = _deepest(policy, up_to(item.most)), ("merchant_limit", *codes)
    if item.margin is None and parts > up_to(policy.most_of_unknown_margin):
        parts, codes = _deepest(policy, up_to(policy.most_of_unknown_margin)), ("margin_unknown", *codes)
    if item.margin is not None and parts:
        least_minor = least_price(price_minor, item.margin, policy.margin_floor)
        if price_at(price_minor, parts) < least_minor:
            passing = [each for each in policy.parts if each < parts and price_at(price_minor, each) >= least_minor]
            parts, codes = max(passing, default=0), ("margin_floor", *codes)
    if parts and price_at(price_minor, parts) == price_minor:
        parts, codes = 0, ("nothing_to_save", *codes)
    return Offer(parts, price_at(price_minor, parts), codes)


def receipt_of(evidence: Evidence, item: ItemFacts, policy: OfferPolicy, offer: Offer) -> dict[str, Any]:
    """All that an offer was made of and came to, for `recompute`; of JSON's types."""
    return {
        "version": VERSION,
        "evidence": evidence._asdict(),
        "item": item._asdict(),
        "policy": {**asdict(policy), "steps": [*policy.steps]},
        "sensitivity": sensitivity_of(evidence),
        "depth": offer.depth,
        "price_minor": offer.price_minor,
        "codes": [*offer.codes],
    }


def recompute(receipt: Mapping[str, Any]) -> Offer:
    """The offer that follows from what a receipt says it was made of. Raises ValueError for another version's."""
    if receipt["version"] != VERSION:
        raise ValueError("The receipt is of another version.")
    policy = OfferPolicy(**receipt["policy"])
    return guard(wish_for(Evidence(**receipt["evidence"]), policy), ItemFacts(**receipt["item"]), policy)
