import pytest

BASE = {"rule_id": "base", "points": 1, "per": 1}
ONLINE = "/import/shop"
"""A source whose orders have an identity."""


class Members:
    """Puts programmes, sends events, and asks for points."""

    def __init__(self, client, shop):
        self.client, self.shop = client, shop

    async def put(self, *, since_days=400, **programme):
        told = {"earn": [BASE], "return_days": 14, "expiry_days": 365, **programme}
        body = {"programme": told, "effective_at": self.shop.ago(days=since_days)}
        response = await self.client.put("/v1/loyalty/programme", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    async def send(self, *events):
        response = await self.client.post("/v1/events", json=list(events))
        assert response.status_code == 200, response.text
        assert response.json()["rejected"] == 0, response.text

    def order(self, who, total, days, *, source=ONLINE, order_id=None, **data):
        made = self.shop.order(who, total=total, at=self.shop.ago(days=days), **data)
        made["source"] = source
        if order_id is not None:
            made["data"]["order_id"] = order_id
        return made

    def told(self, type_, who, order_id, days=1, *, source=ONLINE, **data):
        event = self.shop.event(type_, who, at=self.shop.ago(days=days), data={"order_id": order_id, **data})
        return {**event, "source": source}

    async def balance(self, who):
        response = await self.client.get(f"/v1/customers/{who}/loyalty")
        assert response.status_code == 200, response.text
        return response.json()

    async def points(self, who):
        """(Active, promised, owed)."""
        told = await self.balance(who)
        return told["active"], told["promised"], told["owed"]

    async def ledger(self, who, **query):
        response = await self.client.get(f"/v1/customers/{who}/loyalty/ledger", params=query)
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture
def members(client, shop):
    return Members(client, shop)
