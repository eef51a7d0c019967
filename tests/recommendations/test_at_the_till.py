"""Recommendations in the same round trip as the sale: never at its cost."""

import asyncio
import time

import pytest

from app.recommendations import recommending
from app.recommendations.held import Recommendations
from tests.recommendations.conftest import ids_of
from tests.recommendations.test_recommending_http import WEEKLY


def sale(shop, *items, subject="C-1", **asked):
    """A checkout of one of each."""
    lines = [{"product_id": item, "quantity": 1, "price": 2.0} for item in items]
    event = shop.order(subject, total=2.0 * len(items), products=lines)
    return {"event": event, "channel": "store", **asked}


@pytest.fixture
def check_out(client):
    async def check_out(body):
        answer = await client.post("/v1/checkouts", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return check_out


async def test_a_till_that_does_not_ask_gets_none(model, shop, check_out):
    assert set(await check_out(sale(shop, "pasta"))) == {"event", "score", "decision"}


async def test_what_goes_with_the_sale_comes_with_it(model, shop, check_out, sql):
    answer = await check_out(sale(shop, "pasta", "milk-1l", recommendations={"limit": 2}))
    assert answer["event"] == {"status": "accepted"}
    assert answer["score"]["customer_id"] == answer["decision"]["customer_id"] == "C-1"
    told = answer["recommendations"]
    assert (told["scenario"], told["based_on"], len(told["items"])) == ("checkout", "basket", 2)
    assert ids_of(told)[0] == "sauce"
    row = await sql.row("SELECT recommendation_id, items FROM recommendations")
    assert row == {"recommendation_id": told["recommendation_id"], "items": ids_of(told)}


async def test_what_was_just_bought_is_not_due(model, buy, shop, check_out):
    await buy("C-1", *WEEKLY)
    asked = {"scenario": "replenish", "limit": 10}
    answer = await check_out(sale(shop, "bread", recommendations=asked))
    assert ids_of(answer["recommendations"]) == ["milk-1l"]


@pytest.mark.parametrize("scenario", ["replenish", "discover", "home", "popular", "cart"])
async def test_no_scenario_offers_what_is_in_the_sale(model, shop, check_out, scenario):
    asked = {"scenario": scenario, "limit": 100}
    answer = await check_out(sale(shop, "pasta", "oats", recommendations=asked))
    assert not {"pasta", "oats"} & {*ids_of(answer["recommendations"])}


async def test_a_sale_to_nobody_has_recommendations_too(model, shop, check_out, sql):
    body = sale(shop, "pasta", recommendations={"limit": 2})
    del body["event"]["subject"]
    answer = await check_out(body)
    assert ids_of(answer["recommendations"])[0] == "sauce"
    assert answer["recommendations"]["customer_id"] is None
    assert await sql.value("SELECT customer_id FROM recommendations") == ""


async def test_a_repeat_is_the_same_recommendation(model, shop, check_out, sql):
    body = sale(shop, "pasta", recommendations={"limit": 2})
    first, again = await check_out(body), await check_out(body)
    assert again == {**first, "event": {"status": "duplicate"}}
    assert await sql.value("SELECT count(*) FROM recommendations") == 1


async def test_a_defect_costs_no_sale(model, shop, check_out, sql, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(recommending, "recommend", fail)
    answer = await check_out(sale(shop, "pasta", recommendations={}))
    assert (answer["event"], answer["recommendations"]) == ({"status": "accepted"}, None)
    assert await sql.value("SELECT orders FROM customer_states") == 1


async def test_a_slow_reading_is_not_waited_for_beyond_the_deadline(model, shop, check_out, sql):
    body = sale(shop, "pasta", deadline_ms=1500, recommendations={"limit": 2})
    async with sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE recommendations IN ACCESS EXCLUSIVE MODE")
        began_s = time.monotonic()
        answer = await check_out(body)
        assert time.monotonic() - began_s < 10
    assert answer["recommendations"] is None
    assert answer["decision"]["degraded_because"] != "deadline"
    assert await sql.value("SELECT orders FROM customer_states") == 1


async def test_past_the_deadline_there_are_none(model, shop, client, sql):
    body = sale(shop, "pasta", deadline_ms=20, recommendations={"limit": 2})
    async with sql.engine.begin() as other:
        await other.exec_driver_sql("LOCK TABLE events")
        waiting = asyncio.create_task(client.post("/v1/checkouts", json=body))
        await sql.wait_for_lock()
        await asyncio.sleep(0.05)
    answer = (await waiting).json()
    assert (answer["event"], answer["recommendations"]) == ({"status": "accepted"}, None)


async def test_too_many_that_wait_cost_no_sale(service, model, shop, check_out, monkeypatch):
    histories = service.resources.of(Recommendations).histories
    monkeypatch.setattr(histories, "_queue_limit", 0)
    answer = await check_out(sale(shop, "pasta", recommendations={}))
    assert (answer["event"], answer["recommendations"]) == ({"status": "accepted"}, None)


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"scenario": "surprise"}, "/recommendations/scenario"),
        ({"limit": 0}, "/recommendations/limit"),
        ({"surprise": 1}, "/recommendations"),
        ([], "/recommendations"),
    ],
)
async def test_a_wish_that_cannot_be_read_is_left_out_of_the_sale(client, shop, sql, asked, pointer):
    answer = await client.post("/v1/checkouts", json=sale(shop, "pasta", recommendations=asked))
    told = answer.json()
    assert (answer.status_code, told["event"]["status"]) == (200, "accepted")
    assert [warning["pointer"] for warning in told["event"]["warnings"]] == [pointer]
    assert "recommendations" not in told
    assert await sql.value("SELECT count(*) FROM events") == 1
