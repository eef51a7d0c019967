"""What will sell soon: of late, where, and in the coming season."""

import numpy as np
import pytest

from app.lifecycle.events import DAY_US
from ml.data.purchases import collect_purchases
from ml.learning.popularity import MOST, OF_CATEGORY, find_popular

UNTIL = 20_000.0


def popular_of(lines):
    """Names by store, of (item, category, store, days ago, times)."""
    rows = [line[:4] for line in lines for _ in range(line[4])]
    items, categories, stores, ago = (np.array(column) for column in zip(*rows, strict=True))
    moments = (UNTIL - ago.astype(float)) * DAY_US
    customers = np.array([f"C{number}" for number in range(len(rows))])
    purchases = collect_purchases(customers, items, moments, np.ones(len(rows)), categories, stores)
    names = purchases.item_ids
    return {store: names[places].tolist() for store, places in find_popular(purchases, UNTIL).items()}


def test_what_sold_of_late_comes_before_what_sold_more_long_ago():
    assert popular_of([("old", "a", "", 150, 90), ("new", "a", "", 3, 10)]) == {"": ["new", "old"]}


def test_a_store_has_its_own_best_sellers_and_then_those_of_everywhere():
    lines = [("tea", "a", "north", 3, 400), ("milk", "a", "south", 3, 900), ("salt", "a", "south", 3, 10)]
    assert popular_of(lines) == {
        "": ["milk", "tea", "salt"],
        "north": ["tea", "milk", "salt"],
        "south": ["milk", "tea", "salt"],
    }


def test_a_store_that_has_sold_little_sells_as_others_do():
    lines = [("tea", "a", "north", 3, 400), ("milk", "a", "south", 3, 900), ("salt", "a", "tiny", 3, 2)]
    assert popular_of(lines)["tiny"] == ["milk", "tea", "salt"]


def test_what_sold_in_the_coming_month_a_year_ago_rises_and_what_fell_then_sinks():
    late = [("cake", "a", "", 5, 100), ("tree", "b", "", 5, 90), ("ham", "a", "", 5, 80)]
    a_year_ago = [
        *(("cake", "a", "", 385, 100), ("tree", "b", "", 385, 100), ("ham", "a", "", 385, 20)),
        *(("cake", "a", "", 355, 100), ("tree", "b", "", 355, 5), ("ham", "a", "", 355, 200)),
    ]
    assert popular_of(late)[""] == ["cake", "tree", "ham"]
    assert popular_of([*late, *a_year_ago, ("old", "a", "", 400, 1)])[""][:3] == ["ham", "cake", "tree"]


def test_the_best_of_each_category_are_among_them_as_they_rank():
    common = [(f"a{number:03d}", "a", "", 3, 30) for number in range(MOST + 50)]
    rare = [(f"b{number:03d}", "b", "", 3, 9) for number in range(OF_CATEGORY + 5)]
    nameless = [(f"c{number:03d}", "", "", 3, 8) for number in range(5)]
    found = popular_of([*common, *rare, *nameless])[""]
    assert found == [f"a{number:03d}" for number in range(MOST)] + [f"b{number:03d}" for number in range(OF_CATEGORY)]


@pytest.mark.parametrize("ago", [0.5, 3000])
def test_of_one_purchase(ago):
    assert popular_of([("tea", "", "", ago, 1)]) == {"": ["tea"]}
