"""`GET /v1/customers/{id}/recommendations`: what each scenario is about."""

from dataclasses import replace
from datetime import datetime

import pytest

from app.database.engine import transaction
from app.http.auth import create_key
from app.models.held import Models
from app.recommendations import due
from tests.recommendations.conftest import ids_of
from tests.recommendations.grocer import STAPLES

WEEKLY = [(day + 0.1, "milk-1l", "bread") for day in range(7, 84, 7)]
"""The last was a week ago: due today."""


async def test_what_is_bought_every_week_is_due_after_one(model, buy, recommend):
    await buy("C-1", *WEEKLY, (1, "coffee"), (31, "coffee"), (61, "coffee"))
    answer = await recommend("C-1", scenario="replenish")
    assert set(ids_of(answer)) == {"milk-1l", "bread"}
    assert (answer["based_on"], answer["short_because"], answer["degraded"]) == ("history", "no_more_due", False)
    milk = next(item for item in answer["items"] if item["item_id"] == "milk-1l")
    asked, due = (datetime.fromisoformat(text) for text in (answer["as_of"], milk["due_at"]))
    assert abs((due - asked).total_seconds()) < 86400
    assert 0.4 < milk["probability"] < 1.0
    said = {"en": "Bought every 7 days on average, last 7 days ago", "zh": "平均每 7 天买一次，上次是 7 天前"}
    assert milk["reasons"] == [{"code": "due", **said}]


async def test_just_bought_is_not_due(model, buy, recommend):
    await buy("C-1", *[(day, "milk-1l") for day in range(1, 84, 7)])
    assert ids_of(await recommend("C-1", scenario="replenish")) == []


async def test_who_buys_more_often_than_others_is_reminded_at_their_own_rhythm(model, buy, recommend):
    """Cheese is bought every four weeks by others: the gap is between both, and the item is due all the same."""
    await buy("C-1", *[(day + 0.5, "cheese") for day in range(6, 27, 7)])
    assert ids_of(await recommend("C-1", scenario="replenish")) == ["cheese"]
    await buy("C-2", *[(day + 0.5, "cheese") for day in range(1, 57, 7)])
    assert ids_of(await recommend("C-2", scenario="replenish")) == []


async def test_bought_once_ever_is_not_due(model, buy, recommend):
    await buy("C-1", *WEEKLY, (30, "lamp"), (14, "milk-2l"), (8, "apples"))
    assert set(ids_of(await recommend("C-1", scenario="replenish"))) == {"milk-1l", "bread"}


@pytest.mark.parametrize("has_model", [True, False])
async def test_a_gift_bought_yearly_is_not_due_after_weeks(service, trained, has_model, buy, recommend, request):
    if has_model:
        request.getfixturevalue("model")
    await buy("C-1", *WEEKLY, (395, "vase"), (30, "vase"))
    assert "vase" not in ids_of(await recommend("C-1", scenario="replenish"))


async def test_what_they_left_long_ago_is_not_due(service, model, buy, recommend):
    """In a shop whose customers come back after any silence: of tea it is more than four of its gaps long."""
    clocks = replace(model.clocks, least_left=0.0)
    service.resources.of(Models).item_champion = replace(model, clocks=clocks)
    tea = [(day + 0.1, "tea") for day in range(120, 400, 28)]
    await buy("C-1", *WEEKLY, *tea, *[(day + 0.1, "coffee") for day in range(45, 360, 28)])
    due = ids_of(await recommend("C-1", scenario="replenish"))
    assert "coffee" in due
    assert "tea" not in due


async def test_what_hardly_anybody_would_buy_is_not_due(model, buy, recommend, monkeypatch):
    await buy("C-1", *WEEKLY, (1400, "coffee"), (700, "coffee"))
    answer = await recommend("C-1", scenario="replenish")
    probability = {item["item_id"]: item["probability"] for item in answer["items"]}
    least, most = probability["coffee"], min(probability["milk-1l"], probability["bread"])
    assert 0 < due.LEAST_PROBABILITY <= least < most
    monkeypatch.setattr(due, "LEAST_PROBABILITY", (least + most) / 2)
    assert {*ids_of(await recommend("C-1", scenario="replenish", limit=20))} == {"milk-1l", "bread"}


@pytest.mark.parametrize("has_model", [True, False])
async def test_what_was_given_back_was_not_bought(service, has_model, buy, recommend, client, shop, request):
    if has_model:
        request.getfixturevalue("model")
    await buy("C-1", *WEEKLY, *[(day, "coffee") for day in (21, 14, 7)])
    assert "coffee" in ids_of(await recommend("C-1", scenario="replenish"))
    line = {"product_id": "coffee", "quantity": 3, "price": 2.0}
    refund = shop.event("order.refunded", data={"order_id": "unknown", "total": 6.0, "products": [line]})
    assert (await client.post("/v1/events", json=refund)).status_code == 200
    assert "coffee" not in ids_of(await recommend("C-1", scenario="replenish"))
    assert "coffee" not in ids_of(await recommend("C-1", scenario="discover", limit=100))  # it is known all the same


@pytest.mark.parametrize("source", ["/shop", "/woocommerce/tea.example.com"])
@pytest.mark.parametrize("has_model", [True, False])
async def test_what_was_given_back_whole_is_known(
    service, has_model, put_items, buy, recommend, client, shop, request, source
):
    """Of a till, and of a source whose orders have an identity. Bought again it is bought."""
    if has_model:
        request.getfixturevalue("model")
    await put_items("lamp", "pan", "milk-1l", "bread", "milk-2l")

    def told(type_, order_id, days):
        data = {"order_id": order_id, "total": 9.0, "products": [{"product_id": "lamp", "quantity": 1, "price": 9.0}]}
        return shop.event(type_, data=data, at=shop.ago(days=days), source=source)

    async def tell(*events):
        assert (await client.post("/v1/events", json=events)).json()["accepted"] == len(events)

    async def offered(scenario):
        return ids_of(await recommend("C-1", scenario=scenario, limit=100))

    await tell(told("order.completed", "R-1", 30), told("order.refunded", "R-1", 29))
    for scenario in ("replenish", "discover", "home"):  # the only purchase there was: what sells
        assert "lamp" not in await offered(scenario)
        assert "pan" in await offered(scenario)
    await buy("C-1", *WEEKLY)
    for scenario in ("replenish", "discover", "home"):
        assert "lamp" not in await offered(scenario)
    assert "lamp" in await offered("popular")
    await tell(told("order.completed", "R-2", 20))
    lamp = next(each for each in (await recommend("C-1", limit=100))["items"] if each["item_id"] == "lamp")
    assert [reason["code"] for reason in lamp["reasons"]] == ["bought_once"]
    assert "lamp" not in await offered("discover")
    assert "lamp" not in await offered("replenish")


@pytest.mark.parametrize(
    ("bought", "returned", "said"),
    [
        ((28, 21, 14, 7), (27.5, 20.5, 13.5), "Bought once, 7 days ago"),
        ((30, 8), (29,), "Bought once, 8 days ago"),
        ((30, 8), (7,), "Bought once, 30 days ago"),
        ((28, 21, 14, 7), (6,), "Bought every 7 days on average, last 14 days ago"),
    ],
)
async def test_what_a_till_took_back_of_an_order_is_no_purchase(
    model, buy, recommend, client, shop, bought, returned, said
):
    """Other lines of the same orders were kept, so that the orders stand."""
    orders = await buy("C-1", *[(day + 0.1, "coffee", "eggs") for day in bought])
    number = {round(day): order["data"]["order_id"] for day, order in zip(bought, orders, strict=True)}
    refunds = []
    for day in returned:
        of = min(each for each in bought if each >= day)
        line = {"product_id": "coffee", "quantity": 1, "price": 2.0}
        data = {"order_id": number[of], "total": 2.0, "products": [line]}
        refunds.append(shop.event("order.refunded", data=data, at=shop.ago(days=day)))
    assert (await client.post("/v1/events", json=refunds)).json()["accepted"] == len(refunds)
    told = {item["item_id"]: item["reasons"][0]["en"] for item in (await recommend("C-1", limit=5))["items"]}
    assert told["coffee"] == said
    reminded = ids_of(await recommend("C-1", scenario="replenish"))
    assert ("coffee" in reminded) is (len(bought) - len(returned) > 1)


async def test_without_a_model_own_gaps_tell(service, buy, recommend):
    await buy("C-1", *WEEKLY)
    answer = await recommend("C-1", scenario="replenish")
    assert set(ids_of(answer)) == {"milk-1l", "bread"}
    assert (answer["degraded_because"], answer["model_version"]) == ("no_model", None)
    assert answer["items"][0]["probability"] is None
    assert answer["items"][0]["due_at"] is not None


async def test_nothing_bought_before_is_new(model, buy, recommend):
    bought = ["milk-1l", "bread", "lamp", "coffee", "tea", "pasta"]
    await buy("C-1", *WEEKLY, (300, *bought))
    answer = await recommend("C-1", scenario="discover", limit=100)
    assert set(ids_of(answer)) == set(model.item_ids) - set(bought)
    assert answer["short_because"] == "no_more_items"
    sauce = next(item for item in answer["items"] if item["item_id"] == "sauce")
    assert sauce["reasons"][0]["code"] == "bought_with"
    assert sauce["reasons"][0]["en"] == "Often bought with pasta, which you have bought"


async def test_a_pack_of_what_was_bought_is_not_new(model, put_items, buy, recommend):
    await put_items(*({"item_id": item, "pack_of": "milk"} for item in ("milk-1l", "milk-2l")))
    await buy("C-1", *WEEKLY)
    assert "milk-2l" not in ids_of(await recommend("C-1", scenario="discover", limit=100))


async def test_home_blends_what_is_due_with_what_sells(model, buy, recommend):
    await buy("C-1", *WEEKLY)
    answer = await recommend("C-1", limit=8)
    assert set(ids_of(answer)[:2]) == {"milk-1l", "bread"}
    assert (len(answer["items"]), answer["short_because"], answer["scenario"]) == (8, None, "home")
    assert answer["items"][0]["reasons"][0]["code"] == "bought_before"


async def test_the_list_is_not_the_same_for_all(model, buy, recommend):
    await buy("C-1", *WEEKLY)
    await buy("C-2", *[(day, "eggs", "rice") for day in range(7, 84, 7)])
    lists = [ids_of(await recommend(customer, limit=5)) for customer in ("C-1", "C-2", "C-9")]
    assert len({tuple(each[:2]) for each in lists}) == 3


@pytest.mark.parametrize("scenario", ["replenish", "checkout", "cart", "discover", "home", "popular"])
async def test_whoever_is_not_known_gets_what_sells(model, recommend, scenario):
    answer = await recommend("nobody", scenario=scenario, limit=5)
    assert answer["based_on"] == "popularity"
    assert len(answer["items"]) == 5
    assert set(ids_of(answer)) <= {*STAPLES, "pasta", "sauce"}
    assert {item["reasons"][0]["code"] for item in answer["items"]} == {"popular"}


async def test_what_sells_in_a_store_comes_first_there(model, recommend):
    there = await recommend("nobody", scenario="popular", store="store-9", limit=3)
    assert ids_of(there)[:2] == ["lamp", "tea"]
    assert there["items"][0]["reasons"][0]["code"] == "popular_in_store"
    elsewhere = await recommend("nobody", scenario="popular", store="store-1", limit=3)
    assert "lamp" not in ids_of(elsewhere)


async def test_without_a_model_the_catalogue_is_shown_and_without_that_nothing(service, put_items, recommend):
    empty = await recommend("nobody")
    assert (empty["items"], empty["recommendation_id"]) == ([], None)
    assert (empty["short_because"], empty["degraded_because"]) == ("no_more_items", "no_model")
    await put_items("b", "a", "c")
    assert ids_of(await recommend("nobody", limit=2)) == ["a", "b"]


async def test_without_a_model_home_is_what_is_bought_most(service, buy, recommend):
    await buy("C-1", *WEEKLY, (40, "rare"))
    assert ids_of(await recommend("C-1")) == ["bread", "milk-1l", "rare"]


async def test_scores_are_the_sum_of_their_terms(model, buy, recommend):
    await buy("C-1", *WEEKLY, (2, "lamp"))
    for scenario in ("home", "discover", "replenish", "popular"):
        answer = await recommend("C-1", scenario=scenario)
        assert [item["rank"] for item in answer["items"]] == list(range(1, len(answer["items"]) + 1))
        for item in answer["items"]:
            assert item["score"] == pytest.approx(sum(item["terms"].values()), abs=1e-5)


async def test_the_same_request_has_the_same_answer(model, buy, recommend):
    await buy("C-1", *WEEKLY, (5, "pasta", "sauce"), (12, "torch"))
    for scenario in ("home", "discover", "replenish", "cart", "popular"):
        first, again = [await recommend("C-1", scenario=scenario, limit=20) for _ in range(2)]
        assert first.pop("recommendation_id") != again.pop("recommendation_id") or not first["items"]
        assert first == again


async def test_ids_of_a_person_are_read_together(model, buy, recommend, client, shop):
    await buy("C-1", *WEEKLY[::2])
    await buy("C-2", *WEEKLY[1::2])
    merged = shop.event("customer.merged", "C-1", data={"merged": "C-2"})
    assert (await client.post("/v1/events", json=merged)).status_code == 200
    for customer in ("C-1", "C-2"):
        answer = await recommend(customer, scenario="replenish")
        assert set(ids_of(answer)) == {"milk-1l", "bread"}
        assert answer["customer_id"] == customer


async def test_titles_come_in_both_languages(model, put_items, recommend):
    await put_items({"item_id": "milk-1l", "title": {"zh": "牛奶"}}, {"item_id": "bread", "title": {"en": "Bread"}})
    answer = await recommend("nobody", scenario="popular", limit=20)
    titles = {item["item_id"]: item["title"] for item in answer["items"]}
    assert titles["milk-1l"] == {"en": "牛奶", "zh": "牛奶"}
    assert titles["bread"] == {"en": "Bread", "zh": "Bread"}
    assert titles["eggs"] == {"en": None, "zh": None}


@pytest.mark.parametrize(
    "query",
    [
        {"scenario": "surprise"},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "ten"},
        {"limit": "-1"},
        {"in_stock_only": "perhaps"},
        {"category": ["a"] * 9},
        {"store": "x" * 129},
        {"exclude": "a\x00b"},
        {"exclude": ",".join(str(number) for number in range(1001))},
    ],
)
async def test_what_is_no_request_is_refused_by_name(client, query):
    answer = await client.get("/v1/customers/C-1/recommendations", params=query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == f"/{next(iter(query))}"


async def test_parameters_without_a_value_are_as_if_not_there(model, recommend):
    plain = await recommend("nobody")
    empty = await recommend("nobody", scenario="", limit="", exclude="", category="", in_stock_only="", store="")
    assert ids_of(plain) == ids_of(empty)
    assert empty["scenario"] == "home"


async def test_excluded_ids_may_be_parted_by_commas_and_blanks(model, recommend):
    many = ", ".join(["apples", "tea ", *(f"none-{number}" for number in range(998))])
    answer = await recommend("nobody", limit=100, exclude=many)
    assert not {"apples", "tea"} & {*ids_of(answer)}
    assert "coffee" in ids_of(answer)


async def test_what_sells_is_popular_and_what_nobody_bought_is_not(model, put_items, recommend):
    await put_items("brand-new")
    answer = await recommend("nobody", scenario="popular", limit=100, store="store-9")
    said = {item["item_id"]: item["reasons"][0]["code"] for item in answer["items"]}
    assert [said[item] for item in ("lamp", "apples", "brand-new")] == ["popular_in_store", "popular", "in_catalogue"]
    (new,) = (item["reasons"][0] for item in answer["items"] if item["item_id"] == "brand-new")
    assert new == {"code": "in_catalogue", "en": "From our range", "zh": "本店商品"}


async def test_a_category_that_there_is_not_is_told(model, put_items, recommend):
    await put_items({"item_id": "milk-1l", "category": ["food", "dairy"]})
    answer = await recommend("nobody", category=["food", "dairy"])
    assert (ids_of(answer), answer["short_because"]) == (["milk-1l"], "no_more_items")
    for unknown in (["toys"], ["food/dairy"], ["dairy", "food"]):
        answer = await recommend("nobody", category=unknown)
        assert (ids_of(answer), answer["short_because"]) == ([], "unknown_category")
    await put_items({"item_id": "milk-1l", "category": ["food", "dairy"], "hidden": True})
    assert (await recommend("nobody", category="dairy"))["short_because"] == "no_more_items"


async def test_a_key_to_read_is_needed_and_enough(service, engine, client):
    path = "/v1/customers/C-1/recommendations"
    assert (await client.get(path, headers={"Authorization": ""})).status_code == 401
    statuses = []
    for scope in ("read", "ingest"):
        async with transaction(engine) as connection:
            _, key = await create_key(connection, scope, [scope], 1)
        statuses.append((await client.get(path, headers={"Authorization": f"Bearer {key}"})).status_code)
    assert statuses == [200, 403]


async def test_an_id_may_hold_slashes(model, buy, client):
    await buy("shop/7", *WEEKLY)
    answer = await client.get("/v1/customers/shop%2F7/recommendations", params={"scenario": "replenish"})
    assert set(ids_of(answer.json())) == {"milk-1l", "bread"}
