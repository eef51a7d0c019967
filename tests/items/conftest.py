"""Items as shops put them."""

import pytest


@pytest.fixture
def put(client):
    """Puts items, and gives the statuses."""

    async def put(*items):
        answer = await client.put("/v1/items", json=list(items))
        assert answer.status_code == 200, answer.text
        return [result["status"] for result in answer.json()["results"]]

    return put


MILK = {
    "item_id": "4711",
    "title": {"en": "Whole milk 1 l", "zh": "全脂牛奶 1升"},
    "category": ["food", "dairy", "milk"],
    "brand": "蒙牛",
    "price": 12.8,
    "margin": 0.22,
    "in_stock": True,
    "in_stock_by_store": {"store-12": False},
    "valid_from": "2026-01-01T00:00:00+08:00",
    "valid_to": "2027-01-01T00:00:00+08:00",
    "tags": ["organic", "cold"],
    "hidden": False,
    "substitute_of": "4700",
    "pack_of": "milk",
}
