"""What sells is listed once for all, for as long as nothing changes."""

from datetime import UTC, datetime

import orjson
import pytest

from app.items.held import Catalogue
from app.recommendations.assortment import Assortment
from app.recommendations.everybody import Everybody, is_everybodys
from app.recommendations.histories import NO_ITEMS, History, Shown
from app.recommendations.merchant_rules import MerchantRule
from app.recommendations.rendering import render_items
from app.recommendations.service import HOUR_US, recommend
from app.recommendations.spells import Spells
from app.recommendations.wanted import Wanted
from tests.items.test_held import row

NOON_US = int(datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp() * 1e6)
MINUTE_US = 60_000_000


def at(minutes):
    return datetime.fromtimestamp((NOON_US + minutes * MINUTE_US) / 1e6, UTC).isoformat()


@pytest.fixture
def assortment(trained):
    rows = [
        row("milk-1l", valid_to_us=NOON_US + 10 * MINUTE_US),
        row("tea", valid_from_us=NOON_US + 20 * MINUTE_US),
        row("corn"),
    ]
    return Assortment(trained, Catalogue().with_changes(rows, 1))


def ids(listed):
    return listed.told.item_ids()


def test_a_list_is_made_once_while_nothing_changes(assortment):
    everybody, wanted = Everybody(assortment, Spells(assortment)), Wanted("popular", 3)
    listed = everybody.list_items(wanted, (), NOON_US)
    assert everybody.list_items(wanted, (), NOON_US + MINUTE_US) is listed
    assert everybody.list_items(Wanted("popular", 4), (), NOON_US) is not listed
    assert ids(listed) == recommend(wanted, None, assortment, (), NOON_US).item_ids()


@pytest.mark.parametrize("minutes", [9, 10, 11, 19, 20, 61])
def test_it_is_made_anew_when_an_item_or_the_hour_ends(assortment, minutes):
    everybody, wanted = Everybody(assortment, Spells(assortment)), Wanted("popular", 100)
    everybody.list_items(wanted, (), NOON_US)
    now_us = NOON_US + minutes * MINUTE_US
    listed, fresh = everybody.list_items(wanted, (), now_us), recommend(wanted, None, assortment, (), now_us)
    assert ids(listed) == fresh.item_ids()
    assert ("milk-1l" in ids(listed)) is (minutes < 10)
    assert ("tea" in ids(listed)) is (minutes >= 20)
    assert listed.told.asked.as_of_us == now_us - now_us % HOUR_US


def test_it_is_made_anew_when_a_rule_begins_ends_or_comes(assortment):
    everybody, wanted = Everybody(assortment, Spells(assortment)), Wanted("popular", 100)
    rules = [MerchantRule(rule_id="no-corn", effect="hide", items=("corn",), valid_from=at(3), valid_to=at(5))]
    has_corn = ["corn" in ids(everybody.list_items(wanted, rules, NOON_US + n * MINUTE_US)) for n in (1, 3, 4, 5, 6)]
    assert has_corn == [True, False, False, True, True]
    for_ever = [MerchantRule(rule_id="no-corn", effect="hide", items=("corn",))]
    assert "corn" not in ids(everybody.list_items(wanted, for_ever, NOON_US + 6 * MINUTE_US))


def test_what_depends_on_who_asks_is_not_everybodys():
    nobody = History(None, NO_ITEMS, {"tea": Shown(2, 0), "milk": Shown(9, 1)})
    assert is_everybodys(Wanted("home"), None)
    assert is_everybodys(Wanted("popular"), nobody)
    assert not is_everybodys(Wanted("popular"), nobody._replace(shown={"tea": Shown(3, 0)}))
    assert not is_everybodys(Wanted("popular", exclude=frozenset(["tea"])), None)
    assert not is_everybodys(Wanted("cart", basket=("tea",)), None)
    assert not is_everybodys(Wanted("popular", offers=True), None)


def test_its_items_are_those_that_are_rendered(assortment):
    listed = Everybody(assortment, Spells(assortment)).list_items(Wanted("popular", 5), (), NOON_US)
    assert orjson.loads(orjson.dumps(listed.items)) == render_items(listed.told).items
