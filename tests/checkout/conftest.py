"""Orders of a source whose orders have an identity."""

import pytest

from tests.checkout.orders import SOURCE


@pytest.fixture
def tell(shop):
    """Makes events of an order of a source whose orders have an identity."""

    def make(type_, subject="C-1", *, days=1, source=SOURCE, **data):
        return shop.event(type_, subject, at=shop.ago(days=days), source=source, data={"order_id": "7", **data})

    return make


@pytest.fixture
def count(client):
    async def send(*events):
        answer = (await client.post("/v1/events", json=list(events))).json()
        return [each["status"] for each in answer["results"]]

    return send
