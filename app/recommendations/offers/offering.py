"""From a customer and items to offers: what is known of both, what is not asked at all, and what is given."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from app.decisions.held import Decisions
from app.foundation.metrics import count_offers
from app.foundation.times import iso
from app.http.resources import Resources
from app.items.following import Items
from app.items.held import Catalogue
from app.lifecycle.events import to_major
from app.lifecycle.pricing.depth import Code, ItemFacts
from app.lifecycle.pricing.phrases import say_code
from app.recommendations.histories import History
from app.recommendations.merchant_rules import MerchantRule, find_limits
from app.recommendations.offers.giving import Asking, Told, refused
from app.recommendations.offers.held import Offers
from app.recommendations.offers.standing import Standing, read_standing
from app.scores.held import Scores


async def offer_items(
    resources: Resources,
    history: History | None,
    item_ids: Sequence[str],
    rules: Sequence[MerchantRule],
    now_us: int,
    buyer: Collection[str] = (),
) -> list[Told]:
    """An offer of each item, in their order; depth 0 of what is not offered, and why. `history` None: of nobody who is
    known; `buyer` is what the request says of who buys. Raises NotReady: what could not be kept is not told."""
    offers, catalogue = resources.of(Offers), resources.of(Items).catalogue
    scoring, arms = resources.of(Scores).scoring(), resources.of(Decisions).arms
    standing = read_standing(history, scoring, arms, now_us, buyer)
    limits = find_limits(rules, item_ids, catalogue, now_us)
    asked = [
        _ask(item_id, standing, offers, catalogue, limit, now_us)
        for item_id, limit in zip(item_ids, limits, strict=True)
    ]
    submitted = [offers.giving.submit(each) for each in asked if isinstance(each, Asking)]
    given = iter(await asyncio.gather(*submitted))
    told = [next(given) if isinstance(each, Asking) else each for each in asked]
    count_offers([each.offer.depth for each in told])
    return told


def _ask(
    item_id: str, standing: Standing, offers: Offers, catalogue: Catalogue, limit: float | None, now_us: int
) -> Asking | Told:
    item, place = catalogue.item(item_id), catalogue.places_of([item_id])
    is_sold = bool(catalogue.may_be_shown(place, now_us)[0])
    code = _refuse(standing, offers, is_known=item.is_known, is_sold=is_sold, has_price=item.price_minor is not None)
    if code is not None:
        return refused(item_id, code, item.price_minor)
    return Asking(
        standing.person_id,
        item_id,
        standing.evidence(item_id, offers.shop_share),
        ItemFacts(item.price_minor, item.margin, limit),
        int(catalogue.records["valid_to_us"][place[0]]),
        offers.policy,
        now_us,
    )


def _refuse(standing: Standing, offers: Offers, *, is_known: bool, is_sold: bool, has_price: bool) -> Code | None:
    if not offers.policy.enabled:
        return "switched_off"
    if standing.refused is not None:
        return standing.refused
    if not is_known:
        return "not_in_catalogue"
    if not is_sold:
        return "not_for_sale"
    return None if has_price else "no_price"


def render_offer(told: Told, digits: int) -> dict[str, Any]:
    """An offer on the wire, money in major units."""
    offer, receipt = told.offer, told.receipt
    regular_minor = receipt["item"]["price_minor"] if "item" in receipt else offer.price_minor
    evidence = receipt.get("evidence")
    share = evidence["discounted"] / evidence["lines"] if evidence and evidence["lines"] else 0.0
    return {
        "depth": offer.depth,
        "price": _major(offer.price_minor, digits),
        "regular_price": _major(regular_minor, digits),
        "valid_from": None if told.valid_from_us is None else iso(told.valid_from_us),
        "valid_until": None if told.valid_until_us is None else iso(told.valid_until_us),
        "reasons": [say_code(code, share) for code in offer.codes],
    }


def _major(minor: int | None, digits: int) -> float | None:
    return None if minor is None else to_major(minor, digits)
