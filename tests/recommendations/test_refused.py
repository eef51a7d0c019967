"""Whoever refuses what is personal gets what everybody gets."""

import pytest

from tests.recommendations.conftest import ids_of
from tests.recommendations.test_recommending_http import WEEKLY


@pytest.fixture
def say(client, shop):
    """A customer's word on what is personal."""

    async def say(granted):
        data = {"purpose": "personalization", "granted": granted}
        answer = await client.post("/v1/events", json=shop.event("consent.changed", "C-1", data=data))
        assert answer.json()["accepted"] == 1

    return say


@pytest.mark.parametrize("scenario", ["home", "discover", "replenish", "popular"])
async def test_nothing_of_theirs_is_looked_at(model, buy, recommend, say, scenario):
    await buy("C-1", *WEEKLY)
    before = await recommend("C-1", scenario=scenario)
    await say(granted=False)
    refused, nobody = [await recommend(who, scenario=scenario) for who in ("C-1", "nobody")]
    assert refused["based_on"] == "popularity"
    assert ids_of(refused) == ids_of(nobody)
    assert [item["reasons"] for item in refused["items"]] == [item["reasons"] for item in nobody["items"]]
    await say(granted=True)
    again = await recommend("C-1", scenario=scenario)
    assert again["based_on"] == before["based_on"]
    assert set(ids_of(again)[:2]) == set(ids_of(before)[:2])


async def test_a_basket_still_has_its_companions(model, buy, recommend, say):
    await buy("C-1", *WEEKLY)
    await say(granted=False)
    refused, nobody = [await recommend(body={"basket": ["pasta"], **who}) for who in ({"customer_id": "C-1"}, {})]
    assert ids_of(refused)[0] == "sauce"
    assert ids_of(refused) == ids_of(nobody)


async def test_what_they_were_shown_does_not_sink(model, buy, recommend, say, client, shop):
    await buy("C-1", *WEEKLY)
    for _ in range(3):
        told = {"recommendation_id": (await recommend("C-1", scenario="popular"))["recommendation_id"]}
        await client.post("/v1/events", json=shop.event("recommendation.shown", data=told))
    assert any("shown" in item["terms"] for item in (await recommend("C-1", scenario="popular", limit=100))["items"])
    await say(granted=False)
    for scenario in ("popular", "home"):
        answer = await recommend("C-1", scenario=scenario, limit=100)
        assert not any("shown" in item["terms"] for item in answer["items"])
