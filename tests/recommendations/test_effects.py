"""What became of recommendations, from the events that shops send."""

import time

import pytest

from app.database.engine import Driver
from app.recommendations.keeping import NOBODY, Given, keep_recommendation, keep_recommendations
from app.recommendations.shown_queries import READ_SHOWN

MINUTE_US = 60_000_000


@pytest.fixture
async def driver(engine, sql):
    driver = Driver(engine)
    yield driver
    await driver.close()


@pytest.fixture
def keep(driver):
    """Keeps a recommendation that was made an hour ago."""

    async def keep(recommendation_id="R-1", customer_id="C-1", items="abc", scenario="home", **given):
        made_us = time.time_ns() // 1000 - 60 * MINUTE_US
        await keep_recommendation(driver, Given(customer_id, recommendation_id, scenario, made_us, items, **given))

    return keep


@pytest.fixture
def tell(client, shop):
    """Sends an event of a recommendation, by default of R-1 of C-1."""

    async def tell(kind, subject="C-1", recommendation_id="R-1", **data):
        event = shop.event(f"recommendation.{kind}", subject, data={"recommendation_id": recommendation_id, **data})
        assert (await client.post("/v1/events", json=event)).status_code == 200

    return tell


@pytest.fixture
def buy(client, shop):
    """An order of lines (item, recommendation, quantity, price)."""

    async def buy(*lines, subject="C-1", **order):
        products = [
            {
                "product_id": item,
                "quantity": quantity,
                "price": price,
                **({"recommendation_id": recommendation} if recommendation else {}),
            }
            for item, recommendation, quantity, price in lines
        ]
        event = shop.order(subject, total=sum(line[2] * line[3] for line in lines), products=products, **order)
        assert (await client.post("/v1/events", json=event)).status_code == 200
        return event

    return buy


@pytest.fixture
def effects(client, shop):
    """(shown, clicked, added, bought, revenue) by position, or by scenario and position."""

    async def effects(*, scenarios=False):
        answer = await client.get("/v1/recommendations/effects", params={"from": shop.ago(days=1)})
        assert answer.status_code == 200, answer.text
        told = {}
        for row in answer.json()["effects"]:
            figures = tuple(row[name] for name in ("shown", "clicked", "added", "bought", "revenue"))
            told[(row["scenario"], row["position"]) if scenarios else row["position"]] = figures
        return told

    return effects


async def test_what_was_only_given_was_not_shown(keep, effects, client, shop):
    await keep()
    assert await effects() == {1: (0, 0, 0, 0, 0.0), 2: (0, 0, 0, 0, 0.0), 3: (0, 0, 0, 0, 0.0)}
    answer = await client.get("/v1/recommendations/effects", params={"from": shop.ago(days=1)})
    first = answer.json()["effects"][0]
    assert (first["given"], first["conversion"], first["click_rate"]) == (1, None, None)


async def test_shown_counts_once_however_often_it_is_sent(keep, tell, effects):
    await keep()
    for _ in range(3):
        await tell("shown")
    await tell("shown", products=[{"product_id": "a"}])
    assert await effects() == dict.fromkeys((1, 2, 3), (1, 0, 0, 0, 0.0))


async def test_the_items_in_view_alone_were_shown(keep, tell, effects):
    await keep()
    await tell("shown", products=[{"product_id": "a"}, {"product_id": "b"}])
    assert [row[0] for row in (await effects()).values()] == [1, 1, 0]


async def test_the_way_from_view_to_purchase(keep, tell, buy, effects, client, shop):
    await keep("R-1")
    await keep("R-2", customer_id="C-2")
    await tell("shown")
    await tell("shown", "C-2", "R-2")
    for _ in range(2):
        await tell("clicked", product_id="b")
        await tell("added", product_id="b")
    await buy(("b", "R-1", 2, 12.8), ("c", None, 1, 5.0))
    assert await effects() == {1: (2, 0, 0, 0, 0.0), 2: (2, 1, 1, 1, 25.6), 3: (2, 0, 0, 0, 0.0)}
    answer = await client.get("/v1/recommendations/effects", params={"from": shop.ago(days=1)})
    second = answer.json()["effects"][1]
    assert (second["given"], second["conversion"], second["click_rate"]) == (2, 0.5, 0.5)


async def test_what_was_clicked_or_bought_was_shown(keep, tell, buy, effects):
    await keep()
    await tell("clicked", product_id="a")
    await buy(("b", "R-1", 1, 3.0))
    assert await effects() == {1: (1, 1, 0, 0, 0.0), 2: (1, 0, 0, 1, 3.0), 3: (0, 0, 0, 0, 0.0)}


async def test_scenarios_apart(keep, tell, effects):
    await keep("R-1", scenario="home", items="a")
    await keep("R-2", scenario="cart", items="a")
    await tell("shown", recommendation_id="R-2")
    told = await effects(scenarios=True)
    assert told == {("cart", 1): (1, 0, 0, 0, 0.0), ("home", 1): (0, 0, 0, 0, 0.0)}


async def test_an_item_that_was_not_recommended_is_none_of_it(keep, tell, buy, effects):
    await keep()
    await tell("clicked", product_id="z")
    await tell("shown", recommendation_id="unknown")
    await buy(("z", "R-1", 1, 3.0), ("a", "unknown", 1, 3.0))
    assert set((await effects()).values()) == {(0, 0, 0, 0, 0.0)}


async def test_what_came_back_was_not_bought(keep, buy, effects, client, shop):
    await keep()
    order = await buy(("a", "R-1", 2, 10.0), ("b", "R-1", 1, 7.0), ("c", None, 1, 1.0))
    refund = {"order_id": order["data"]["order_id"], "total": 17.0}
    lines = [{"product_id": "a", "quantity": 1, "price": 10.0}, {"product_id": "b", "quantity": 1, "price": 7.0}]
    event = shop.event("order.refunded", data={**refund, "products": lines})
    assert (await client.post("/v1/events", json=event)).status_code == 200
    assert await effects() == {1: (1, 0, 0, 1, 10.0), 2: (0, 0, 0, 0, 0.0), 3: (0, 0, 0, 0, 0.0)}


async def test_a_purchase_before_it_is_none_of_it(keep, buy, effects, shop):
    await keep()
    await buy(("a", "R-1", 1, 10.0), at=shop.ago(hours=2))
    assert (await effects())[1] == (0, 0, 0, 0, 0.0)


async def test_clocks_may_be_behind(keep, buy, effects, shop):
    """It was made an hour ago."""
    await keep()
    await buy(("a", "R-1", 1, 10.0), at=shop.ago(minutes=64))
    assert (await effects())[1] == (1, 0, 0, 1, 10.0)


async def test_nobodys_recommendation_is_bought_by_whom_clicked_it(keep, tell, buy, effects):
    await keep(customer_id=NOBODY)
    await tell("clicked", "C-9", product_id="a")
    await buy(("a", "R-1", 1, 4.0), subject="C-9")
    assert (await effects())[1] == (1, 1, 0, 1, 4.0)


async def test_a_person_of_several_ids_is_one(keep, buy, effects, client, shop):
    await keep(customer_id="C-1")
    merged = shop.event("customer.merged", "C-1", data={"merged": "C-2"})
    assert (await client.post("/v1/events", json=merged)).status_code == 200
    await buy(("a", "R-1", 1, 4.0), subject="C-2")
    assert (await effects())[1] == (1, 0, 0, 1, 4.0)


async def test_a_recommendation_is_kept_once(driver, sql):
    first = Given("C-1", "R-1", "home", 5, ["a"], "model-1", "store-1")
    await keep_recommendations(driver, [first, first._replace(recommendation_id="R-2")])
    await keep_recommendation(driver, first._replace(item_ids=["b"]))
    rows = await sql.rows("SELECT * FROM recommendations ORDER BY recommendation_id")
    assert [(row["recommendation_id"], row["items"]) for row in rows] == [("R-1", ["a"]), ("R-2", ["a"])]
    assert (rows[0]["scenario"], rows[0]["store"], rows[0]["model_version"]) == ("home", "store-1", "model-1")


async def test_how_often_an_item_was_shown_to_a_customer(keep, tell, driver, client, shop):
    await keep("R-1", items="ab")
    await keep("R-2", items="a", customer_id="C-2")
    await keep("R-3", items="a", customer_id="C-3")
    for _ in range(2):
        await tell("shown")
    await tell("shown", "C-2", "R-2")
    await tell("shown", "C-3", "R-3")
    await tell("clicked", product_id="b")
    merged = shop.event("customer.merged", "C-1", data={"merged": "C-2"})
    assert (await client.post("/v1/events", json=merged)).status_code == 200
    rows = await driver.fetch(READ_SHOWN, customer_ids=["C-1"], since_us=0)
    assert {row["item_id"]: (row["shown"], row["taken"]) for row in rows} == {"a": (2, 0), "b": (1, 1)}
    assert not await driver.fetch(READ_SHOWN, customer_ids=["C-1"], since_us=time.time_ns() // 1000)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("shown", {}),
        ("shown", {"recommendation_id": ""}),
        ("clicked", {"recommendation_id": "R-1"}),
        ("added", {"recommendation_id": "R-1", "product_id": ""}),
    ],
)
async def test_events_that_say_too_little_are_refused(client, shop, kind, data):
    answer = await client.post("/v1/events", json=shop.event(f"recommendation.{kind}", data=data))
    assert answer.status_code == 422


async def test_a_time_too_long_is_refused(client):
    for query in ({}, {"from": "2026-01-01", "to": "2026-06-01"}, {"from": "2026-06-01", "to": "2026-05-01"}):
        assert (await client.get("/v1/recommendations/effects", params=query)).status_code == 422
