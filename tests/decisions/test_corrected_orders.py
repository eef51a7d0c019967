"""Orders told again after a decision: edited, cancelled, given back, told twice. Each counts once, as it is now."""

import pytest

from app.database.engine import transaction
from app.decisions.outcome_queries import Rewarding, read_log
from app.decisions.realised_queries import read_realised
from app.decisions.split_test_queries import Asked, read_sums
from app.lifecycle.events import DAY_US
from tests.decisions.test_outcomes import age, decide, now_us, send

WINDOW_US = 8 * DAY_US
REWARDING = Rewarding(WINDOW_US, 0, 0.0, 1.0, 100)
WEB, TILL = "/segment/web", "/pos/store-1/till-1"
"""Of a source whose orders are known by their number, and of one whose numbers begin anew."""


class Telling:
    """Makes events of orders, in hours since the decision of ten days ago."""

    def __init__(self, shop, source):
        self._shop, self._source = shop, source

    def event(self, type_, hours, subject="C-1", **data):
        at = self._shop.ago(hours=240 - hours)
        return self._shop.event(type_, subject, at=at, data=data, source=self._source)

    def bought(self, total, hours=24, order_id="A", **data):
        return self.event("order.completed", hours, order_id=order_id, total=total, **data)

    def changed(self, total, hours=48, order_id="A", **data):
        return self.event("order.updated", hours, order_id=order_id, total=total, **data)

    def cancelled(self, hours=72, order_id="A"):
        return self.event("order.cancelled", hours, order_id=order_id)

    def returned(self, hours=96, order_id="A", **data):
        return self.event("order.refunded", hours, order_id=order_id, **data)


STORIES = {
    "bought": (WEB, lambda t: [t.bought(100)], (1, 100)),
    "told twice under another id": (WEB, lambda t: [t.bought(100), t.bought(100)], (1, 100)),
    "edited": (WEB, lambda t: [t.bought(100), t.changed(70)], (1, 70)),
    "edited twice, told in another order": (WEB, lambda t: [t.changed(55, 60), t.bought(100), t.changed(70)], (1, 55)),
    "told again with another amount": (WEB, lambda t: [t.bought(100), t.bought(130, 30)], (1, 130)),
    "cancelled": (WEB, lambda t: [t.bought(100), t.cancelled()], (0, 0)),
    "cancelled before it came": (WEB, lambda t: [t.cancelled(), t.bought(100)], (0, 0)),
    "cancelled and not after all": (WEB, lambda t: [t.bought(100), t.cancelled(30), t.changed(100, 40)], (1, 100)),
    "given back in part": (WEB, lambda t: [t.bought(100), t.returned(total=30)], (1, 70)),
    "given back in part, then edited": (
        WEB,
        lambda t: [t.bought(100), t.returned(30, total=30), t.changed(80, 20)],
        (1, 50),
    ),
    "given back whole": (WEB, lambda t: [t.bought(100), t.returned()], (0, 0)),
    "given back whole, then cancelled": (WEB, lambda t: [t.bought(100), t.returned(), t.cancelled(100)], (0, 0)),
    "given back after it was edited": (WEB, lambda t: [t.bought(100), t.changed(70), t.returned(total=70)], (0, 0)),
    "nobody's, and then told with the name": (
        WEB,
        lambda t: [{**t.bought(100), "subject": None}, t.bought(100)],
        (1, 100),
    ),
    "at a till": (TILL, lambda t: [t.bought(100), t.returned(total=30)], (1, 70)),
    "at a till, given back whole": (TILL, lambda t: [t.bought(100), t.returned(total=100)], (0, 0)),
    "at a till, in two pieces of one number": (
        TILL,
        lambda t: [t.bought(60), t.bought(40, 25), t.returned(total=30)],
        (2, 70),
    ),
    "at a till whose number was given back before": (
        TILL,
        lambda t: [t.bought(50, -500), t.returned(-400, total=20), t.bought(100)],
        (1, 100),
    ),
    "at a till whose number was given back for an order since": (
        TILL,
        lambda t: [t.bought(100), t.bought(80, 100), t.returned(120, total=50)],
        (2, 130),
    ),
}


async def read_all(engine):
    """Orders and money by each of what is read: the log's purchases and credit, effects and tests, and policies'."""
    async with transaction(engine) as connection:
        (row,) = await read_log(connection, 0, now_us() + 1, now_us(), REWARDING)
    async with transaction(engine) as connection:
        sums = await read_sums(connection, Asked(0, now_us() + 1, now_us(), WINDOW_US), REWARDING, 0)
    async with transaction(engine) as connection:
        realised = await read_realised(connection, "none", 0, now_us() + 1, REWARDING)
    return row, sums["a"], realised["learner"]


@pytest.mark.parametrize(("source", "story", "expected"), STORIES.values(), ids=STORIES)
async def test_an_order_counts_once_at_its_latest_version(client, engine, sql, shop, source, story, expected):
    decision = await decide(client, max_actions=1)
    await age(sql, decision, 10)
    for event in story(Telling(shop, source)):
        await send(client, event)
    row, side, realised = await read_all(engine)
    orders, money = expected
    assert (row.purchases_minor, row.credited_minor, row.reward) == (100 * money, 100.0 * money, float(money))
    assert (side.persons, side.buyers, side.value) == (1, min(orders, 1), float(money))
    assert realised.reward == float(money)
    effects = (await client.get("/v1/effects", params={"from": shop.ago(days=20)})).json()
    (learner,) = [arm for arm in effects["arms"] if arm["arm"] == "learner"]
    assert (learner["rate"], learner["value"]) == (float(orders > 0), pytest.approx(money * 0.25, abs=1e-6))


@pytest.mark.parametrize("correct", [lambda t: t.changed(300, 48), lambda t: t.bought(300, 30)])
async def test_an_order_of_before_the_decision_is_none_of_its_outcomes_however_it_is_corrected_since(
    client, engine, sql, shop, correct
):
    tell = Telling(shop, WEB)
    await send(client, tell.bought(100, -24))
    await sql.rows("UPDATE events SET received_us = received_us - :us", us=11 * DAY_US)
    decision = await decide(client, max_actions=1)
    await age(sql, decision, 10)
    await send(client, correct(tell))
    row, side, realised = await read_all(engine)
    assert (row.purchases_minor, side.buyers, side.value, realised.reward) == (0, 0, 0.0, 0.0)
