"""What a history says of a customer and an item, by hand; and that nothing of it is of later."""

import numpy as np
import pytest

from app.lifecycle.ranking.signals import OWN, SIGNALS, liking
from ml.data.baskets import Baskets, next_after
from ml.learning.digest import digest, look_at

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
    (found,) = look_at(digest(baskets, until), np.array([customer]))
    column = found.signals[:, found.items == item]
    return dict(zip(SIGNALS, column[:, 0].tolist(), strict=True))


def test_what_is_known_of_an_item_that_was_bought():
    found = signals_of(SHOP, 40.0, 0, MILK)
    everybody = (30 + 20) / (2 + 1)  # days from first to last, and gaps: of milk, and of bread
    gap = (30 + 2 * everybody) / (2 + 2)
    buyer_gap = (30 + 14) / 3
    month, season = ([2 ** (-age / days) for age in (40, 30, 10)] for days in (30, 120))
    assert {name: value for name, value in found.items() if not name.startswith("near_")} == pytest.approx(
        {
            "own_orders": 3,
            "own_decayed_30d": sum(month),
            "own_decayed_120d": sum(season),
            "own_share": 1,
            "own_share_30d": 1,
            "own_share_120d": 1,
            "own_days_since": 10,
            "own_visits_since": 0,
            "own_last_gap_days": 20,
            "own_gap_days": 15,
            "own_gap_visits": 15 / buyer_gap,
            "own_days_known": 40,
            "own_days_over_gap": 10 / ((30 + 2 * gap) / (2 + 2)),
            "item_orders": 4,
            "item_owners": 2,
            "item_repeat_share": (1 + 0.5) / (2 + 5),
            "item_last_orders": 1,
            "item_recent_share": 2 / (4 + 3),
            "item_recent": 4 * 2 / (4 + 3),
            "item_gap_days": gap,
            "buyer_orders": 3,
            "buyer_basket_items": 5 / 3,
            "buyer_repeat_share": 1 - 3 / 5,
            "buyer_last_items": 2,
            "buyer_items": 3,
            "buyer_days_since": 10,
            "buyer_gap_days": buyer_gap,
        }
    )


def test_an_item_that_was_left_out_lately():
    """Tea was in the first of three baskets."""
    found = signals_of(SHOP, 40.0, 0, TEA)
    assert found["own_share"] == pytest.approx(1 / 3)
    assert found["own_share_30d"] == pytest.approx(2 ** (-40 / 30) / sum(2 ** (-age / 30) for age in (40, 30, 10)))
    assert found["own_visits_since"] == pytest.approx((40 - 10) / (44 / 3))
    assert all(np.isnan(found[name]) for name in ("own_last_gap_days", "own_gap_days", "own_gap_visits"))


def test_what_was_never_bought_has_no_rhythm():
    found = signals_of(SHOP, 40.0, 1, MILK)
    assert [found[name] for name in OWN[:6]] == [0] * 6
    assert all(np.isnan(found[name]) for name in OWN[6:])


def test_what_goes_with_what():
    """Bread and milk are in two baskets of four together, and both are bought by two of two and three customers."""
    found = signals_of(SHOP, 40.0, 2, MILK)
    assert found["near_last"] == pytest.approx(2 / 4)
    assert found["near_basket"] == pytest.approx(2 / 4 * (2 ** (-35 / 120) + 2 ** (-15 / 120)))
    found = signals_of(SHOP, 40.0, 1, MILK)
    assert found["near_owners"] == pytest.approx((1 / np.sqrt(2 * 2) + 2 / np.sqrt(2 * 3)) * 2 ** (-40 / 120))


def test_a_basket_without_a_time_is_a_week():
    untimed = make_baskets([(0, [TEA]), (0, [MILK]), (0, [TEA])], timed=False)
    found = signals_of(untimed, 0.0, 0, TEA)
    assert (found["own_days_since"], found["own_gap_days"], found["buyer_days_since"]) == (7, 14, 7)


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
    for mine, theirs in zip(look_at(one, np.arange(20)), look_at(other, np.arange(20)), strict=True):
        assert mine.items.tolist() == theirs.items.tolist()
        np.testing.assert_array_equal(mine.signals, theirs.signals)
    leaking = digest(busy, 65.0)
    assert not np.array_equal(leaking.facts.signals, one.facts.signals)


def test_what_customers_alike_begin_with_of_late_pulls():
    """Whoever buys tea has begun with honey of late, whoever buys milk with jam; of old, all began with salt."""
    tea, milk, honey, jam, salt = range(5)
    histories = [
        [(0, [salt, kind]), (300, [kind]), (360, [begun, kind])] for kind, begun in ((tea, honey), (milk, jam))
    ]
    asking = [[(0, [tea]), (350, [tea])], [(0, [milk]), (350, [milk])]]
    known = digest(make_baskets(*histories * 8, *asking, items=5), 365.0)
    assert known.facts.rising.tolist() == [tea, milk, honey, jam, salt]
    for customer, wanted, other in ((16, honey, jam), (17, jam, honey)):
        own = known.owned.of_customers(np.array([customer])).items
        pulled = dict(zip(known.facts.rising.tolist(), known.facts.pulls @ liking(own, known.facts), strict=True))
        assert pulled[wanted] > 2 * abs(pulled[other])
        assert pulled[wanted] > 2 * abs(pulled[salt])
