"""KPIs of times of which events have left the log: not told, or told as before, and never told wrong."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.foundation.times import received_now_us
from app.ingest.left_keys import LeftKeys
from app.lifecycle.retention import read_retention
from app.privacy.retention import retain

KEYS = LeftKeys(b"tests")


@pytest.fixture
def ask_days(ask):
    """Of days so many ago, the later one not among them; the KPIs of the first row, or of the cell."""

    async def ask_days(first, until, *, cell=None, **query):
        today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
        days = [(today - timedelta(ago)).isoformat() for ago in (first, until)]
        rows = (await ask(*days, **query))["rows"]
        return next(row["kpis"] for row in rows if cell is None or row["key"] == cell)

    return ask_days


async def let_leave(engine, periods):
    assert (await retain(engine, KEYS, read_retention(periods), received_now_us())).outcome == "done"


async def test_orders_of_nobody_known_that_have_left_are_not_told_as_none(shop, send, ask_days, engine):
    order = shop.order("x", total=10, at=shop.ago(days=500))
    del order["subject"]
    await send(order, shop.event("store.visited", "K", at=shop.ago(days=700)), shop.order("K", at=shop.ago(days=300)))
    assert (await ask_days(520, 490))["sales"]["value"] == 10
    await let_leave(engine, "order=400d")
    sales = (await ask_days(520, 490))["sales"]
    assert (sales["value"], sales["reason"]) == (None, "events_have_left")
    assert (await ask_days(320, 290))["sales"]["value"] == 10


async def test_what_left_of_one_kind_takes_no_other_along(shop, send, ask_days, engine):
    await send(
        shop.event("feedback.submitted", "K", at=shop.ago(days=400), data={"metric": "csat", "score": 5}),
        shop.event("feedback.submitted", "K", at=shop.ago(days=100), data={"metric": "csat", "score": 4}),
        shop.event("store.visited", "K", at=shop.ago(days=40)),
        shop.event("points.earned", "K", at=shop.ago(days=500), data={"points": 9}),
    )
    await let_leave(engine, "feedback=365d, visit=30d, points=400d")
    kpis = await ask_days(110, 80)
    assert (kpis["csat"]["value"], kpis["points_liability"]["value"]) == (1.0, 9)
    assert (await ask_days(410, 390))["csat"]["reason"] == "events_have_left"
    assert kpis["conversion"]["reason"] == "events_have_left"


async def test_a_tier_that_was_told_of_long_ago_is_kept(shop, send, ask_days, engine):
    await send(
        shop.event("tier.changed", "K", at=shop.ago(days=500), data={"tier": "gold"}),
        shop.order("K", total=50, at=shop.ago(days=3)),
    )
    await let_leave(engine, "tier=400d")
    assert (await ask_days(10, 0, by="tier", cell="gold"))["sales"]["value"] == 50


async def test_a_refund_of_no_line_is_of_no_category_and_of_the_whole(shop, send, ask_days):
    products = [{"product_id": "1", "category": "tea", "price": 40, "quantity": 1}]
    bought = shop.order("K", total=40, order_id="A-1", products=products, at=shop.ago(days=3))
    await send(bought, shop.event("order.refunded", "K", at=shop.ago(days=2), data={"order_id": "A-1", "total": 10}))
    assert (await ask_days(10, 0))["net_sales"]["value"] == 30
    assert (await ask_days(10, 0, by="category", cell="tea"))["net_sales"]["value"] == 40
