import pytest

from tests.kpis.history import History


@pytest.fixture
def history(shop):
    return History(shop)


@pytest.fixture
def send(client):
    async def send(*events):
        response = await client.post("/v1/events", json=list(events))
        assert response.status_code == 200, response.text
        assert response.json()["rejected"] == 0, response.text

    return send


@pytest.fixture
def ask(client):
    """`ask("2025-03-01", "2025-04-01", by="day")`: the answer."""

    async def ask(from_, to, **query):
        response = await client.get("/v1/kpis", params={"from": from_, "to": to, **query})
        assert response.status_code == 200, response.text
        return response.json()

    return ask


@pytest.fixture
def put_cost(client):
    async def put(from_, to, amount, **more):
        response = await client.put("/v1/costs", json={"from": from_, "to": to, "amount": amount, **more})
        assert response.status_code == 200, response.text
        return response.json()["costs"]

    return put
