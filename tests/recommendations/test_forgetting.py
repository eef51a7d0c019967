"""Old recommendations are deleted."""

import time

from app.database.engine import Driver
from app.lifecycle.events import DAY_US
from app.recommendations import forgetting
from app.recommendations.keeping import Given, keep_recommendations


async def test_what_is_older_than_the_days_is_forgotten(engine, sql, monkeypatch):
    monkeypatch.setattr(forgetting, "DELETED_AT_ONCE", 3)
    now_us, driver = time.time_ns() // 1000, Driver(engine)
    ages = [*range(1, 10), 11, 12, 13, 14, 15, 16, 17]
    given = [Given(f"C-{age % 3}", f"R-{age}", "home", now_us - age * DAY_US, ["a"]) for age in ages]
    await keep_recommendations(driver, given)
    await driver.close()
    assert await forgetting.forget_old(engine, "recommendations", 10) == 7
    rows = await sql.rows("SELECT recommendation_id FROM recommendations")
    assert {row["recommendation_id"] for row in rows} == {f"R-{age}" for age in range(1, 10)}
    assert await forgetting.forget_old(engine, "recommendations", 10) == 0


async def test_offers_are_forgotten_so_long_after_they_were_valid(engine, sql):
    now_us = time.time_ns() // 1000
    for place, ended in enumerate((9, 11, -1)):
        await sql.rows(
            "INSERT INTO price_offers VALUES ('C-1', :item, 1, :until, 0.1, 900, '{}')",
            item=f"item-{place}",
            until=now_us - ended * DAY_US,
        )
    assert await forgetting.forget_old(engine, "offers", 10) == 1
    rows = await sql.rows("SELECT item_id FROM price_offers ORDER BY item_id")
    assert [row["item_id"] for row in rows] == ["item-0", "item-2"]
