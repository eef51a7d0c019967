"""The shop's share of lines on discount is learned of a sample, once a period over all processes."""

import time

import pytest

from app.database.engine import Driver
from app.lifecycle.events import DAY_US
from app.lifecycle.pricing.sensitivity import ASSUMED, LEAST_CUSTOMERS
from app.recommendations.offers import learning
from app.recommendations.offers.held import Offers
from app.recommendations.offers.learning import SHARES_LOCK, learn_shop_share


@pytest.fixture
def fill(client, shop):
    """Customers of ten orders, of which the first have so many on discount, and so on."""

    async def fill(*discounted):
        for number, count in enumerate(discounted):
            events = []
            for place in range(10):
                line = {"product_id": f"item-{place % 3}", "quantity": 1, "price": 10.0}
                line |= {"discount": 1.0} if place < count else {}
                at = shop.ago(days=3 + 9 * place)
                events.append(shop.order(f"C-{number}", total=10.0, products=[line], at=at))
            answer = await client.post("/v1/events", json=events)
            assert answer.json()["accepted"] == 10

    return fill


async def test_it_is_learned_and_told_to_every_process(service, engine, fill, client, put_items, sql):
    assert service.resources.of(Offers).shop_share == ASSUMED
    await fill(*[0, 8] * LEAST_CUSTOMERS)
    now_us = time.time_ns() // 1000
    learned = await learn_shop_share(engine, now_us)
    assert learned is not None
    assert learned.share == pytest.approx(0.4)
    assert learned.customers == 2 * LEAST_CUSTOMERS
    assert learned.weight < ASSUMED.weight  # customers differ much
    await service.resources.refresh()
    assert service.resources.of(Offers).shop_share == learned
    await put_items({"item_id": "lamp", "price": 20.0, "margin": 0.5})
    assert (await client.get("/v1/customers/C-1/offers/lamp")).json()["depth"] == 0.1
    receipt = await sql.value("SELECT receipt FROM price_offers")
    assert (receipt["evidence"]["shop_share"], receipt["evidence"]["shop_weight"]) == (learned.share, learned.weight)


async def test_of_few_customers_it_is_assumed_and_kept_so(engine, fill, sql):
    await fill(0, 8)
    assert await learn_shop_share(engine, time.time_ns() // 1000) == ASSUMED
    assert await sql.value("SELECT customers FROM shop_shares") == 0


async def test_once_a_day_and_by_one(engine, sql):
    now_us = time.time_ns() // 1000 // DAY_US * DAY_US + 1000
    assert await learn_shop_share(engine, now_us, DAY_US) == ASSUMED
    assert await learn_shop_share(engine, now_us + DAY_US // 2, DAY_US) is None
    driver = Driver(engine)
    connection = await driver.connection()
    await connection.execute(f"SELECT pg_advisory_lock({SHARES_LOCK})")
    assert await learn_shop_share(engine, now_us + DAY_US, DAY_US) is None
    await driver.close()


async def test_old_ones_are_deleted(engine, sql):
    now_us = time.time_ns() // 1000
    for days in (learning.KEPT_DAYS + 1, 1, 0):
        await learn_shop_share(engine, now_us - days * DAY_US)
    await learn_shop_share(engine, now_us + 1)
    assert await sql.value("SELECT count(*) FROM shop_shares") == 3
