"""What is shown of what may be shown: by hand, and beside the plain greedy choice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.ranking.choosing import NO_CATEGORY, Shelf, choose_items


def shelf(*items):
    """Of (score, category, product) each."""
    scores, categories, products = zip(*items, strict=True) if items else ((), (), ())
    return Shelf(np.array(scores, np.float64), np.array(categories, np.int64), np.array(products, np.int64))


def choose_plainly(items, limit, variety):
    """The greatest discounted score of all that are left, again and again."""
    chosen: list[int] = []
    while len(chosen) < limit:
        shown = {items[at][2] for at in chosen}
        left = [at for at in range(len(items)) if items[at][2] not in shown]
        if not left:
            break
        counts = [sum(items[other][1] == items[at][1] != NO_CATEGORY for other in chosen) for at in left]
        worth = [items[at][0] * variety**count for at, count in zip(left, counts, strict=True)]
        best = max(worth)
        order = sorted(range(len(items)), key=lambda at: -items[at][0])
        chosen.append(min((at for at, one in zip(left, worth, strict=True) if one == best), key=order.index))
    return chosen


def test_without_variety_the_best_come_first():
    assert choose_items(shelf((1, 0, 0), (3, 0, 1), (2, 0, 2)), 2, 1.0) == [1, 2]


def test_a_third_of_a_category_stands_behind_a_first_of_another():
    yoghurts_and_bread = shelf((10, 0, 0), (9, 0, 1), (8, 0, 2), (5, 1, 3))
    assert choose_items(yoghurts_and_bread, 4, 0.7) == [0, 1, 3, 2]


def test_of_two_packs_of_one_milk_the_better_is_shown():
    assert choose_items(shelf((3, 0, 7), (4, 0, 7), (1, 0, 8)), 3, 1.0) == [1, 2]


def test_items_without_a_category_are_not_alike():
    assert choose_items(shelf((3, NO_CATEGORY, 0), (2, NO_CATEGORY, 1), (1.9, 0, 2)), 3, 0.5) == [0, 1, 2]


def test_a_pin_stands_where_it_was_put_and_counts_as_shown():
    items = shelf((9, 0, 0), (8, 0, 1), (7, 1, 2), (0.1, 0, 3), (0.05, 1, 3))
    assert choose_items(items, 3, 1.0, [(1, 3)]) == [0, 3, 1]
    assert choose_items(items, 3, 0.8, [(0, 3)]) == [3, 0, 2]
    assert choose_items(items, 2, 1.0, [(0, 3), (1, 4)]) == [3, 0]
    assert choose_items(items, 2, 1.0, [(5, 3)]) == [0, 1]
    assert choose_items(shelf((1, 0, 0), (2, 0, 1)), 5, 1.0, [(4, 0)]) == [1, 0]


def test_nothing_to_show_is_nothing_shown():
    assert choose_items(shelf(), 10, 0.7) == []
    assert choose_items(shelf((1, 0, 0)), 0, 0.7) == []


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(-1, 3), st.integers(0, 8)), max_size=25),
    st.integers(0, 12),
    st.sampled_from([1.0, 0.75, 0.5]),
)
def test_it_is_the_plain_greedy_choice(items, limit, variety):
    assert choose_items(shelf(*items), limit, variety) == choose_plainly(items, limit, variety)


@pytest.mark.parametrize("limit", [1, 10, 50])
def test_the_limit_is_filled_whenever_there_are_enough_products(limit):
    rng = np.random.default_rng(limit)
    many = Shelf(rng.random(500), rng.integers(-1, 5, 500), rng.integers(0, 60, 500))
    assert len(choose_items(many, limit, 0.6)) == limit
    assert len({int(many.products[at]) for at in choose_items(many, limit, 0.6)}) == limit
