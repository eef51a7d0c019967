"""`GET /v1/demand` by figures that are worked out by hand."""

from dataclasses import replace

import pytest

from app.lifecycle.clocks.demand import USUAL
from app.models.held import Models

WEEKS = 8


@pytest.fixture
def sell(client, shop):
    """Orders of one item: (customer or None, days ago, units)."""

    async def sell(*orders, item="milk", category=None, source="/pos/store-1/till-1", **data):
        events = []
        for subject, days, units in orders:
            line = {"product_id": item, "quantity": units, "price": 1.0}
            line |= {"category": category} if category else {}
            order = shop.order(subject, total=1.0 * units, products=[line], at=shop.ago(days=days), **data)
            events.append({**order, "source": source})
        answer = await client.post("/v1/events", json=events)
        assert answer.json()["accepted"] == len(events), answer.text
        return events

    return sell


@pytest.fixture
def ask(client):
    """The answer to a question of demand."""

    async def ask(status=200, **query):
        answer = await client.get("/v1/demand", params=query)
        assert answer.status_code == status, answer.text
        return answer.json()

    return ask


async def test_without_a_model_it_rests_on_what_was_sold_of_late(sell, ask):
    await sell(("C-1", 365 * 2, 1))  # the shop's record begins long ago
    # two units in each of eight weeks, one in each of four: 2 + 0.5 a week
    await sell(*(("C-1", 7 * week + 3.5, 2) for week in range(WEEKS)))
    await sell(*(("C-2", 7 * week + 1.5, 1) for week in range(0, WEEKS, 2)))
    answer = await ask(item="milk", days=7)
    assert answer["expected_units"] == 2.5
    assert answer["compared_with"] == {"same_weekdays": 2.5, "weeks": WEEKS, "last_year": 0.0}
    assert (answer["method"], answer["degraded"], answer["degraded_because"]) == ("base_rate", True, "no_model")
    assert answer["clocks_weight"] == 0
    assert answer["model_version"] is None
    assert answer["parts"]["again"] is None
    interval = answer["interval"]
    assert interval["coverage"] == 0.8
    assert interval["low"] < 2.5 < interval["high"]
    assert (await ask(item="milk", days=14))["expected_units"] == 5.0


async def test_weekdays_are_told_apart(sell, ask):
    """Sold 3.5 days ago in each week: that weekday is the fourth of the days that come."""
    await sell(("C-1", 700, 1), *(("C-1", 7 * week + 3.5, 2) for week in range(WEEKS)))
    assert (await ask(item="milk", days=3))["compared_with"]["same_weekdays"] == 0.0
    assert (await ask(item="milk", days=4))["compared_with"]["same_weekdays"] == 2.0
    assert (await ask(item="milk", days=11))["compared_with"]["same_weekdays"] == 4.0


async def test_last_years_same_days(sell, ask):
    """364 days ago and on, so that weekdays are the same; what was before or came after is not among them."""
    await sell(("C-1", 364.5, 5), ("C-1", 363.5, 3), ("C-2", 357.5, 4), ("C-2", 356.5, 7))
    assert (await ask(item="milk", days=7))["compared_with"]["last_year"] == 7.0
    assert (await ask(item="milk", days=8))["compared_with"]["last_year"] == 14.0
    assert (await ask(item="milk", days=1))["compared_with"]["last_year"] == 3.0


async def test_a_young_shop_has_no_last_year_and_fewer_weeks(sell, ask):
    await sell(("C-1", 15, 4), ("C-1", 3.5, 4))
    answer = await ask(item="milk", days=7)
    # two whole weeks are on record, with 4 units; the order of the third is no whole week
    assert answer["compared_with"] == {"same_weekdays": 2.0, "weeks": 2, "last_year": None}
    assert answer["expected_units"] == 2.0


async def test_what_nobody_known_buys_counts(sell, ask):
    await sell(("C-1", 700, 1))
    await sell(*((None, 7 * week + 2.5, 3) for week in range(WEEKS)))
    answer = await ask(item="milk", days=7)
    assert answer["expected_units"] == 3.0
    assert answer["parts"] == {"again": None, "new": 0.0, "anonymous": 3.0}


async def test_a_single_huge_order_counts_up_to_five_usual_ones(sell, ask):
    await sell(("C-1", 700, 1), *(("C-1", 7 * week + 3.5, 2) for week in range(WEEKS)))
    await sell(("C-9", 1.5, 1000))
    answer = await ask(item="milk", days=7)
    assert answer["expected_units"] == 2 + 5 * 2 / WEEKS
    assert answer["compared_with"]["same_weekdays"] == 2 + 1000 / WEEKS


async def test_a_store_by_what_orders_name_or_by_their_source(sell, ask):
    await sell(("C-1", 700, 1), *(("C-1", 7 * week + 3.5, 1) for week in range(WEEKS)), source="/pos/store-1/till-2")
    await sell(*(("C-2", 7 * week + 3.5, 2) for week in range(WEEKS)), source="/web", store="store-2")
    assert (await ask(item="milk", store="store-1"))["expected_units"] == 1.0
    assert (await ask(item="milk", store="store-2"))["expected_units"] == 2.0
    assert (await ask(item="milk", store="store-11"))["expected_units"] == 0.0
    assert (await ask(item="milk"))["expected_units"] == 3.0


async def test_what_came_back_was_not_sold(sell, ask, client, shop):
    await sell(("C-1", 700, 1))
    source = "/woocommerce/tea.example.com"
    (order,) = await sell(("C-1", 3.5, 8), source=source)
    back = {"order_id": order["data"]["order_id"], "total": 6.0, "products": [{"product_id": "milk", "quantity": 6}]}
    refund = shop.event("order.refunded", "C-1", data=back, at=shop.ago(days=2.5), source=source)
    assert (await client.post("/v1/events", json=refund)).json()["accepted"] == 1
    assert (await ask(item="milk", days=7))["compared_with"]["same_weekdays"] == 2 / WEEKS


async def test_a_category_by_the_catalogue_and_by_lines(sell, ask, put_items):
    await put_items({"item_id": "milk", "category": ["food", "dairy"]}, {"item_id": "soap", "category": ["care"]})
    await sell(("C-1", 700, 1), *(("C-1", 7 * week + 3.5, 1) for week in range(WEEKS)))
    await sell(*(("C-2", 7 * week + 3.5, 2) for week in range(WEEKS)), item="soap")
    await sell(*(("C-2", 7 * week + 3.5, 4) for week in range(WEEKS)), item="kefir", category="dairy")
    assert (await ask(category="food"))["expected_units"] == 1.0
    answer = await ask(category=["food", "dairy"])
    assert answer["expected_units"] == 5.0
    assert (answer["item_id"], answer["category"]) == (None, ["food", "dairy"])
    await ask(404, category="tools")


async def test_clocks_tell_of_those_who_buy_again(sell, ask, model):
    """Of the grocer's bread, bought every fortnight: twenty who bought it two weeks ago are due now."""
    await sell(*((f"D-{n}", 14 * time + 1, 1) for n in range(20) for time in (1, 2, 3, 4, 5)), item="bread")
    await sell(*((f"E-{n}", 14 * time + 1, 1) for n in range(20) for time in (0, 1, 2, 3, 4)), item="butter")
    due, bought = await ask(item="bread", days=7), await ask(item="butter", days=7)
    assert (due["method"], due["degraded"], due["model_version"]) == ("clocks", False, "recommend-grocer")
    assert due["parts"]["again"] > 12
    assert due["parts"]["new"] == 0.0  # they bought it first before the eight weeks
    assert due["clocks_weight"] > 0
    assert bought["parts"]["again"] < 0.5 * due["parts"]["again"]


async def test_clocks_count_as_much_as_the_model_has_learned(sell, ask, model, service):
    """Of as many days as are asked of, as nearly as there are; as is usual where it learned nothing."""
    await sell(*((f"D-{n}", 14 * time + 1, 1) for n in range(20) for time in (1, 2, 3, 4, 5)), item="bread")
    usual = (await ask(item="bread", days=7))["clocks_weight"]
    learned = {days: replace(USUAL, weights=(weight,) * 6) for days, weight in ((7, 0.85), (28, 0.35))}
    service.resources.of(Models).item_champion = replace(model, demand=learned)
    weights = [(await ask(item="bread", days=days))["clocks_weight"] for days in (1, 7, 13, 15, 90)]
    assert weights == [0.85, 0.85, 0.85, 0.35, 0.35]
    assert usual == 0.25
    whole = await ask(item="bread", days=7)
    late = whole["compared_with"]["same_weekdays"]  # nobody bought more than usual at once
    assert whole["expected_units"] == pytest.approx(0.85 * sum(whole["parts"].values()) + 0.15 * late, abs=0.02)


async def test_new_buyers_are_counted_by_their_first_purchases(sell, ask, model):
    await sell(("C-1", 700, 1), *((f"N-{n}", 2.5, 3) for n in range(8)))
    assert (await ask(item="milk", days=7))["parts"]["new"] == 8 * 3 / 56 * 7


async def test_a_model_without_clocks_says_so(sell, ask, model, service):
    service.resources.of(Models).item_champion = replace(model, clocks=None)
    await sell(("C-1", 3.5, 2))
    assert (await ask(item="milk"))["degraded_because"] == "no_clocks"


async def test_an_item_of_the_catalogue_that_nobody_bought(ask, put_items, model):
    await put_items("lamp")
    answer = await ask(item="lamp")
    assert answer["expected_units"] == 0.0
    assert answer["degraded_because"] == "no_buyers"
    await ask(404, item="no-such-item")


@pytest.mark.parametrize(
    "query",
    [{}, {"item": "a", "category": "b"}, {"item": "a", "days": 0}, {"item": "a", "days": 91}, {"item": "a\x00"}],
)
async def test_what_cannot_be_answered(ask, query):
    await ask(422, **query)
