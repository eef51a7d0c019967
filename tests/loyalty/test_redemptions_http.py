"""Redemptions over HTTP: reserved, confirmed, released; nobody spends what is not there."""

import asyncio

import pytest

from app.loyalty.held import Loyalty
from app.loyalty.posting import post_all
from app.loyalty.queries import hold
from tests.loyalty.conftest import BASE
from tests.loyalty.test_points_http import differences


@pytest.fixture
def redeem(client):
    async def redeem(step, redemption_id="R-1", **body):
        response = await client.post(f"/v1/loyalty/{step}", json={"redemption_id": redemption_id, **body})
        return response.status_code, response.json()

    return redeem


@pytest.fixture
async def hundred(members):
    """C-1 has 60 points that expire first, and 40."""
    await members.put()
    await members.send(members.order("C-1", 60, 30, order_id="A"), members.order("C-1", 40, 20, order_id="B"))
    return members


async def of(members, who="C-1"):
    told = await members.balance(who)
    return tuple(told[name] for name in ("available", "reserved", "owed", "redeemed"))


async def test_what_is_reserved_is_spent_when_it_is_confirmed(hundred, redeem, engine):
    status, told = await redeem("reserve", customer_id="C-1", points=70)
    assert (status, told["state"], told["points"]) == (200, "reserved", 70)
    assert await of(hundred) == (30, 70, 0, 0)
    status, told = await redeem("confirm", order_id="O-9")
    assert (status, told["state"], told["order_id"]) == (200, "confirmed", "O-9")
    assert await of(hundred) == (30, 0, 0, 70)
    assert [(each["points"], each["order_id"]) for each in (await hundred.balance("C-1"))["expiring"]] == [(30, "B")]
    assert await differences(engine) == []


async def test_every_step_may_be_repeated(hundred, redeem):
    for step, extra in (("reserve", {"customer_id": "C-1", "points": 70}), ("confirm", {}), ("release", {})):
        first = await redeem(step, **extra)
        assert await redeem(step, **extra) == first
        ledger = await hundred.ledger("C-1")
        await redeem(step, **extra)
        assert await hundred.ledger("C-1") == ledger
    assert await of(hundred) == (100, 0, 0, 0)


async def test_what_is_released_is_free_again(hundred, redeem):
    await redeem("reserve", customer_id="C-1", points=70)
    assert (await redeem("release"))[1]["state"] == "released"
    assert await of(hundred) == (100, 0, 0, 0)
    status, told = await redeem("confirm")
    assert (status, told["code"]) == (409, "too-late")


async def test_more_than_there_is_is_refused(hundred, redeem):
    status, told = await redeem("reserve", customer_id="C-1", points=101)
    assert (status, told["code"], told["available"]) == (409, "not-enough-points", 100)
    assert (await redeem("reserve", customer_id="nobody", points=1))[1]["code"] == "not-enough-points"
    assert await of(hundred) == (100, 0, 0, 0)


async def test_an_id_is_of_one_redemption(hundred, redeem):
    await hundred.send(hundred.order("C-2", 50, 30))
    await redeem("reserve", customer_id="C-1", points=10)
    for wrong in ({"customer_id": "C-1", "points": 11}, {"customer_id": "C-2", "points": 10}):
        assert (await redeem("reserve", **wrong))[0] == 409
    assert (await redeem("confirm", "R-2"))[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        {"customer_id": "C-1", "points": 0},
        {"customer_id": "C-1", "points": -5},
        {"customer_id": "C-1", "points": 1.5},
        {"customer_id": "", "points": 1},
        {"customer_id": "a\x00", "points": 1},
        {"points": 1},
    ],
)
async def test_what_makes_no_sense_is_refused(hundred, redeem, body):
    assert (await redeem("reserve", **body))[0] == 422


async def test_what_is_not_confirmed_in_time_is_free_again(hundred, redeem, sql, service, engine):
    await redeem("reserve", customer_id="C-1", points=70)
    await sql.rows("UPDATE loyalty_redemptions SET expires_us = reserved_us + 1")
    assert await of(hundred) == (100, 0, 0, 0)
    assert (await redeem("reserve", customer_id="C-1", points=70))[1]["state"] == "expired"
    assert (await redeem("confirm"))[0] == 409
    await redeem("reserve", "R-2", customer_id="C-1", points=70, hold_seconds=60)
    (row,) = await sql.rows("SELECT expires_us FROM loyalty_redemptions WHERE redemption_id = 'R-2'")
    await post_all(engine, service.resources.of(Loyalty).terms, lambda: row["expires_us"])
    assert await sql.rows("SELECT reserved, active FROM loyalty_accounts") == [{"reserved": 0, "active": 100}]


async def test_a_refund_of_what_was_spent_is_a_debt_that_later_points_pay(hundred, redeem, engine):
    await redeem("reserve", customer_id="C-1", points=100)
    await redeem("confirm")
    await hundred.send(hundred.told("order.refunded", "C-1", "A", total=60))
    assert await of(hundred) == (0, 0, 60, 100)
    await hundred.send(hundred.order("C-1", 25, 16, order_id="C"))
    assert await of(hundred) == (0, 0, 35, 100)
    await redeem("release")
    assert await of(hundred) == (65, 0, 0, 0)
    assert await differences(engine) == []


async def test_a_refund_takes_what_is_left_and_owes_the_rest(hundred, redeem):
    await redeem("reserve", customer_id="C-1", points=70)
    await hundred.send(hundred.told("order.refunded", "C-1", "A", total=60))
    assert await of(hundred) == (0, 70, 30, 0)
    await redeem("release")
    assert await of(hundred) == (40, 0, 0, 0)


async def test_points_of_a_person_are_spent_under_any_id(hundred, redeem, engine):
    await hundred.send(hundred.order("C-2", 50, 30))
    await hundred.send(hundred.shop.event("customer.merged", "C-1", data={"merged": "C-2"}))
    await redeem("reserve", customer_id="C-2", points=140)
    await redeem("confirm")
    assert await of(hundred) == await of(hundred, "C-2") == (10, 0, 0, 140)
    await hundred.send(hundred.shop.event("customer.unmerged", "C-1", data={"merged": "C-2"}))
    ours, theirs = await of(hundred), await of(hundred, "C-2")
    assert ours[0] + theirs[0] == 10
    assert ours[3] + theirs[3] == 140
    assert await differences(engine) == []


async def test_two_hundred_at_once_never_overspend(hundred, redeem, engine):
    tries = [redeem("reserve", f"R-{at}", customer_id="C-1", points=3) for at in range(200)]
    answers = await asyncio.gather(*tries)
    statuses = [status for status, _ in answers]
    assert (statuses.count(200), statuses.count(409)) == (33, 167)
    assert await of(hundred) == (1, 99, 0, 0)
    held = [told["redemption_id"] for status, told in answers if status == 200]
    steps = [redeem("confirm" if at % 2 else "release", each) for at, each in enumerate(held)]
    spent = [told for _, told in await asyncio.gather(*steps)]
    confirmed = sum(told["state"] == "confirmed" for told in spent)
    assert await of(hundred) == (100 - 3 * confirmed, 0, 0, 3 * confirmed)
    assert await differences(engine) == []


async def test_the_same_redemption_sent_at_once_is_one(hundred, redeem):
    told = await asyncio.gather(*(redeem("reserve", customer_id="C-1", points=60) for _ in range(20)))
    assert {status for status, _ in told} == {200}
    assert await of(hundred) == (40, 60, 0, 0)


async def test_each_lot_is_told_before_it_expires(hundred, client, redeem):
    await hundred.send(hundred.order("C-2", 5, 370, order_id="old"))
    await redeem("reserve", customer_id="C-1", points=60)
    await hundred.balance("C-1")
    await hundred.balance("C-2")
    told = (await client.get("/v1/loyalty/expiring", params={"within_days": 366})).json()["lots"]
    assert [(each["customer_id"], each["points"], each["order_id"]) for each in told] == [
        ("C-2", 5, "old"),
        ("C-1", 40, "B"),
    ]
    page = (await client.get("/v1/loyalty/expiring", params={"within_days": 366, "limit": 1})).json()
    rest = await client.get("/v1/loyalty/expiring", params={"within_days": 366, "cursor": page["next_cursor"]})
    assert page["lots"] + rest.json()["lots"] == told
    assert (await client.get("/v1/loyalty/expiring", params={"within_days": 30})).json()["lots"] == told[:1]


async def test_what_has_expired_is_not_about_to(hundred, client, sql):
    await hundred.balance("C-1")
    await sql.rows("UPDATE loyalty_lots SET expires_us = 1 WHERE reference = 'A'")  # and no round came by yet
    told = (await client.get("/v1/loyalty/expiring", params={"within_days": 366})).json()["lots"]
    assert [each["order_id"] for each in told] == ["B"]


async def test_who_waits_too_long_for_points_is_told_to_come_again(serve, sql):
    async with serve(patience_ms=100) as service:
        put = await service.client.put("/v1/loyalty/programme", json={"programme": {"earn": [BASE]}})
        assert put.status_code == 200, put.text
        body = {"customer_id": "C-1", "redemption_id": "R-1", "points": 1}
        async with sql.engine.begin() as other:
            await hold(other, ["C-1"])
            answer = await service.client.post("/v1/loyalty/reserve", json=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        loyalty = service.resources.of(Loyalty)
        async with loyalty.turn(), loyalty.turn(), loyalty.turn():
            answer = await service.client.post("/v1/loyalty/reserve", json=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await service.client.post("/v1/loyalty/reserve", json=body)).json()["code"] == "not-enough-points"
