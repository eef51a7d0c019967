"""`prospect` of a score, and `GET /v1/prospects`."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.prospects import ProspectCard
from app.lifecycle.scorer import StepTables
from app.models.held import Models
from app.scores.schemas import ProspectOut

MALFORMED = "urn:perennial:problem:malformed"
VISITS = FEATURE_NAMES.index("visits")


async def send(client, *events):
    response = await client.post("/v1/events", json=list(events))
    assert response.json()["rejected"] == 0, response.text


async def listed(client, **params):
    response = await client.get("/v1/prospects", params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def ids(client, **params):
    return [one["customer_id"] for one in (await listed(client, **params))["prospects"]]


async def prospect_of(client, customer_id="C-1"):
    response = await client.get(f"/v1/customers/{customer_id}/score")
    assert response.status_code == 200, response.text
    return response.json()["prospect"]


@pytest.fixture
def looks(shop):
    """Makes the events of who looked at a page so many days ago, and perhaps put it into the cart."""

    def make(customer, days, *, adds=False):
        data, at = {"product_id": "P-1", "channel": "web"}, shop.ago(days=days)
        viewed = shop.event("product.viewed", customer, at=at, data=data)
        return [viewed, shop.event("product.added", customer, at=at, data=data)] if adds else [viewed]

    return make


def step_at(value, low, high, intercept=-2.0):
    """A table of visits alone: `low` below the value, `high` from it on."""
    edges = tuple(np.array([value]) if at == VISITS else np.empty(0) for at in range(len(FEATURE_NAMES)))
    steps = tuple(np.array([0.0, low, high]) if len(edge) else np.zeros(2) for edge in edges)
    return StepTables(intercept, edges, steps)


@pytest.fixture
async def modelled(serve, sql, make_model):
    """A model in whose eyes who visits twice orders the more, and is one of the best the less."""
    card = ProspectCard(90, step_at(2.0, -1.0, 1.0), step_at(2.0, 1.5, -1.5), is_learned=True)
    async with serve() as service:
        service.resources.of(Models).champion = replace(make_model("v7"), prospects=card)
        yield service.client


async def test_by_rule_yesterdays_cart_is_first_and_the_look_a_year_ago_last(client, looks):
    events = looks("cart", 1, adds=True) + looks("old", 365) + looks("page", 20)
    await send(client, *events)
    told = await listed(client)
    assert [one["customer_id"] for one in told["prospects"]] == ["cart", "page", "old"]
    assert (told["degraded"], told["degraded_because"], told["method"]) == (True, "no_model", "activity_rule")
    assert (told["data_sufficiency"], told["model_version"], told["next_cursor"]) == ("none", None, None)
    assert await ids(client, by="likeness") == ["cart", "page", "old"]


async def test_a_model_says_who_and_why(modelled, looks):
    await send(modelled, *looks("twice", 3, adds=True), *looks("once", 3))
    told = await listed(modelled)
    twice, once = told["prospects"]
    assert (twice["customer_id"], once["customer_id"]) == ("twice", "once")
    assert twice["first_order_probability"] == pytest.approx(1 / (1 + np.exp(1.0)), abs=1e-6)
    assert once["first_order_probability"] == pytest.approx(1 / (1 + np.exp(3.0)), abs=1e-6)
    assert [(reason["feature"], reason["effect"]) for reason in twice["reasons"]] == [("visits", 1.0)]
    assert (told["degraded"], told["method"], told["model_version"]) == (False, "additive_trees", "v7")
    assert told["data_sufficiency"] == "enough"


async def test_the_list_by_likeness_has_its_own_order_and_reasons(modelled, looks):
    await send(modelled, *looks("twice", 3, adds=True), *looks("once", 3))
    told = await listed(modelled, by="likeness")
    assert [one["customer_id"] for one in told["prospects"]] == ["once", "twice"]
    assert told["prospects"][0]["likeness"] == pytest.approx(1 / (1 + np.exp(0.5)), abs=1e-6)
    assert told["prospects"][0]["reasons"][0]["effect"] == 1.5


async def test_a_score_tells_of_a_prospect_what_the_list_does(modelled, looks):
    await send(modelled, *looks("C-1", 3, adds=True))
    told = await prospect_of(modelled)
    assert told.keys() == ProspectOut.model_fields.keys()
    (one,) = (await listed(modelled))["prospects"]
    assert {name: one[name] for name in ("first_order_probability", "likeness", "reasons")} == {
        name: told[name] for name in ("first_order_probability", "likeness", "reasons")
    }
    assert told["sum"] == {"scale": "log_odds", "base": -2.0, "remainder": 0.0, "sum": -1.0}
    assert told["likeness_sum"]["sum"] == -3.5


async def test_an_old_model_serves_on_and_the_rule_speaks_of_prospects(serve, sql, make_model, looks):
    async with serve() as service:
        service.resources.of(Models).champion = make_model("v7", horizon_days=45)
        await send(service.client, *looks("C-1", 3))
        told = await prospect_of(service.client)
        page = await listed(service.client)
    assert (told["method"], told["degraded"], told["degraded_because"]) == ("activity_rule", True, "old_model")
    assert (told["horizon_days"], page["horizon_days"], page["model_version"]) == (45, 45, "v7")
    assert (told["reasons"], told["sum"]) == ([], None)


async def test_who_has_bought_is_never_in_the_list(client, shop, looks):
    bought = shop.order("bought", at=shop.ago(days=2))
    kept = shop.order("gave back", at=shop.ago(days=3), total=10.0)
    refund = shop.event(
        "order.refunded", "gave back", at=shop.ago(days=2), data={"order_id": kept["data"]["order_id"], "total": 10.0}
    )
    await send(client, *looks("bought", 9), bought, *looks("gave back", 9), kept, refund, *looks("looked", 9))
    assert await ids(client) == ["looked"]
    assert await prospect_of(client, "bought") is None
    assert await prospect_of(client, "gave back") is None
    await send(client, shop.order("looked"))
    assert await ids(client) == []


async def test_linked_ids_are_one_person(client, shop, looks):
    """If one of them has bought, none is a prospect; if none has, they are one."""
    await send(client, *looks("web-1", 5), *looks("app-1", 3), *looks("web-2", 5), shop.order("till-2"))
    await send(
        client,
        shop.event("customer.merged", "web-1", data={"merged": "app-1"}),
        shop.event("customer.merged", "web-2", data={"merged": "till-2"}),
    )
    (one,) = (await listed(client))["prospects"]
    assert one["customer_id"] in ("web-1", "app-1")
    assert await prospect_of(client, "web-2") is None
    assert await prospect_of(client, "app-1") == await prospect_of(client, "web-1")
    await send(client, shop.event("customer.unmerged", "web-2", data={"merged": "till-2"}))
    assert "web-2" in await ids(client)
    await send(client, shop.order("app-1"))
    assert await ids(client) == ["web-2"]


async def test_channels_are_those_with_a_yes(client, shop, looks):
    def says(channel, granted):
        return shop.event("consent.changed", data={"purpose": "marketing", "channel": channel, "granted": granted})

    await send(client, *looks("C-1", 1), says("email", True), says("sms", False))
    assert (await listed(client))["prospects"][0]["channels"] == ["email"]


async def test_pages_have_everybody_once_in_one_order(client, looks):
    await send(client, *(event for number in range(9) for event in looks(f"C-{number}", 1 + number % 3)))
    whole = await listed(client, limit=500)
    assert len(whole["prospects"]) == 9
    pages: list[list[str]] = []
    cursor, times = None, set()
    while cursor or not pages:
        told = await listed(client, limit=2, **({"cursor": cursor} if cursor else {}))
        pages.append([one["customer_id"] for one in told["prospects"]])
        times.add(told["as_of"])
        cursor = told["next_cursor"]
    assert list(map(len, pages)) == [2, 2, 2, 2, 1]
    assert [*itertools.chain(*pages)] == [one["customer_id"] for one in whole["prospects"]]
    assert len(times) == 1


async def test_a_short_page_has_the_likeliest_of_all(client, looks):
    """Ids do not come in that order."""
    await send(client, *(event for number in range(30) for event in looks(f"C-{number:02}", 30 - number)))
    assert await ids(client, limit=3) == ["C-29", "C-28", "C-27"]


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 501}, {"by": "luck"}, {"cursor": "x"}])
async def test_what_is_asked_wrongly(client, params):
    response = await client.get("/v1/prospects", params=params)
    assert response.status_code == 422
    assert response.json()["type"] == MALFORMED


async def test_a_cursor_is_of_its_order(client, looks):
    await send(client, *looks("C-1", 1), *looks("C-2", 2))
    cursor = (await listed(client, limit=1))["next_cursor"]
    response = await client.get("/v1/prospects", params={"by": "likeness", "cursor": cursor})
    assert response.status_code == 422


async def test_nobody_there(client):
    assert await ids(client) == []


async def test_many_scored_at_once_are_told_as_one_is(modelled, looks):
    await send(modelled, *(event for number in range(30) for event in looks(f"C-{number}", 3, adds=number % 2 == 0)))
    wanted = {"customer_ids": [f"C-{number}" for number in range(30)]}
    scores = (await modelled.post("/v1/scores:batch", json=wanted)).json()["scores"]
    for score in scores:
        alone = await prospect_of(modelled, score["customer_id"])
        assert score["prospect"] == alone
