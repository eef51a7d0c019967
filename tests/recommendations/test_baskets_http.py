"""`POST /v1/recommendations`: what goes with a basket."""

import pytest

from tests.recommendations.conftest import ids_of
from tests.recommendations.test_recommending_http import WEEKLY


@pytest.mark.parametrize("scenario", ["cart", "checkout"])
async def test_what_goes_with_the_basket_comes_first_and_says_so(model, recommend, scenario):
    answer = await recommend(body={"scenario": scenario, "basket": ["pasta", "milk-1l"], "limit": 4})
    assert (answer["customer_id"], answer["based_on"], len(answer["items"])) == (None, "basket", 4)
    first = answer["items"][0]
    assert first["item_id"] == "sauce"
    assert first["reasons"][0]["code"] == "goes_with"
    assert first["reasons"][0]["en"].startswith("Often bought with pasta: 1")
    assert first["reasons"][0]["en"].endswith(" times as often as by chance")
    assert first["reasons"][0]["zh"].startswith("常与pasta一起购买：是偶然情况的 1")
    assert set(first["terms"]) == {"popularity", "companions"}
    assert {item["reasons"][0]["code"] for item in answer["items"][1:]} == {"popular"}


async def test_what_sells_to_everybody_goes_with_nothing(model, recommend):
    """Apples and coffee are in every second basket: that they are together in many is chance."""
    answer = await recommend(body={"basket": ["apples"], "limit": 10})
    assert answer["scenario"] == "cart"
    assert "goes_with" not in {item["reasons"][0]["code"] for item in answer["items"]}


async def test_what_is_in_the_basket_is_not_recommended(model, buy, recommend):
    await buy("C-1", *WEEKLY)
    basket = ["pasta", "sauce", "milk-1l", "bread"]
    answer = await recommend(body={"customer_id": "C-1", "basket": basket, "limit": 100})
    assert set(ids_of(answer)) == set(model.item_ids) - set(basket)


async def test_behind_the_companions_is_what_the_customer_forgot(model, buy, recommend):
    await buy("C-1", *WEEKLY)
    answer = await recommend(body={"customer_id": "C-1", "basket": ["pasta"], "limit": 3})
    assert ids_of(answer)[0] == "sauce"
    assert set(ids_of(answer)[1:]) == {"milk-1l", "bread"}
    assert answer["items"][1]["reasons"][0]["code"] == "bought_before"


async def test_complements_come_before_substitutes(model, put_items, recommend):
    whole = {item: {"item_id": item} for item in model.item_ids}
    whole["sauce"]["substitute_of"] = "pasta"
    whole["milk-1l"]["pack_of"] = whole["milk-2l"]["pack_of"] = "milk"
    whole["torch"]["substitute_of"] = whole["tea"]["substitute_of"] = "batteries"
    await put_items(*whole.values())
    answer = await recommend(body={"basket": ["pasta", "milk-1l", "tea", "chips"], "limit": 100})
    assert ids_of(answer)[0] == "dip"
    behind = [item["item_id"] for item in answer["items"] if item["terms"].get("substitute")]
    assert set(behind) == {"sauce", "milk-2l", "torch", "batteries"}
    assert set(ids_of(answer)[-4:]) == set(behind)


async def test_lines_are_taken_as_orders_have_them(model, recommend):
    lines = [{"product_id": "pasta", "quantity": 2, "price": 3.5}, {"item_id": "chips"}, "torch"]
    answer = await recommend(body={"basket": lines, "limit": 3})
    assert set(ids_of(answer)) == {"sauce", "dip", "batteries"}


async def test_ids_may_be_numbers_and_what_is_null_is_as_if_not_there(model, put_items, recommend):
    await put_items("4711")
    nothing = dict.fromkeys(
        ("customer_id", "scenario", "limit", "exclude", "category", "in_stock_only", "store", "context")
    )
    answer = await recommend(body={**nothing, "basket": [{"product_id": "pasta", "quantity": "2"}, 17]})
    assert (ids_of(answer)[0], answer["scenario"], len(answer["items"])) == ("sauce", "cart", 10)
    wanted = {"scenario": "popular", "limit": 100}
    assert "4711" in ids_of(await recommend(body=wanted))
    assert "4711" not in ids_of(await recommend(body={**wanted, "basket": [4711]}))
    assert "4711" not in ids_of(await recommend(body={**wanted, "exclude": [4711], "basket": None}))


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        (None, ""),
        ([], ""),
        ("", "/product_id"),
        ({"sku": "pasta"}, "/product_id"),
        ({"product_id": None}, "/product_id"),
        ({"product_id": True}, "/product_id"),
        ({"product_id": 1.5}, "/product_id"),
    ],
)
async def test_a_line_that_is_none_is_told_by_its_place(client, line, pointer):
    answer = await client.post("/v1/recommendations", json={"basket": ["pasta", line]})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/basket/1{pointer}"]


async def test_a_basket_of_300_lines(model, recommend):
    lines = [{"product_id": f"unknown-{number}", "quantity": 1} for number in range(298)]
    answer = await recommend(body={"basket": [*lines, "pasta", "pasta"], "limit": 5})
    assert ids_of(answer)[0] == "sauce"
    assert len(answer["items"]) == 5


@pytest.mark.parametrize("basket", [[], ["none-such"]])
async def test_a_basket_that_says_nothing_is_no_error(model, recommend, basket):
    answer = await recommend(body={"scenario": "cart", "basket": basket, "limit": 5})
    assert len(answer["items"]) == 5


async def test_without_model_or_catalogue_a_basket_is_no_error(service, recommend):
    answer = await recommend(body={"basket": ["pasta"]})
    assert (answer["items"], answer["degraded_because"]) == ([], "no_model")


async def test_the_store_may_stand_in_the_context(model, recommend):
    for body in ({"store": "store-9"}, {"context": {"store": "store-9", "page": "home"}}):
        answer = await recommend(body={"scenario": "popular", "limit": 2, **body})
        assert (answer["store"], ids_of(answer)) == ("store-9", ["lamp", "tea"])


async def test_nobodys_recommendation_is_kept_for_nobody(model, recommend, sql):
    answer = await recommend(body={"limit": 2})
    row = await sql.row("SELECT customer_id, recommendation_id FROM recommendations")
    assert row == {"customer_id": "", "recommendation_id": answer["recommendation_id"]}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scenario": "surprise"}, "/scenario"),
        ({"limit": 101}, "/limit"),
        ({"limit": "10"}, "/limit"),
        ({"customer_id": ""}, "/customer_id"),
        ({"basket": ["x"] * 1001}, "/basket"),
        ({"exclude": ["x"] * 1001}, "/exclude"),
        ({"category": "food"}, "/category"),
        ({"surprise": 1}, ""),
    ],
)
async def test_what_is_no_request_is_refused_by_name(client, body, pointer):
    answer = await client.post("/v1/recommendations", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_what_is_no_line_is_refused(client):
    answer = await client.post("/v1/recommendations", json={"basket": [{"quantity": 1}]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/basket/0")
