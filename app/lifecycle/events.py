"""What an event is: its envelope, the typed facts that measures are made of, and the names of types."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, NamedTuple

from iso4217 import Currency

ORDER_COMPLETED: Final = "order.completed"
ORDER_REFUNDED: Final = "order.refunded"
ORDER_UPDATED: Final = "order.updated"
ORDER_CANCELLED: Final = "order.cancelled"
ORDER_VOIDED: Final = "order.completed (void)"
REFUND_VOIDED: Final = "order.refunded (void)"
"""What an order and its refunds are kept as once the order is cancelled: they count as nothing. No sender can say so,
since the name of a type has no spaces."""
ORDER_RETURNED: Final = "order.completed (given back)"
"""What an order is kept as once all of it was given back: of it the money alone counts."""
WHOLE: Final = "whole"
BY_LINES: Final = "lines"
"""The kind of a refund that names no amount: its order's, or that of lines whose prices its order knows."""
STORE_VISITED: Final = "store.visited"
PRODUCT_VIEWED: Final = "product.viewed"
PRODUCT_ADDED: Final = "product.added"
PRODUCTS_SEARCHED: Final = "products.searched"
CUSTOMER_IDENTIFIED: Final = "customer.identified"
CUSTOMER_MERGED: Final = "customer.merged"
CUSTOMER_UNMERGED: Final = "customer.unmerged"
CONSENT_CHANGED: Final = "consent.changed"
FEEDBACK_SUBMITTED: Final = "feedback.submitted"
CASE_OPENED: Final = "case.opened"
CASE_ANSWERED: Final = "case.answered"
CASE_RESOLVED: Final = "case.resolved"
POINTS_EARNED: Final = "points.earned"
POINTS_REDEEMED: Final = "points.redeemed"
POINTS_EXPIRED: Final = "points.expired"
TIER_CHANGED: Final = "tier.changed"
ACTION_DELIVERED: Final = "action.delivered"
ACTION_OPENED: Final = "action.opened"
ACTION_ACCEPTED: Final = "action.accepted"
ACTION_DECLINED: Final = "action.declined"
ACTION_REDEEMED: Final = "action.redeemed"
RECOMMENDATION_SHOWN: Final = "recommendation.shown"
RECOMMENDATION_CLICKED: Final = "recommendation.clicked"
RECOMMENDATION_ADDED: Final = "recommendation.added"

ORDER_TYPES: Final = (ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED, ORDER_CANCELLED)
"""They need not say whose they are."""
SALES: Final = (ORDER_COMPLETED, ORDER_RETURNED)
"""What was paid for, given back or not."""
VISIT_TYPES: Final = (STORE_VISITED, PRODUCT_VIEWED, PRODUCT_ADDED, PRODUCTS_SEARCHED)
RECOMMENDATION_TYPES: Final = (RECOMMENDATION_SHOWN, RECOMMENDATION_CLICKED, RECOMMENDATION_ADDED)
POINTS_TYPES: Final = (POINTS_EARNED, POINTS_REDEEMED, POINTS_EXPIRED)
"""The types that measures count together. What each type is, is declared in `app.lifecycle.event_types`."""

ALL_CHANNELS: Final = "*"
"""The channel of a consent that names none: it speaks for every channel."""
ALL_PURPOSES: Final = "all"
"""The purpose of a consent that names none: it speaks for every purpose."""

MAX_AMOUNT_MINOR: Final = 10**12
_EXACT: Final = 2.0**49
_CLOSE: Final = 0.25
"""Below 2^49 the product is off by less than 2^−3, so that its integer is the decimal's too."""
DAY_US: Final = 86_400_000_000

_MINOR_DIGITS: Final = {each.code: each.exponent for each in Currency if each.exponent is not None}


class OrderLine(NamedTuple):
    """A line: attributes of the composite type `order_line`, in its order.

    `quantity` is in pieces, or in the unit in which the product is weighed; `price_minor` of one, `discount_minor`
    of the line; None: not said.
    """

    item_id: str
    category: str | None
    quantity: float
    price_minor: int | None
    discount_minor: int | None


class Event(NamedTuple):
    """One event of one customer. Fields are the columns of the `events` table, in its order.

    `occurred_us` is microseconds since 1970-01-01 UTC. `kind` is the feedback metric, the kind of a case, the purpose
    of a consent, or what a refund that names no amount is of; `reference` the order, case or item the event belongs to;
    `value` the text that a latest-value measure keeps (score, tier, `granted` or `denied`); `lines` those of an order
    or refund, as `app.database.order_lines` writes them.
    """

    customer_id: str
    source: str
    id: str
    type: str
    occurred_us: int
    kind: str | None
    channel: str | None
    reference: str | None
    amount_minor: int
    discount_minor: int
    items: int
    points: int
    value: str | None
    digest: bytes
    data: str
    lines: str | None = None


def told_type(type_: str) -> str:
    """The type that an event came with, of one that is kept as another: void, or given back."""
    return type_.partition(" ")[0]


def minor_digits(currency: str) -> int:
    """Decimal digits of the currency's minor unit by the list of ISO 4217; 2 for a code that it gives none for."""
    return _MINOR_DIGITS.get(currency, 2)


def to_minor(amount: float, digits: int) -> int:
    """Amount in major units → integer minor units, halves away from zero.

    By the shortest decimal that reads back as the same float, so 1.005 rounds as written. That needs
    to be looked at only where the product with the power of ten is not close to an integer anyway.
    """
    scaled: float = amount * 10**digits
    if -_EXACT < scaled < _EXACT and -_CLOSE < scaled - (nearest := round(scaled)) < _CLOSE:
        return nearest
    return int(Decimal(repr(amount)).scaleb(digits).to_integral_value(ROUND_HALF_UP))


def to_major(amount_minor: float, digits: int) -> float:
    """Integer minor units → major units, rounded to the minor unit."""
    return float(round(amount_minor) / 10**digits)


def count_items(products: list[Mapping[str, Any]]) -> int:
    """Pieces in a basket. A weighed product (a fraction as quantity) counts as one piece."""
    items = 0
    for product in products:
        quantity = product.get("quantity") or 1
        whole = int(quantity)
        items += whole if whole == quantity else 1
    return items
