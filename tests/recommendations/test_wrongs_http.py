"""What others got wrong: what is hidden, full, twice, too long or too much."""

import asyncio
import time
from dataclasses import replace

import numpy as np
import pytest

from app.customers.item_states import read_item_states
from app.lifecycle.ranking.facts import Neighbours
from app.models.held import Models
from app.recommendations import histories
from app.recommendations.held import Recommendations
from app.recommendations.part import _KEEPING_SHARE
from tests.recommendations.conftest import ids_of
from tests.recommendations.test_recommending_http import WEEKLY

SCENARIOS = ("replenish", "cart", "discover", "home", "popular")


async def lists(recommend, **query):
    """What each scenario recommends to C-1 and to nobody."""
    found = set()
    for scenario in SCENARIOS:
        for customer in ("C-1", "nobody"):
            found |= {*ids_of(await recommend(customer, scenario=scenario, limit=100, **query))}
    return found


@pytest.mark.parametrize(
    ("item", "query"),
    [
        ({"hidden": True}, {}),
        ({"valid_to": "2026-01-01T00:00:00Z"}, {}),
        ({"valid_from": "2999-01-01T00:00:00Z"}, {}),
        ({"in_stock": False}, {}),
        ({"in_stock_by_store": {"store-1": False}}, {"store": "store-1"}),
    ],
)
async def test_what_the_catalogue_takes_away_is_shown_no_more(model, put_items, buy, recommend, item, query):
    await buy("C-1", *WEEKLY)
    assert "milk-1l" in await lists(recommend, **query)
    await put_items({"item_id": "milk-1l", **item})
    assert "milk-1l" not in await lists(recommend, **query)
    assert "bread" in await lists(recommend, **query)
    await put_items("milk-1l")
    assert "milk-1l" in await lists(recommend, **query)


async def test_a_deleted_item_is_shown_no_more(model, put_items, buy, recommend, client):
    await buy("C-1", *WEEKLY)
    await put_items("milk-1l")
    assert (await client.delete("/v1/items/milk-1l")).status_code == 204
    assert "milk-1l" not in await lists(recommend)


async def test_out_of_stock_is_shown_where_that_is_asked(model, put_items, buy, recommend):
    await buy("C-1", *WEEKLY)
    await put_items({"item_id": "milk-1l", "in_stock": False, "in_stock_by_store": {"store-1": True}})
    assert "milk-1l" in ids_of(await recommend("C-1", in_stock_only="false"))
    assert "milk-1l" in ids_of(await recommend("C-1", store="store-1"))
    assert "milk-1l" not in ids_of(await recommend("C-1", store="store-2"))


async def test_an_offer_ends_on_time(model, put_items, recommend):
    ends = time.time() + 1.5
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ends)) + f".{int(ends % 1 * 1000):03d}Z"
    await put_items({"item_id": "milk-1l", "valid_to": text})
    assert "milk-1l" in ids_of(await recommend("nobody", limit=100))
    await asyncio.sleep(ends + 0.01 - time.time())
    assert "milk-1l" not in ids_of(await recommend("nobody", limit=100))


async def test_what_is_excluded_is_not_shown_nor_its_place_left_empty(model, buy, recommend):
    await buy("C-1", *WEEKLY, *[(day + 0.1, "only-here") for day in range(7, 84, 7)])
    assert "only-here" in await lists(recommend)
    assert not {"milk-1l", "only-here", "tea"} & await lists(recommend, exclude=["milk-1l", "only-here", "tea"])
    assert not {"milk-1l", "only-here", "tea"} & await lists(recommend, exclude="milk-1l,only-here,tea")
    for scenario in ("discover", "home", "popular", "cart"):
        assert len(ids_of(await recommend("C-1", scenario=scenario, limit=10, exclude="milk-1l,tea"))) == 10


async def test_a_category_holds_for_every_scenario(model, put_items, buy, recommend):
    await buy("C-1", *WEEKLY, *[(day + 0.1, "only-here") for day in range(7, 84, 7)])
    dairy = {"milk-1l", "cheese", "yoghurt"}
    await put_items(*({"item_id": item, "category": ["food", "dairy"]} for item in dairy))
    await put_items({"item_id": "bread", "category": ["food", "bakery"]})
    assert await lists(recommend, category=["food", "dairy"]) == dairy
    assert await lists(recommend, category=["food"]) == {*dairy, "bread"}
    assert await lists(recommend, category=["toys"]) == set()


async def test_as_many_as_asked_as_long_as_there_are_some(model, put_items, buy, recommend):
    await buy("C-1", *WEEKLY)
    await put_items(*(f"new-{number:03d}" for number in range(60)))
    for limit in (1, 10, 50):
        for scenario in ("discover", "home", "popular", "cart"):
            assert len(ids_of(await recommend("C-1", scenario=scenario, limit=limit))) == limit
    answer = await recommend("C-1", scenario="popular", limit=100)
    assert (len(answer["items"]), answer["short_because"]) == (60 + len(model.item_ids), "no_more_items")


async def test_enough_products_are_found_among_many_packs(model, put_items, recommend):
    await put_items(*({"item_id": f"a-{number:04d}", "pack_of": "a"} for number in range(900)), *"xyz")
    answer = await recommend("nobody", scenario="popular", limit=len(model.item_ids) + 4)
    assert answer["short_because"] is None
    assert sum(item.startswith("a-") for item in ids_of(answer)) == 1
    assert {*"xyz"} < {*ids_of(answer)}


async def test_two_packs_of_one_product_are_not_side_by_side(model, put_items, buy, recommend):
    await put_items(*({"item_id": item, "pack_of": "milk"} for item in ("milk-1l", "milk-2l")))
    await buy("C-1", *WEEKLY, *[(day + 0.1, "milk-2l") for day in range(7, 84, 7)])
    for scenario in SCENARIOS:
        assert len({"milk-1l", "milk-2l"} & {*ids_of(await recommend("C-1", scenario=scenario, limit=100))}) < 2


@pytest.mark.parametrize("has_model", [True, False])
async def test_packs_of_one_product_are_due_as_one(service, has_model, put_items, buy, recommend, request):
    """Bought every week in the one pack or the other; yesterday in the large one: no small one is due."""
    if has_model:
        request.getfixturevalue("model")
    await put_items(*({"item_id": item, "pack_of": "milk"} for item in ("milk-1l", "milk-2l")), "bread")
    small, large = (
        [(day + 0.1, item) for day in days]
        for item, days in (("milk-1l", range(14, 98, 14)), ("milk-2l", range(7, 98, 14)))
    )
    await buy("C-1", *small, *large, *[(day, "bread") for day in (7.2, 14.2, 21.2, 28.2)])
    (milk,) = [each for each in (await recommend("C-1", scenario="replenish"))["items"] if "milk" in each["item_id"]]
    assert milk["item_id"] == "milk-2l"
    assert milk["reasons"][0]["en"] == "Bought every 7 days on average, last 7 days ago"
    await put_items({"item_id": "milk-2l", "pack_of": "milk", "in_stock": False})
    (milk,) = [each for each in (await recommend("C-1", scenario="replenish"))["items"] if "milk" in each["item_id"]]
    assert milk["item_id"] == "milk-1l"
    await buy("C-1", (1, "milk-2l"))
    assert ids_of(await recommend("C-1", scenario="replenish")) == ["bread"]


async def test_categories_vary(model, put_items, recommend):
    plain = ids_of(await recommend("nobody", scenario="popular", limit=12))
    await put_items(*({"item_id": item, "category": ["food"]} for item in plain[:6]))
    varied = ids_of(await recommend("nobody", scenario="popular", limit=12))
    assert varied != plain
    assert varied[0] == plain[0]
    assert max(varied.index(item) for item in plain[:6]) > 5


async def test_the_merchants_wishes_are_kept_and_told(model, buy, recommend, client):
    await buy("C-1", *WEEKLY)
    title = {"en": "Our lamp", "zh": "好灯"}
    for rule in (
        {"rule_id": "lamp", "effect": "pin", "rank": 2, "items": ["lamp"], "title": title, "scenarios": ["home"]},
        {"rule_id": "more", "effect": "boost", "factor": 100, "items": ["tea"], "stores": ["store-9"]},
        {"rule_id": "none", "effect": "hide", "items": ["bread"]},
    ):
        put = await client.put(f"/v1/recommendations/rules/{rule['rule_id']}", json=rule)
        assert put.status_code == 200, put.text
    answer = await recommend("C-1", limit=5)
    assert ids_of(answer)[1] == "lamp"
    assert answer["items"][1]["reasons"][0] == {"code": "pinned", "rule_id": "lamp", **title}
    assert "bread" not in ids_of(answer)
    assert "lamp" not in ids_of(await recommend("C-1", limit=5, exclude="lamp"))
    assert "lamp" not in ids_of(await recommend("C-1", scenario="popular", limit=3))
    there = await recommend("nobody", scenario="home", store="store-9", limit=3)
    tea = next(item for item in there["items"] if item["item_id"] == "tea")
    assert tea["terms"]["boost"] == pytest.approx(4.60517)
    assert tea["reasons"][0]["code"] == "boosted"
    assert tea["rank"] == 1


@pytest.mark.parametrize("scenario", ["home", "discover"])
async def test_a_boost_lifts_what_nobody_would_have_looked_at(service, model, buy, recommend, client, scenario):
    """Of a shop that looks at what sells and at what a customer buys: an item far from both has a score as well."""
    await buy("C-1", *WEEKLY)
    facts, count = model.ranker.facts, len(model.item_ids)
    alone = Neighbours(np.arange(count, dtype=np.int32)[:, None], np.zeros((count, 1), np.float32))
    facts = facts._replace(basket=alone, owners=alone, popular=np.array([model.places["bread"]]))
    facts = facts._replace(rising=np.arange(0), pulls=facts.pulls[:0])
    lonely = replace(model, ranker=replace(model.ranker, facts=facts))
    service.resources.of(Models).item_champion = lonely
    plain = ids_of(await recommend("C-1", scenario=scenario, limit=18))
    last = plain[-1]
    rule = {"rule_id": "more", "effect": "boost", "factor": 100, "items": [last]}
    assert (await client.put("/v1/recommendations/rules/more", json=rule)).status_code == 200
    boosted = await recommend("C-1", scenario=scenario, limit=18)
    item = next(each for each in boosted["items"] if each["item_id"] == last)
    assert item["rank"] <= 3
    assert item["terms"]["boost"] == pytest.approx(4.60517)
    assert "customer" in item["terms"]
    assert ids_of(await recommend("C-1", scenario=scenario, limit=17, exclude=last)) == plain[:-1]


async def test_what_is_shown_often_and_never_taken_sinks(model, buy, recommend, client, shop):
    await buy("C-1", *WEEKLY)
    before = await recommend("C-1", limit=10)
    first, second = ids_of(before)[:2]
    for _ in range(4):
        answer = await recommend("C-1", limit=10)
        told = {"recommendation_id": answer["recommendation_id"]}
        seen = [shop.event("recommendation.shown", data=told) for _ in range(3)]
        clicked = shop.event("recommendation.clicked", data={**told, "product_id": second})
        assert (await client.post("/v1/events", json=[*seen, clicked])).status_code == 200
    after = await recommend("C-1", limit=10)
    assert ids_of(after)[0] == second
    sunk = next(item for item in after["items"] if item["item_id"] == first)
    assert sunk["terms"]["shown"] == -1.0
    assert "shown" not in after["items"][0]["terms"]


async def test_what_sells_needs_no_history_but_sinks_all_the_same(model, buy, recommend, client, shop, monkeypatch):
    await buy("C-1", *WEEKLY)
    reads = []

    async def read(*asked):
        reads.append(asked)
        return await read_item_states(*asked)

    monkeypatch.setattr(histories, "read_item_states", read)
    for _ in range(3):
        answer = await recommend("C-1", scenario="popular", limit=5)
        told = {"recommendation_id": answer["recommendation_id"]}
        assert (await client.post("/v1/events", json=shop.event("recommendation.shown", data=told))).status_code == 200
    assert {item["terms"]["shown"] for item in answer["items"] if "shown" in item["terms"]} == set()
    after = await recommend("C-1", scenario="popular", limit=100)
    sunk = {item["item_id"]: item["terms"].get("shown") for item in after["items"]}
    assert [sunk[item] for item in ids_of(answer)] == [-0.5] * 5
    assert not reads
    await recommend("C-1", scenario="home")
    assert len(reads) == 1


async def test_a_recommendation_is_kept_as_it_was_answered(model, buy, recommend, sql):
    await buy("C-1", *WEEKLY)
    answer = await recommend("C-1", scenario="discover", store="store-1", limit=3)
    row = await sql.row("SELECT * FROM recommendations")
    assert row["recommendation_id"] == answer["recommendation_id"]
    assert (row["customer_id"], row["scenario"], row["store"]) == ("C-1", "discover", "store-1")
    assert (row["items"], row["model_version"]) == (ids_of(answer), "recommend-grocer")


async def test_an_answer_that_cannot_be_kept_in_time_has_no_id(service, model, recommend, sql, monkeypatch):
    monkeypatch.setattr(service.resources.of(Recommendations), "keep_patience_s", 0.2)
    async with sql.engine.connect() as connection:
        await connection.exec_driver_sql("LOCK TABLE recommendations IN SHARE MODE")
        began_s = time.monotonic()
        answer = await recommend("nobody", limit=3)
        assert time.monotonic() - began_s < 5
        await connection.rollback()
    assert answer["recommendation_id"] is None
    assert len(answer["items"]) == 3
    assert 0 < _KEEPING_SHARE < 1


async def test_a_customer_with_100_000_lines(model, recommend, engine, shop, client):
    """As many as are kept of them: the states are bounded, whatever was bought."""
    items = [f"own-{number:05d}" for number in range(20_000)]
    for first in range(0, 100, 10):
        orders = []
        for number in range(first, first + 10):
            lines = [{"product_id": items[(number * 1000 + n) % 20_000], "quantity": 1} for n in range(1000)]
            orders.append(shop.order("C-1", total=9.0, products=lines, at=shop.ago(days=400 - number)))
        answer = await client.post("/v1/events", json=orders)
        assert answer.json()["accepted"] == 10, answer.text
    answer = await recommend("C-1", scenario="home", limit=100)
    assert len(answer["items"]) == 100
    assert len(ids_of(await recommend("C-1", scenario="discover", limit=20))) == 20
    assert not {*ids_of(await recommend("C-1", scenario="discover", limit=20))} & {*items}


async def test_what_was_bought_before_all_that_is_kept_is_not_new(model, put_items, buy, recommend, client, shop):
    """Whoever has bought 700 items has 500 of them kept."""
    old = [f"old-{number}" for number in range(5)]
    await put_items(*old[:4], "new", *({"item_id": item, "pack_of": "old"} for item in ("old-4", "old-large")))
    await buy("C-1", (300, *old), (10, *(f"own-{number:03d}" for number in range(700))))
    found = {*ids_of(await recommend("C-1", scenario="discover", limit=100))}
    assert "new" in found
    assert not {*old, "old-large"} & found
    await client.post("/v1/events", json=shop.event("customer.merged", "C-2", data={"merged": "C-1"}))
    assert not {*old, "old-large"} & {*ids_of(await recommend("C-2", scenario="discover", limit=100))}
    assert {*old[:4], "new"} < {*ids_of(await recommend("C-3", scenario="discover", limit=100))}


async def test_what_is_held_does_not_grow_with_customers(service, model, buy, recommend):
    held = service.resources.of(Recommendations)
    assortment = held.assortment()
    for number in range(20):
        await recommend(f"N-{number}", limit=3)
    assert held.assortment() is assortment
    assert len(assortment._shown) == 1


async def test_a_new_model_and_a_new_catalogue_are_seen_at_once(service, model, put_items, recommend):
    assert "brand-new" not in ids_of(await recommend("nobody", limit=100))
    await put_items("brand-new")
    assert "brand-new" in ids_of(await recommend("nobody", limit=100))
    service.resources.of(Models).item_champion = None
    answer = await recommend("nobody", limit=100)
    assert (ids_of(answer), answer["degraded"]) == (["brand-new"], True)
