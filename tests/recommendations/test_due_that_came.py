"""Whether what was called due came: what was said against what was bought within seven days."""

import time

import pytest

from app.database.engine import Driver
from app.lifecycle.events import DAY_US
from app.recommendations.keeping import Given, keep_recommendation


@pytest.fixture
async def call_due(engine, sql):
    """Keeps that items were called due, so many days ago, with probabilities."""
    driver = Driver(engine)
    made = 0

    async def call_due(customer_id, said, days=10.0):
        nonlocal made
        made += 1
        given_us = round(time.time_ns() / 1000 - days * DAY_US)
        given = Given(customer_id, f"R-{made}", "replenish", given_us, list(said), probabilities=list(said.values()))
        await keep_recommendation(driver, given)

    yield call_due
    await driver.close()


@pytest.fixture
def due(client, shop):
    """(items, said, bought) by the beginning of the tenth."""

    async def due(**times):
        answer = await client.get("/v1/recommendations/effects", params={"from": shop.ago(days=30), **times})
        assert answer.status_code == 200, answer.text
        return {row["said_from"]: (row["items"], row["said"], row["bought"]) for row in answer.json()["due"]}

    return due


async def test_what_was_said_stands_beside_what_came(call_due, buy, due):
    await call_due("C-1", {"milk": 0.9, "tea": 0.2})
    await call_due("C-2", {"milk": 0.94, "rice": 0.26})
    await buy("C-1", (8, "milk"))
    await buy("C-2", (8, "soap"))
    assert await due() == {0.2: (2, 0.23, 0), 0.9: (2, 0.92, 0.5)}


async def test_a_certainty_is_of_the_last_tenth(call_due, buy, due):
    await call_due("C-1", {"milk": 1.0})
    assert await due() == {0.9: (1, 1, 0)}


async def test_what_was_bought_before_or_after_the_week_did_not_come(call_due, buy, due):
    await call_due("C-1", {"milk": 0.5}, days=10)
    await buy("C-1", (10.5, "milk"))
    await buy("C-1", (2.5, "milk"))
    assert await due() == {0.5: (1, 0.5, 0)}


async def test_what_may_come_yet_is_not_judged(call_due, due):
    await call_due("C-1", {"milk": 0.5}, days=6.9)
    assert await due() == {}


async def test_what_is_said_again_the_same_day_counts_once(call_due, buy, due, sql):
    for _ in range(3):
        await call_due("C-1", {"milk": 0.5}, days=10)
    await sql.rows("UPDATE recommendations SET given_us = (SELECT min(given_us) FROM recommendations)")
    await buy("C-1", (9, "milk"))
    assert await due() == {0.5: (1, 0.5, 1)}


async def test_what_is_pinned_beside_it_was_not_called_due(call_due, due):
    await call_due("C-1", {"flowers": None, "milk": 0.5})
    assert await due() == {0.5: (1, 0.5, 0)}


async def test_another_id_of_the_person_may_buy_it(call_due, buy, due, sql):
    await call_due("C-1", {"milk": 0.5})
    await buy("C-9", (9, "milk"))
    assert await due() == {0.5: (1, 0.5, 0)}
    await sql.rows("INSERT INTO persons (customer_id, person_id) VALUES ('C-1', 'C-1'), ('C-9', 'C-1')")
    assert await due() == {0.5: (1, 0.5, 1)}


async def test_what_came_back_was_not_bought(client, call_due, buy, due, shop):
    await call_due("C-1", {"milk": 0.5})
    (event,) = await buy("C-1", (9, "milk"))
    refund = shop.event("order.refunded", "C-1", data={"order_id": event["data"]["order_id"], "total": 2})
    assert (await client.post("/v1/events", json=refund)).json()["accepted"] == 1
    assert await due() == {0.5: (1, 0.5, 0)}


async def test_the_service_keeps_what_it_said(model, buy, recommend, sql):
    await buy("C-1", *((days, "milk-1l") for days in (29, 22, 15, 8)), (40, "bread"))
    answer = await recommend("C-1", scenario="replenish")
    (kept,) = await sql.rows("SELECT items, probabilities FROM recommendations")
    assert kept["items"] == [item["item_id"] for item in answer["items"]] == ["milk-1l"]
    assert kept["probabilities"] == pytest.approx([item["probability"] for item in answer["items"]], abs=1e-4)
    await recommend("C-1", scenario="home")
    assert [
        row["probabilities"] for row in await sql.rows("SELECT * FROM recommendations WHERE scenario = 'home'")
    ] == [None]
