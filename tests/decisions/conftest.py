"""Contacts: a catalogue of a test's own, and an action that is capped."""

import pytest

from tests.decisions.acting import SMALL, action_of, consent, put_policy


@pytest.fixture
async def catalogue(service):
    """Puts actions into the catalogue instead of those of the beginning, which come back afterwards."""
    kept = (await service.client.get("/v1/actions")).json()["actions"]

    async def fill(*actions):
        for action in kept:
            await service.client.put(f"/v1/actions/{action['action_id']}", json={**action, "enabled": False})
        for action in actions:
            put = await service.client.put(f"/v1/actions/{action['action_id']}", json=action)
            assert put.status_code == 200, put.text
            made.append(action["action_id"])

    made: list[str] = []
    yield fill
    for action_id in made:
        await service.client.delete(f"/v1/actions/{action_id}")
    for action in kept:
        await service.client.put(f"/v1/actions/{action['action_id']}", json=action)


@pytest.fixture
async def capped(client, shop, catalogue):
    """An action of one contact a week, and of two in all, that C-1 has consented to."""
    await catalogue(action_of("coupon", cost=2, total_cap=2, cool_down_days=30, effect=1))
    await put_policy(client, SMALL)
    await consent(client, shop, "C-1")


@pytest.fixture
async def shop_service(serve, sql):
    async with serve() as service:
        yield service


@pytest.fixture
def shop_client(shop_service):
    return shop_service.client
