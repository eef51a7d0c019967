"""The guard rails of offers, and what an offer depends on."""

from fractions import Fraction
from typing import get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.lifecycle.pricing.depth import (
    Code,
    Evidence,
    ItemFacts,
    Wish,
    guard,
    least_price,
    receipt_of,
    recompute,
    sensitivity_of,
    wish_for,
)
from app.lifecycle.pricing.phrases import say_code
from app.lifecycle.pricing.policy import WHOLE, OfferPolicy
from app.lifecycle.value import TIERS

POLICY = OfferPolicy()
KEEN = Evidence(20.0, 60.0, 45.0, 0.3, 8.0, 0.3, "high", 2.0, 1.0)
"""Buys three of four on offer."""
shares = st.floats(0, 1)
counts = st.integers(0, 400).map(float)


@st.composite
def evidences(draw):
    orders, more = draw(counts), draw(counts)
    lines = orders + more if orders else 0.0
    item_orders = draw(st.floats(0, 1)) * orders
    return Evidence(
        orders,
        lines,
        lines * draw(shares),
        draw(shares),
        draw(st.floats(1, 1000)),
        draw(st.none() | shares),
        draw(st.none() | st.sampled_from(TIERS)),
        item_orders,
        item_orders * draw(shares),
    )


@st.composite
def policies(draw):
    steps = draw(st.sets(st.integers(1, 9000), min_size=1, max_size=8))
    low, high = sorted(draw(st.lists(st.integers(0, 100), min_size=2, max_size=2, unique=True)))
    sure, risk = sorted(draw(st.lists(st.integers(0, 100), min_size=2, max_size=2, unique=True)))
    return OfferPolicy(
        steps=tuple(step / WHOLE for step in sorted(steps)),
        from_share=low / 100,
        deepest_share=high / 100,
        sure_risk=sure / 100,
        at_risk=risk / 100,
        **{f"most_{tier}": draw(shares) for tier in TIERS},
        margin_floor=draw(st.floats(-0.5, 0.95)),
        most_of_unknown_margin=draw(shares),
        least_orders=draw(st.integers(1, 5)),
    )


items = st.builds(
    ItemFacts,
    st.none() | st.integers(0, 10**9),
    st.none() | st.floats(-1, 1).map(lambda margin: round(margin, 6)),
    st.none() | shares,
)


@given(evidences(), policies())
def test_nobody_is_wished_more_than_their_tier_may_have(evidence, policy):
    wish = wish_for(evidence, policy)
    assert wish.codes
    assert wish.parts in (0, *policy.parts)
    assert wish.parts / WHOLE <= policy.most(evidence.value_tier) + 1e-9


@given(st.data(), items, policies())
def test_no_guard_rail_is_ever_passed(data, item, policy):
    wish = Wish(data.draw(st.sampled_from(policy.parts)), ("buys_on_offer",))
    offer = guard(wish, item, policy)
    assert offer.codes
    assert offer.price_minor == item.price_minor or offer.parts
    if not offer.parts:
        return
    assert offer.parts in policy.parts
    assert offer.parts <= wish.parts
    assert item.most is None or offer.depth <= item.most + 1e-9
    assert item.price_minor is not None
    assert offer.price_minor is not None
    assert 0 <= offer.price_minor < item.price_minor
    saved = item.price_minor - offer.price_minor
    assert saved == item.price_minor * offer.parts // WHOLE
    if item.margin is None:
        assert offer.depth <= policy.most_of_unknown_margin + 1e-9
    else:
        cost = item.price_minor * (1 - Fraction(str(item.margin)))
        floor = Fraction(round(policy.margin_floor * 10**6), 10**6)
        assert offer.price_minor - cost >= floor * offer.price_minor


@given(st.integers(1, 10**9), st.integers(-(10**6), 10**6), st.integers(-500_000, 950_000))
def test_the_least_price_is_the_last_that_the_floor_lets_pass(price_minor, margin_ppm, floor_ppm):
    cost, floor = price_minor * (1 - Fraction(margin_ppm, 10**6)), Fraction(floor_ppm, 10**6)
    least_minor = least_price(price_minor, margin_ppm / 10**6, floor_ppm / 10**6)
    assert least_minor - cost >= floor * least_minor
    assert least_minor - 1 - cost < floor * (least_minor - 1)


@given(evidences(), items, policies())
def test_a_receipt_says_all_that_an_offer_was_made_of(evidence, item, policy):
    offer = guard(wish_for(evidence, policy), item, policy)
    receipt = orjson.loads(orjson.dumps(receipt_of(evidence, item, policy, offer)))
    assert recompute(receipt) == offer
    assert (receipt["depth"], receipt["price_minor"]) == (offer.depth, offer.price_minor)


def test_a_receipt_of_another_version_is_not_taken_for_this():
    offer = guard(wish_for(KEEN, POLICY), ItemFacts(1000, 0.4), POLICY)
    with pytest.raises(ValueError, match="version"):
        recompute({**receipt_of(KEEN, ItemFacts(1000, 0.4), POLICY, offer), "version": 0})


@given(evidences(), st.floats(0, 1), policies())
def test_whoever_buys_more_on_offer_has_no_shallower_one(evidence, part, policy):
    more = evidence.discounted + part * (evidence.lines - evidence.discounted)
    assert wish_for(evidence, policy).parts <= wish_for(evidence._replace(discounted=more), policy).parts


@given(evidences(), shares, shares, policies())
def test_a_higher_risk_has_no_shallower_one(evidence, one, other, policy):
    low, high = sorted((one, other))
    wishes = [wish_for(evidence._replace(churn_risk=risk), policy).parts for risk in (low, high)]
    assert wishes == sorted(wishes)


@given(evidences(), items, policies(), st.integers(0, 10**6))
def test_a_better_margin_has_no_shallower_one(evidence, item, policy, more_ppm):
    if item.margin is None:
        return
    better = item._replace(margin=min(1.0, round(item.margin + more_ppm / 10**6, 6)))
    wish = wish_for(evidence, policy)
    assert guard(wish, item, policy).parts <= guard(wish, better, policy).parts


@given(evidences().filter(lambda evidence: sensitivity_of(evidence) < POLICY.from_share), items)
def test_who_buys_at_full_price_is_given_nothing_whatever_else_is_so(evidence, item):
    assert guard(wish_for(evidence, POLICY), item, POLICY).parts == 0


def test_the_inputs_are_a_closed_list():
    """Whoever adds one answers for it in docs/explanation/price-depth.md."""
    assert Evidence._fields == (
        *("orders", "lines", "discounted", "shop_share", "shop_weight"),
        *("churn_risk", "value_tier", "item_orders", "item_discounted"),
    )
    assert ItemFacts._fields == ("price_minor", "margin", "most")


CASES = {
    "buys three of four on offer": (KEEN, 2000, ("buys_on_offer",)),
    "half of it": (KEEN._replace(discounted=30.0), 1000, ("buys_on_offer",)),
    "half of it, and likely to leave": (
        KEEN._replace(discounted=30.0, churn_risk=0.5),
        1500,
        ("buys_on_offer", "at_risk"),
    ),
    "a third of it, and sure to come": (
        KEEN._replace(discounted=20.0, churn_risk=0.2),
        0,
        ("comes_anyway",),
    ),
    "never": (KEEN._replace(discounted=0.0, churn_risk=0.9), 0, ("buys_at_full_price",)),
    "this item never": (
        KEEN._replace(discounted=30.0, item_orders=8.0, item_discounted=0.0),
        0,
        ("buys_this_at_full_price",),
    ),
    "two orders": (KEEN._replace(orders=2.0), 0, ("too_little_known",)),
    "little value": (KEEN._replace(value_tier="low"), 1000, ("value_tier", "buys_on_offer")),
    "value not known": (KEEN._replace(value_tier=None), 1000, ("value_tier", "buys_on_offer")),
    "risk not known": (KEEN._replace(churn_risk=None), 2000, ("buys_on_offer",)),
}


@pytest.mark.parametrize(("evidence", "parts", "codes"), CASES.values(), ids=CASES)
def test_what_suits_a_customer(evidence, parts, codes):
    assert wish_for(evidence, POLICY) == Wish(parts, codes)


WISH = Wish(2000, ("buys_on_offer",))
GUARDED = {
    "all may pass": (ItemFacts(1999, 0.5), 2000, 1600, ()),
    "no price": (ItemFacts(None, 0.5), 0, None, ("no_price",)),
    "margin allows a step less": (ItemFacts(1000, 0.25), 1500, 850, ("margin_floor",)),
    "margin allows none": (ItemFacts(1000, 0.1), 0, 1000, ("margin_floor",)),
    "sold at a loss": (ItemFacts(1000, -0.2), 0, 1000, ("margin_floor",)),
    "margin not known": (ItemFacts(1000, None), 500, 950, ("margin_unknown",)),
    "the merchant allows less": (ItemFacts(1000, 0.5, 0.12), 1000, 900, ("merchant_limit",)),
    "the merchant allows none": (ItemFacts(1000, 0.5, 0.0), 0, 1000, ("merchant_limit",)),
    "nothing can be taken off": (ItemFacts(4, 0.9), 0, 4, ("nothing_to_save",)),
    "for nothing": (ItemFacts(0, 0.9), 0, 0, ("nothing_to_save",)),
}


@pytest.mark.parametrize(("item", "parts", "price_minor", "codes"), GUARDED.values(), ids=GUARDED)
def test_what_an_item_allows(item, parts, price_minor, codes):
    offer = guard(WISH, item, POLICY)
    assert (offer.parts, offer.price_minor) == (parts, price_minor)
    assert offer.codes == (codes if codes == ("no_price",) else (*codes, "buys_on_offer"))


def test_what_is_taken_off_is_rounded_down():
    assert guard(WISH, ItemFacts(1999, 0.5), POLICY).price_minor == 1600  # 399.8 off is 399


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": ()},
        {"steps": (0.1, 0.05)},
        {"steps": (0.1, 0.10000001)},
        {"steps": (0.0, 0.1)},
        {"steps": (0.95,)},
        {"steps": (0.12345,)},
        {"from_share": 0.6},
        {"sure_risk": 0.5},
        {"margin_floor": 1.0},
        {"days": 0},
        {"surprise": 1},
    ],
)
def test_a_policy_that_is_none_is_refused(wrong):
    with pytest.raises(ValidationError):
        OfferPolicy(**wrong)


@pytest.mark.parametrize("code", get_args(Code))
def test_every_code_has_words_in_both_languages(code):
    said = say_code(code, 0.404)
    assert said["code"] == code
    assert not {"{", "}"} & set(said["en"] + said["zh"])
    assert said["en"].isascii()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said["zh"])


def test_the_share_is_told():
    assert say_code("buys_on_offer", 0.404) == {
        "code": "buys_on_offer",
        "en": "40% of what you bought was on offer",
        "zh": "您买过的商品中有 40% 享受了优惠",
    }
