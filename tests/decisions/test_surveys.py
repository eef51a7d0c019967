"""What analysts ask may take longer than a request of a till."""

import asyncio

import pytest

from app.runtime import main

PERIOD = {"from": "2020-01-01", "to": "2020-02-01"}
SURVEYS: dict[str, tuple[str, str, dict[str, object], int]] = {
    "effects": ("GET", "/v1/effects", {"params": PERIOD}, 200),
    "recommendations": ("GET", "/v1/recommendations/effects", {"params": PERIOD}, 200),
    "another policy": ("POST", "/v1/policies:evaluate", {"json": {}}, 409),
    "a test": ("GET", "/v1/tests/coupon", {}, 200),
}
TEST = {
    "a": {"action_id": "first-order-coupon"},
    "b": {"action_id": "personal-suggestions"},
    "looked_for": 0.05,
}


@pytest.fixture
async def hasty_client(serve, sql, monkeypatch):
    """Of a service whose requests wait a tenth of a second for a statement."""
    monkeypatch.setattr(main, "COMMAND_TIMEOUT_S", 0.1)
    async with serve() as service:
        yield service.client


async def hold(sql, seconds):
    """Nobody reads decisions or recommendations meanwhile."""
    async with sql.engine.begin() as connection:
        await connection.exec_driver_sql("LOCK TABLE decisions, recommendations IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(seconds)


@pytest.mark.parametrize("name", SURVEYS)
async def test_a_survey_waits_longer_than_a_request(hasty_client, sql, shop, name):
    method, path, options, status = SURVEYS[name]
    put = await hasty_client.put("/v1/tests/coupon", json=TEST | {"ends_at": shop.ago(days=-28)})
    assert put.status_code == 200, put.text
    holding = asyncio.create_task(hold(sql, 1.0))
    await asyncio.sleep(0.2)
    response = await hasty_client.request(method, path, **options)
    assert response.status_code == status, response.text
    assert holding.done()
    await holding
    assert (await hasty_client.get("/v1/decisions", params={"since": "2020-01-01"})).status_code == 200
