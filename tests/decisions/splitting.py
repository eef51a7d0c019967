"""Tests of two sides, as they are defined, decided of and read over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta

from app.lifecycle.split_tests import Side, SplitTest

PEOPLE = [f"C-{number}" for number in range(600)]
COUPON, IDEAS = "first-order-coupon", "personal-suggestions"
SPLIT = SplitTest("tea", Side(action_id=COUPON), Side(action_id=IDEAS), 0, 1, secret=b"tests")


def soon(**after):
    return (datetime.now(UTC) + timedelta(**after)).isoformat()


def definition(**more):
    sides = {"a": {"action_id": COUPON}, "b": {"action_id": IDEAS}}
    return {**sides, "ends_at": soon(days=7), "looked_for": 0.1, "window_days": 7, **more}


async def define(client, test_id="tea", *, status=200, **more):
    response = await client.put(f"/v1/tests/{test_id}", json=definition(**more))
    assert response.status_code == status, response.text
    return response.json()


async def read(client, test_id="tea", **headers):
    response = await client.get(f"/v1/tests/{test_id}", headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def decide(client, customer_id, **wanted):
    asked = {"customer_id": customer_id, "channel": "web", **wanted}
    response = await client.post("/v1/decisions", json=asked)
    assert response.status_code == 200, response.text
    return response.json()


async def decide_all(client, people=PEOPLE, **wanted):
    for at in range(0, len(people), 20):
        await asyncio.gather(*(decide(client, each, **wanted) for each in people[at : at + 20]))


async def send(client, *events):
    for at in range(0, len(events), 500):
        response = await client.post("/v1/events", json=events[at : at + 500])
        assert response.json()["rejected"] == 0, response.text


async def turn_back(sql, days):
    """All that was decided and tested, so long ago."""
    await sql.rows("UPDATE decisions SET decided_us = decided_us - :us", us=days * 86_400 * 10**6)
    moved = "starts_us = starts_us - :us, ends_us = ends_us - :us, planned_us = planned_us - :us"
    await sql.rows(f"UPDATE split_tests SET {moved}", us=days * 86_400 * 10**6)


def side_of(customer_id):
    return SPLIT.side_of(customer_id)


async def buy(client, sql, shop, people, days_ago, *, told_days_ago):
    """Orders for 100."""
    await send(client, *(shop.order(each, total=100.0, at=shop.ago(days=days_ago)) for each in people))
    told = "UPDATE events SET received_us = received_us - :us WHERE received_us - occurred_us > :us"
    await sql.rows(told, us=int(told_days_ago * 86_400 * 10**6))
