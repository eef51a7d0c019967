"""Recommendations with the depth of an offer of each item, and its receipt."""

import asyncio
import itertools

import pytest

from app.foundation.errors import NotReady
from app.lifecycle.pricing.depth import recompute
from app.models.held import Models
from app.recommendations.held import Recommendations
from app.recommendations.offers.held import Offers
from tests.recommendations.conftest import ids_of
from tests.recommendations.test_at_the_till import sale
from tests.recommendations.test_offers_standing import listen_to_all

PRICED = [{"item_id": f"item-{n}", "price": 10.0 + n, "margin": 0.6, "category": ["home"]} for n in range(4)]


@pytest.fixture
def keen(client, shop):
    """A customer who buys everything on discount."""

    async def keen(subject="C-1", orders=12):
        line = {"product_id": "soap", "quantity": 1, "price": 10.0, "discount": 1.0}
        events = [
            shop.order(subject, total=9.0, products=[line], at=shop.ago(days=3 + 9 * place)) for place in range(orders)
        ]
        answer = await client.post("/v1/events", json=events)
        assert answer.json()["accepted"] == orders

    return keen


async def test_each_item_has_its_offer_and_the_receipt_recomputes_it(client, put_items, keen, recommend, sql):
    await put_items(*PRICED)
    await keen()
    answer = await recommend("C-1", offers="true", category="home")
    assert len(answer["items"]) == len(PRICED)
    for item in answer["items"]:
        offer = item["offer_depth"]
        alone = (await client.get(f"/v1/customers/C-1/offers/{item['item_id']}")).json()
        assert {"item_id": item["item_id"], **offer} == alone
        assert offer["depth"] == 0.1
    row = await sql.row("SELECT items, offers FROM recommendations")
    assert row["items"] == ids_of(answer)
    for receipt, item in zip(row["offers"], answer["items"], strict=True):
        offered = recompute(receipt)
        assert (offered.depth, offered.price_minor) == (receipt["depth"], receipt["price_minor"])
        assert offered.price_minor == round(100 * item["offer_depth"]["price"])
        assert receipt["valid_until_us"] > receipt["valid_from_us"]


async def test_without_being_asked_for_there_are_none(put_items, keen, recommend, sql):
    await put_items(*PRICED)
    await keen()
    answer = await recommend("C-1", category="home")
    assert all("offer_depth" not in item for item in answer["items"])
    assert await sql.value("SELECT offers FROM recommendations") is None
    assert await sql.value("SELECT count(*) FROM price_offers") == 0


async def test_with_a_basket_and_at_the_till(client, put_items, keen, recommend, shop):
    await put_items(*PRICED)
    await keen()
    body = {"customer_id": "C-1", "basket": ["soap"], "category": ["home"], "offers": True}
    told = {item["item_id"]: item["offer_depth"] for item in (await recommend(body=body))["items"]}
    sold = sale(shop, "soap", recommendations={"category": ["home"], "offers": True, "limit": 4})
    answer = (await client.post("/v1/checkouts", json=sold)).json()["recommendations"]
    assert {item["item_id"]: item["offer_depth"] for item in answer["items"]} == told
    assert {offer["depth"] for offer in told.values()} == {0.1}


async def test_for_nobody_there_is_none_and_its_receipt_says_so(put_items, recommend, sql):
    await put_items(*PRICED)
    answer = await recommend(body={"category": ["home"], "offers": True})
    offers = [item["offer_depth"] for item in answer["items"]]
    assert [(each["depth"], each["reasons"][0]["code"]) for each in offers] == [(0.0, "unknown_customer")] * 4
    assert {receipt["refused"] for receipt in await sql.value("SELECT offers FROM recommendations")} == {
        "unknown_customer"
    }


@pytest.mark.parametrize("failure", [NotReady("The database is out of reach."), None])
async def test_what_cannot_be_kept_is_not_told_and_costs_no_recommendation(
    service, put_items, keen, recommend, monkeypatch, failure
):
    await put_items(*PRICED)
    await keen()
    giving = service.resources.of(Offers).giving

    async def fail(_):
        if failure is not None:
            raise failure
        await asyncio.sleep(60)

    monkeypatch.setattr(giving, "submit", fail)
    monkeypatch.setattr(service.resources.of(Recommendations), "keep_patience_s", 0.05)
    answer = await recommend("C-1", offers="1", category="home")
    assert [item["offer_depth"] for item in answer["items"]] == [None] * 4


@pytest.mark.parametrize("query", [{"offers": "maybe"}, {"in_stock_only": "2"}])
async def test_a_flag_is_one(client, query):
    refused = await client.get("/v1/customers/C-1/recommendations", params=query)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == f"/{next(iter(query))}"


SAID = [
    {"birthday": "1948-01-01", "name": "Anna", "gender": "female", "address": {"city": "Kiel", "postcode": "24103"}},
    {"birthday": "2004-12-24", "name": "阿明", "gender": "male", "address": {"city": "成都", "postcode": "610000"}},
    {},
]


@pytest.fixture
def talkative(make_model):
    """A model that makes something of everything it is told."""
    return listen_to_all(make_model("m-1"))


async def test_customers_who_differ_in_all_else_have_the_same_depth(service, client, talkative, put_items, shop, sql):
    """In where they buy, who they say they are, what they look at and complain of, and in which language they ask."""
    await put_items(*PRICED)
    ago = [3.0 + 9 * place for place in range(12)]
    times = [shop.ago(days=days) for days in ago]
    subjects, events = [], []
    for number, (channel, store, said) in enumerate(itertools.product(("web", "store"), ("north", "south"), SAID)):
        subject = f"C-{number}"
        subjects.append(subject)
        line = {"product_id": "soap", "quantity": 1, "price": 10.0}
        events += [
            shop.order(
                subject,
                total=9.0,
                products=[{**line, "discount": 1.0} if place % 2 else line],
                at=at,
                channel=channel,
                store=store,
                **said,
            )
            for place, at in enumerate(times)
        ]
        if said:
            events.append(shop.event("customer.identified", subject, data={"identifiers": [], **said}))
        if number % 3 == 1:
            events += [
                shop.event("store.visited", subject, data={"channel": channel, "store": store}),
                shop.event("case.opened", subject, data={"case_id": f"K-{number}", "kind": "complaint"}),
                shop.event("feedback.submitted", subject, data={"metric": "csat", "score": 1}),
                shop.event("tier.changed", subject, data={"tier": "gold"}),
            ]
    for part in range(0, len(events), 100):
        answer = await client.post("/v1/events", json=events[part : part + 100])
        assert answer.json()["rejected"] == 0, answer.text
    models = service.resources.of(Models)
    models.champion = talkative
    try:
        told = []
        for number, subject in enumerate(subjects):
            headers = {"Accept-Language": "zh" if number % 2 else "en"}
            answer = await client.get(f"/v1/customers/{subject}/offers/item-1", headers=headers)
            told.append(answer.json()["depth"])
    finally:
        models.champion = None
    assert set(told) == {told[0]}
    rows = await sql.rows("SELECT receipt FROM price_offers")
    assert len(rows) == len(subjects)
    evidences = [row["receipt"]["evidence"] for row in rows]
    assert all(each == {**evidences[0], "churn_risk": pytest.approx(evidences[0]["churn_risk"])} for each in evidences)
