"""How deep offers go, over HTTP: by what is bought on discount, within guard rails, and the same when asked again."""

import asyncio
import time
from typing import Any

import pytest

from app.database.engine import Driver
from app.lifecycle.events import DAY_US
from app.lifecycle.pricing.depth import Evidence, ItemFacts, recompute
from app.lifecycle.pricing.policy import OfferPolicy
from app.models.held import Models
from app.recommendations.offers.giving import Asking, give_offers
from app.recommendations.offers.held import Offers

LAMP = {"item_id": "lamp", "price": 20.0, "margin": 0.5}


@pytest.fixture
def shop_for(client, shop):
    """So many orders of a customer, of an item each, of which so many were on discount."""

    async def shop_for(subject, orders, discounted, *, item="soap", channel="store", latest_days=5, **more):
        events = []
        for place in range(orders):
            line = {
                "product_id": item,
                "quantity": 1,
                "price": 10.0,
                **({"discount": 1.0} if place < discounted else {}),
            }
            at = shop.ago(days=latest_days + 20 * place)
            events.append(shop.order(subject, total=9.0, products=[line], at=at, channel=channel, **more))
        answer = await client.post("/v1/events", json=events)
        assert answer.json()["accepted"] == orders, answer.text
        return events

    return shop_for


@pytest.fixture
def offer(client):
    async def offer(customer_id, item_id="lamp"):
        answer = await client.get(f"/v1/customers/{customer_id}/offers/{item_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    return offer


@pytest.fixture
def keep_policy(service):
    """Another policy, for a test."""
    held = service.resources.of(Offers)
    before = held.policy

    def put(**changes):
        held.policy = OfferPolicy(**changes)

    yield put
    held.policy = before


def codes_of(told):
    return [reason["code"] for reason in told["reasons"]]


async def test_who_buys_on_discount_is_offered_one(put_items, shop_for, offer):
    await put_items(LAMP)
    await shop_for("C-1", 12, 12)
    told = await offer("C-1")
    assert (told["item_id"], told["depth"], told["price"], told["regular_price"]) == ("lamp", 0.1, 18.0, 20.0)
    assert codes_of(told) == ["value_tier", "buys_on_offer"]  # without a model no tier is known
    assert told["reasons"][1]["en"] == "100% of what you bought was on offer"
    assert told["reasons"][1]["zh"] == "您买过的商品中有 100% 享受了优惠"
    assert told["valid_from"] < told["valid_until"]


async def test_who_buys_at_full_price_is_not(put_items, shop_for, offer):
    await put_items(LAMP)
    await shop_for("C-1", 12, 1)
    told = await offer("C-1")
    assert (told["depth"], told["price"], codes_of(told)) == (0.0, 20.0, ["buys_at_full_price"])


async def test_an_item_bought_at_full_price_is_not_though_others_are(put_items, shop_for, offer):
    await put_items(LAMP)
    await shop_for("C-1", 12, 9)
    await shop_for("C-1", 9, 0, item="lamp")
    assert codes_of(await offer("C-1")) == ["buys_this_at_full_price"]


async def test_by_the_value_tier_and_the_risk_of_the_model(service, make_model, put_items, shop_for, offer):
    await put_items(LAMP)
    for days, subject in ((5, "often"), (60, "late"), (100, "gone")):
        await shop_for(subject, 12, 9, latest_days=days)
    models = service.resources.of(Models)
    models.champion = make_model("m-1")
    try:
        depths = {subject: (await offer(subject))["depth"] for subject in ("often", "late", "gone")}
    finally:
        models.champion = None
    assert depths["often"] < depths["late"]
    assert depths["gone"] <= depths["late"]  # worth less by then


REFUSED = {
    "nobody": ("nobody", "lamp", "unknown_customer"),
    "an item of nobody": ("nobody", "none-such", "unknown_customer"),
    "an item that is not known": ("C-1", "none-such", "not_in_catalogue"),
    "of the log alone": ("C-1", "soap", "not_in_catalogue"),
    "without a price": ("C-1", "free", "no_price"),
    "expired": ("C-1", "old", "not_for_sale"),
    "not yet": ("C-1", "young", "not_for_sale"),
    "hidden": ("C-1", "secret", "not_for_sale"),
    "deleted": ("C-1", "gone", "not_in_catalogue"),
}


@pytest.mark.parametrize(("customer_id", "item_id", "code"), REFUSED.values(), ids=REFUSED)
async def test_what_is_not_offered_says_why_and_is_not_kept(
    client, put_items, shop_for, offer, sql, shop, customer_id, item_id, code
):
    tomorrow = shop.ago(days=-1)
    await put_items(
        LAMP,
        {"item_id": "free"},
        {**LAMP, "item_id": "old", "valid_to": shop.ago(days=1)},
        {**LAMP, "item_id": "young", "valid_from": tomorrow},
        {**LAMP, "item_id": "secret", "hidden": True},
        {**LAMP, "item_id": "gone"},
    )
    assert (await client.delete("/v1/items/gone")).status_code == 204
    await shop_for("C-1", 12, 12)
    told = await offer(customer_id, item_id)
    assert (told["depth"], codes_of(told), told["valid_until"]) == (0.0, [code], None)
    assert await sql.value("SELECT count(*) FROM price_offers") == 0


async def test_a_newcomer_is_known_too_little_and_asked_anew(put_items, shop_for, offer):
    await put_items(LAMP)
    await shop_for("C-1", 2, 2)
    assert codes_of(await offer("C-1")) == ["too_little_known"]
    await shop_for("C-1", 10, 10)
    assert (await offer("C-1"))["depth"] == 0.1


async def test_an_offer_ends_with_the_item(put_items, shop_for, offer, shop):
    until = shop.ago(days=-2)
    await put_items({**LAMP, "valid_to": until})
    await shop_for("C-1", 12, 12)
    assert (await offer("C-1"))["valid_until"][:19] == until[:19]


async def test_who_refuses_what_is_personal_is_left_alone_at_once(client, put_items, shop_for, offer, shop):
    await put_items(LAMP)
    await shop_for("C-1", 12, 12)
    assert (await offer("C-1"))["depth"] == 0.1
    said = {"purpose": "personalization", "granted": False}
    await client.post("/v1/events", json=shop.event("consent.changed", "C-1", data=said))
    told = await offer("C-1")
    assert (told["depth"], told["price"], codes_of(told)) == (0.0, 20.0, ["personalization_refused"])


async def test_the_control_group_has_the_regular_price(serve, service, put_items, shop_for):
    await put_items(LAMP)
    await shop_for("C-1", 12, 12)
    async with serve(control_share=0.999999) as held_out:
        told = (await held_out.client.get("/v1/customers/C-1/offers/lamp")).json()
    assert (told["depth"], codes_of(told)) == (0.0, ["control_group"])


async def test_switched_off_nobody_has_one(put_items, shop_for, offer, keep_policy):
    await put_items(LAMP)
    await shop_for("C-1", 12, 12)
    keep_policy(enabled=False)
    assert codes_of(await offer("C-1")) == ["switched_off"]


async def test_it_stays_the_same_whatever_is_bought_meanwhile(put_items, shop_for, offer, sql):
    await put_items(LAMP)
    await shop_for("C-1", 12, 12)
    first = await offer("C-1")
    await shop_for("C-1", 60, 0)
    assert await offer("C-1") == first
    await sql.rows("UPDATE price_offers SET valid_from_us = valid_from_us - :d, valid_until_us = 1", d=9 * DAY_US)
    assert codes_of(await offer("C-1")) == ["buys_at_full_price"]
    assert await sql.value("SELECT count(*) FROM price_offers") == 2


async def test_none_stays_none(put_items, shop_for, offer):
    await put_items(LAMP)
    await shop_for("C-1", 12, 0)
    first = await offer("C-1")
    await shop_for("C-1", 90, 90)
    assert await offer("C-1") == first


async def test_fifty_at_once_are_told_one(service, put_items, shop_for, offer, sql):
    await put_items(LAMP)
    await shop_for("C-1", 12, 12)
    told = await asyncio.gather(*[offer("C-1") for _ in range(50)])
    assert all(each == told[0] for each in told)
    assert await sql.value("SELECT count(*) FROM price_offers") == 1


async def test_fifty_processes_at_once_tell_one(engine, sql):
    """Each has its own time, and its own evidence: whoever is first decides."""
    now_us = time.time_ns() // 1000
    limits = asyncio.Semaphore(8)  # as many connections as the engine of the tests has
    items = ("lamp", "soap", "tea")

    async def ask(place):
        evidence = Evidence(20.0, 60.0, 20.0 + place / 2, 0.3, 8.0, 0.3, "high", 0.0, 0.0)
        order = items if place % 2 else items[::-1]
        askings = [
            Asking("C-1", item, evidence, ItemFacts(2000, 0.5), 2**62, OfferPolicy(), now_us + place) for item in order
        ]
        async with limits:
            driver = Driver(engine)
            told = await give_offers(driver, askings)
            await driver.close()
        return {each.item_id: each for each in told}

    told = await asyncio.gather(*map(ask, range(50)))
    assert all(each == told[0] for each in told)
    assert await sql.value("SELECT count(*) FROM price_offers") == len(items)


async def test_two_ids_of_one_person_share_it(client, put_items, shop_for, offer, shop, sql):
    await put_items(LAMP)
    await shop_for("C-1", 12, 12)
    await client.post("/v1/events", json=shop.event("customer.merged", "C-1", data={"merged": "card-1"}))
    first = await offer("card-1")
    assert first["depth"] == 0.1
    assert await offer("C-1") == first
    assert await sql.value("SELECT count(*) FROM price_offers") == 1


async def test_who_becomes_one_person_keeps_the_deeper(client, put_items, shop_for, offer, shop):
    await put_items(LAMP)
    await shop_for("C-1", 12, 12)
    await shop_for("C-2", 12, 0)
    deep, none = await offer("C-1"), await offer("C-2")
    assert (deep["depth"], none["depth"]) == (0.1, 0.0)
    await client.post("/v1/events", json=shop.event("customer.merged", "C-2", data={"merged": "C-1"}))
    assert await offer("C-1") == await offer("C-2") == deep


async def test_the_floor_holds_whatever_was_told_before(put_items, shop_for, offer, sql):
    await put_items(LAMP)
    await shop_for("C-1", 12, 12)
    first = await offer("C-1")
    await put_items({**LAMP, "price": 30.0})
    dearer = await offer("C-1")
    assert (dearer["depth"], dearer["price"], dearer["valid_until"]) == (0.1, 27.0, first["valid_until"])
    await put_items({**LAMP, "margin": 0.15})
    leaner = await offer("C-1")
    assert (leaner["depth"], leaner["price"], codes_of(leaner)[0]) == (0.05, 19.0, "margin_floor")
    await put_items(LAMP)
    again = await offer("C-1")
    assert (again["depth"], again["price"], again["valid_until"]) == (0.1, 18.0, first["valid_until"])
    rows = await sql.rows("SELECT depth, price_minor, receipt FROM price_offers ORDER BY valid_from_us")
    assert [(row["depth"], row["price_minor"]) for row in rows] == [(0.1, 1800), (0.1, 2700), (0.05, 1900), (0.1, 1800)]
    assert len({str(row["receipt"]["evidence"]) for row in rows}) == 1


async def test_the_merchant_limits_items_and_categories(client, put_items, shop_for, offer):
    await put_items({**LAMP, "category": ["home", "light"]}, {**LAMP, "item_id": "torch", "tags": ["new"]})
    await shop_for("C-1", 12, 12)
    for rule in (
        {"rule_id": "a", "effect": "limit", "most_depth": 0.05, "category": ["home"]},
        {"rule_id": "b", "effect": "limit", "most_depth": 0.5, "items": ["lamp"]},
        {"rule_id": "c", "effect": "limit", "most_depth": 0, "tag": "new"},
    ):
        put = await client.put(f"/v1/recommendations/rules/{rule['rule_id']}", json=rule)
        assert put.status_code == 200, put.text
    lamp, torch = await offer("C-1"), await offer("C-1", "torch")
    assert (lamp["depth"], codes_of(lamp)[0]) == (0.05, "merchant_limit")
    assert (torch["depth"], torch["price"], codes_of(torch)[0]) == (0.0, 20.0, "merchant_limit")


async def test_what_was_given_back_counts_for_nothing(client, put_items, shop_for, offer, shop):
    await put_items(LAMP)
    events = await shop_for("C-1", 12, 12)
    await shop_for("C-1", 6, 0, item="bread")
    refunds = [
        shop.event(
            "order.refunded",
            "C-1",
            data={
                "order_id": f"gone-{place}",
                "total": 9.0,
                "products": [{"product_id": "soap", "quantity": 1, "price": 10.0}],
            },
        )
        for place, _ in enumerate(events)
    ]
    await client.post("/v1/events", json=refunds)
    told = await offer("C-1")
    assert (told["depth"], codes_of(told)) == (0.0, ["buys_at_full_price"])


async def test_many_items_in_one_request(client, put_items, shop_for, offer):
    await put_items(LAMP, {**LAMP, "item_id": "a/b", "margin": None})
    await shop_for("C/1", 12, 12)
    asked = {"items": ["lamp", "a/b", "none-such", "lamp"]}
    answer = (await client.post("/v1/customers/C%2F1/offers", json=asked)).json()
    assert (answer["customer_id"], answer["currency"]) == ("C/1", "CNY")
    assert [(each["item_id"], each["depth"]) for each in answer["offers"]] == [
        ("lamp", 0.1),
        ("a/b", 0.05),
        ("none-such", 0.0),
    ]
    assert await offer("C%2F1", "a%2Fb") == answer["offers"][1]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/items"),
        ({"items": []}, "/items"),
        ({"items": ["a"] * 101}, "/items"),
        ({"items": [1]}, "/items/0"),
        ({"items": ["a"], "customer": "x"}, ""),
    ],
)
async def test_a_bad_request_says_what_is_wrong(client, body, pointer):
    refused = await client.post("/v1/customers/C-1/offers", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer


async def test_an_id_that_none_can_have(client):
    assert (await client.get("/v1/customers/C-1/offers/a%00b")).status_code == 404
    assert (await client.get("/v1/customers/a%00b/offers/lamp")).status_code == 404


async def test_every_receipt_recomputes_the_offer(client, put_items, shop_for, offer, sql):
    await put_items(LAMP, {**LAMP, "item_id": "torch", "margin": None}, {**LAMP, "item_id": "vase", "margin": 0.12})
    for place in range(13):
        await shop_for(f"C-{place}", 12, place)
        await client.post(f"/v1/customers/C-{place}/offers", json={"items": ["lamp", "torch", "vase"]})
    rows = await sql.rows("SELECT depth, price_minor, receipt FROM price_offers")
    assert len(rows) == 39
    assert len({row["depth"] for row in rows}) > 2
    for row in rows:
        offered = recompute(row["receipt"])
        assert (offered.depth, offered.price_minor) == (row["depth"], row["price_minor"])


BARRED = {
    "staff": ("tier.changed", {"tier": "Staff"}),
    "minor": ("customer.identified", {"identifiers": [], "birthday": f"{time.gmtime().tm_year - 10}-01-01"}),
}


@pytest.mark.parametrize("code", BARRED)
async def test_minors_and_staff_have_the_regular_price_at_once_as_decisions_have_it(
    client, put_items, shop_for, offer, shop, code
):
    await put_items(LAMP)
    await shop_for("C-1", 12, 12)
    assert (await offer("C-1"))["depth"] == 0.1
    type_, data = BARRED[code]
    await client.post("/v1/events", json=shop.event(type_, "C-1", data=data))
    told = await offer("C-1")
    assert (told["depth"], told["price"], codes_of(told)) == (0.0, 20.0, [code])
    assert all(told["reasons"][0][language] for language in ("en", "zh"))


@pytest.mark.parametrize(("said", "code"), [("staff_card", "staff"), ("minor", "minor")])
async def test_who_shows_a_staff_card_or_is_told_to_be_a_minor_has_none(client, put_items, shop_for, shop, said, code):
    """In an offer, in recommendations and at the till; of who says nothing it is as ever."""
    await put_items(LAMP)
    await shop_for("C-1", 12, 12)
    by_context = {}
    asked: dict[str, Any]
    for context in ({said: True}, {said: False}):
        asked = {"items": ["lamp"], "context": context}
        (told,) = (await client.post("/v1/customers/C-1/offers", json=asked)).json()["offers"]
        asked = {"customer_id": "C-1", "scenario": "popular", "offers": True, "context": context}
        (item,) = (await client.post("/v1/recommendations", json=asked)).json()["items"]
        asked = {
            "event": shop.event("store.visited", "C-1"),
            "context": context,
            "recommendations": {"scenario": "popular", "offers": True},
        }
        (at_till,) = (await client.post("/v1/checkouts", json=asked)).json()["recommendations"]["items"]
        by_context[context[said]] = [
            (each["depth"], codes_of(each)[-1]) for each in (told, item["offer_depth"], at_till["offer_depth"])
        ]
    assert by_context == {True: [(0.0, code)] * 3, False: [(0.1, "buys_on_offer")] * 3}
