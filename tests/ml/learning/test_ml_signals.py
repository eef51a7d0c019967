"""What a history says of a customer and an item, by hand; and that nothing of it is of later."""

import numpy as np
import pytest

from ml.data.baskets import Baskets, next_after
from ml.learning.signals import SIGNALS, digest, find_candidates

TEA, MILK, BREAD, SALT = range(4)


def make_baskets(*histories, items=4, timed=True):
    """Of each customer a list of (day, items)."""
    rows = [
        (customer, number, item, float(day) if timed else np.nan)
        for customer, history in enumerate(histories)
        for number, (day, bought) in enumerate(history)
        for item in sorted(bought)
    ]
    customers, numbers, codes, days = (np.array(column) for column in zip(*rows, strict=True))
    names = np.array([f"item-{code}" for code in range(items)])
    people = np.array([f"C-{number}" for number in range(len(histories))])
    return Baskets(people, names, customers, numbers, codes, days)


SHOP = make_baskets(
    [(0, [TEA, MILK]), (10, [MILK]), (30, [MILK, BREAD])],
    [(0, [TEA, BREAD])],
    [(5, [MILK, BREAD]), (25, [BREAD])],
)


def signals_of(baskets, until, customer, item):
    (found,) = find_candidates(digest(baskets, until), np.array([customer]))
    row = found.signals[found.items == item]
    return dict(zip(SIGNALS, row[0].tolist(), strict=True))


def test_what_is_known_of_an_item_that_was_bought():
    found = signals_of(SHOP, 40.0, 0, MILK)
    everybody = (30 + 20) / (2 + 1)  # days from first to last, and gaps: of milk, and of bread
    gap = (30 + 2 * everybody) / (2 + 2)
    assert {name: found[name] for name in SIGNALS if name in KNOWN} == pytest.approx(
        {
            "own_count": 3,
            "own_decayed_95": 1 + 0.95 + 0.95**2,
            "own_decayed_60": 1 + 0.6 + 0.36,
            "own_share": 1,
            "baskets_since": 0,
            "baskets_between": 1,
            "mean_gap_baskets": 1,
            "baskets_since_first": 2,
            "days_since": 10,
            "days_over_gap": 10 / ((30 + 2 * gap) / (2 + 2)),
            "item_baskets": 4,
            "item_owners": 2,
            "item_repeat_share": (1 + 0.5) / (2 + 5),
            "item_last_baskets": 1,
            "baskets": 3,
            "mean_size": 5 / 3,
            "repeat_share": 1 - 3 / 5,
            "last_size": 2,
            "distinct_items": 3,
            "days_since_basket": 10,
        }
    )


KNOWN = {
    *("own_count", "own_decayed_95", "own_decayed_60", "own_share", "baskets_since", "baskets_between"),
    *("mean_gap_baskets", "baskets_since_first", "days_since", "days_over_gap", "item_baskets", "item_owners"),
    *("item_repeat_share", "item_last_baskets", "baskets", "mean_size", "repeat_share", "last_size"),
    *("distinct_items", "days_since_basket"),
}


def test_what_was_never_bought_has_no_rhythm():
    found = signals_of(SHOP, 40.0, 1, MILK)
    assert (found["own_count"], found["own_share"]) == (0, 0)
    assert all(np.isnan(found[name]) for name in ("baskets_since", "mean_gap_baskets", "days_since", "days_over_gap"))


def test_what_goes_with_what():
    """Bread and milk are in two baskets of three and four together; tea goes with each once."""
    found = signals_of(SHOP, 40.0, 2, MILK)
    with_bread = 2 / np.sqrt(4 * 4)
    assert found["companions_of_last"] == pytest.approx(with_bread)


def test_without_times_there_are_no_days():
    untimed = make_baskets([(0, [TEA]), (0, [TEA])], timed=False)
    found = signals_of(untimed, 0.0, 0, TEA)
    assert [found[name] for name in SIGNALS if name.startswith("days_")] == [0, 0, 0]
    assert found["own_count"] == 2


def test_what_came_later_is_not_known():
    """A planted leak: whatever happens after the cut-off, what is learned from stays the same."""
    draw = np.random.default_rng(3)

    def shop(later):
        histories = [
            [(day, {int(item) for item in past.integers(6, size=2)}) for day in range(0, 60, 7)] + list(later)
            for past in (np.random.default_rng(customer) for customer in range(20))
        ]
        return make_baskets(*histories, items=6)

    quiet = shop([(70, [TEA])])
    busy = shop([(70, [TEA])] + [(70 + day, draw.integers(6, size=4).tolist()) for day in range(1, 20)])
    one, other = (digest(next_after(each, 65.0, 95.0).history, 65.0) for each in (quiet, busy))
    for mine, theirs in zip(find_candidates(one, np.arange(20)), find_candidates(other, np.arange(20)), strict=True):
        assert mine.items.tolist() == theirs.items.tolist()
        np.testing.assert_array_equal(mine.signals, theirs.signals)
    leaking = digest(busy, 65.0)
    assert not np.array_equal(leaking.item_baskets, one.item_baskets)
