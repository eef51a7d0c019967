"""The merchant's rules: which are in force, which items they mean, and what becomes of those."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from pydantic import ValidationError

from app.foundation.times import to_us
from app.items.held import Catalogue
from app.recommendations.merchant_rules import MerchantRule, weigh
from tests.items.test_held import row

NOW = datetime(2026, 11, 26, tzinfo=UTC)
NOW_US = to_us(NOW)
ITEMS = ["milk", "cream", "soap", "unknown"]
CATALOGUE = Catalogue().with_changes(
    [
        row("milk", category=["food", "dairy"], brand="Alm", tags=["cold"]),
        row("cream", category=["food", "dairy"], brand="Hof", tags=["cold", "new"]),
        row("soap", category=["home"], brand="Alm"),
    ],
    1,
)
PLACES = CATALOGUE.places_of(ITEMS)


def rule(effect, **members):
    return MerchantRule.model_validate_json(json.dumps({"rule_id": "r", "effect": effect, **members}))


def boost(**members):
    return rule("boost", factor=2.0, **members)


@pytest.mark.parametrize(
    ("members", "meant"),
    [
        ({"items": ["soap", "unknown", "nowhere"]}, ["soap", "unknown"]),
        ({"category": ["food"]}, ["milk", "cream"]),
        ({"category": ["food", "dairy"], "brand": "Hof"}, ["cream"]),
        ({"brand": "Alm"}, ["milk", "soap"]),
        ({"tag": "new"}, ["cream"]),
        ({"tag": "new", "items": ["soap"]}, ["cream", "soap"]),
        ({"brand": "nobody's"}, []),
        ({"category": ["garden"]}, []),
    ],
)
def test_a_rule_means_items_by_id_or_by_all_that_it_says_of_them(members, meant):
    found = boost(**members).means(ITEMS, PLACES, CATALOGUE)
    assert {item for item, is_meant in zip(ITEMS, found, strict=True) if is_meant} == set(meant)


@pytest.mark.parametrize(
    ("members", "asked", "is_in_force"),
    [
        ({}, ("home", None), True),
        ({"enabled": False}, ("home", None), False),
        ({"scenarios": ["cart"]}, ("home", None), False),
        ({"scenarios": ["cart", "home"]}, ("home", None), True),
        ({"stores": ["s1"]}, ("home", "s1"), True),
        ({"stores": ["s1"]}, ("home", "s2"), False),
        ({"stores": ["s1"]}, ("home", None), False),
        ({"valid_from": "2026-11-26T00:00:00Z"}, ("home", None), True),
        ({"valid_from": "2026-11-26T00:00:01Z"}, ("home", None), False),
        ({"valid_to": "2026-11-26T00:00:00Z"}, ("home", None), False),
        ({"valid_to": "2026-11-26T00:00:01Z"}, ("home", None), True),
    ],
)
def test_a_rule_is_in_force_where_and_when_it_says(members, asked, is_in_force):
    assert boost(items=["milk"], **members).is_in_force(*asked, NOW_US) is is_in_force


@pytest.mark.parametrize(
    "members",
    [
        {"effect": "pin", "items": ["a"]},
        {"effect": "pin", "rank": 1, "category": ["food"]},
        {"effect": "hide", "items": ["a"], "rank": 1},
        {"effect": "boost", "items": ["a"]},
        {"effect": "hide", "items": ["a"], "factor": 2},
        {"effect": "hide"},
        {"effect": "boost", "factor": 0, "items": ["a"]},
        {"effect": "hide", "items": ["a"], "valid_from": "2026-01-02T00:00:00Z", "valid_to": "2026-01-02T00:00:00Z"},
    ],
)
def test_a_rule_that_is_none_is_refused(members):
    with pytest.raises(ValidationError):
        MerchantRule.model_validate_json(json.dumps({"rule_id": "r", **members}))


def test_boosts_multiply_and_the_strongest_is_named():
    rules = [boost(category=["food"], rule_id="a"), rule("boost", factor=0.5, brand="Alm", rule_id="b")]
    wishes = weigh(rules, ITEMS, PLACES, CATALOGUE)
    assert wishes.factors.tolist() == [1.0, 2.0, 0.5, 1.0]
    named = [None if by is None else by.rule_id for by in wishes.boosted_by]
    assert named == ["a", "a", "b", None]
    assert wishes.shown.all()


def test_what_is_hidden_is_not_shown_though_it_is_pinned():
    wishes = weigh([rule("hide", tag="cold"), rule("pin", rank=1, items=["milk", "soap"])], ITEMS, PLACES, CATALOGUE)
    assert wishes.shown.tolist() == [False, False, True, True]
    assert [(rank, ITEMS[place]) for rank, place, _ in wishes.pins] == [(1, "soap")]


def test_pins_of_several_rules_find_a_rank_each():
    """The first by id keeps its rank, an item is pinned once, one that is not there leaves its rank to others."""
    rules = [
        rule("pin", rank=1, items=["cream", "nowhere"], rule_id="a"),
        rule("pin", rank=1, items=["milk", "cream"], rule_id="b"),
        rule("pin", rank=4, items=["soap"], rule_id="c"),
    ]
    wishes = weigh(rules, ITEMS, PLACES, CATALOGUE)
    assert [(rank, ITEMS[place], by.rule_id) for rank, place, by in wishes.pins] == [
        (0, "cream", "a"),
        (1, "milk", "b"),
        (3, "soap", "c"),
    ]


def test_without_rules_everything_stays_as_it_is():
    wishes = weigh([], ITEMS, PLACES, CATALOGUE)
    np.testing.assert_array_equal(wishes.factors, 1.0)
    assert wishes.shown.all()
    assert not wishes.pins
    assert wishes.boosted_by == [None] * 4
