"""`PUT /v1/costs`, `GET /v1/costs`, and what they make of CAC."""

import pytest

MARCH = ("2025-03-01", "2025-04-01")


async def cac(ask, *period, **query):
    rows = (await ask(*period, **query))["rows"]
    return {row["key"]: (row["kpis"]["cac"]["value"], row["kpis"]["cac"]["reason"]) for row in rows}


async def test_costs_are_told_and_taken_back(client, put_cost):
    (told,) = await put_cost(*MARCH, 100.5, channel="web")
    assert {name: told[name] for name in ("from", "to", "channel", "amount", "changed_by")} == {
        "from": "2025-03-01",
        "to": "2025-04-01",
        "channel": "web",
        "amount": 100.5,
        "changed_by": "tests",
    }
    (told,) = await put_cost("2025-03-01", "2025-03-11", 7, channel="web")
    assert (told["to"], told["amount"]) == ("2025-03-11", 7)
    listed = (await client.get("/v1/costs", params={"from": "2025-03-10", "to": "2025-03-11"})).json()
    assert [each["amount"] for each in listed["costs"]] == [7]
    assert await put_cost("2025-03-01", "2025-03-11", None, channel="web") == []


async def test_costs_of_a_channel_do_not_overlap(client, put_cost):
    await put_cost(*MARCH, 100)
    await put_cost(*MARCH, 100, channel="web")
    response = await client.put("/v1/costs", json={"from": "2025-03-31", "to": "2025-04-02", "amount": 1})
    assert (response.status_code, response.json()["code"]) == (409, "overlapping")
    assert len(await put_cost("2025-04-01", "2025-04-02", 1)) == 1


async def test_a_cost_is_of_each_of_its_days_alike(ask, send, history, put_cost):
    await send(history.order("A", "2025-03-05", 10), history.order("B", "2025-03-06", 10, channel="web"))
    await put_cost(*MARCH, 310)
    await put_cost("2025-03-01", "2025-03-11", 100, channel="web")
    assert await cac(ask, "2025-03-01", "2025-03-11") == {None: (100, None)}  # (10 · 10 + 100) / 2
    assert await cac(ask, *MARCH) == {None: (205, None)}  # (310 + 100) / 2
    assert await cac(ask, "2025-03-01", "2025-03-11", by="channel") == {
        "web": (100, None),
        "store": (None, "no_costs"),
        None: (None, "no_new_customers"),
    }
    assert await cac(ask, "2025-02-28", "2025-03-11") == {None: (None, "no_costs")}


@pytest.mark.parametrize(
    "cost",
    [
        {"from": "2025-03-01", "to": "2025-03-01", "amount": 1},
        {"from": "2025-02-29", "to": "2025-03-01", "amount": 1},
        {"from": "2025-03-01", "to": "2035-04-01", "amount": 1},
        {"from": "2025-03-01", "to": "2025-04-01", "amount": -1},
        {"from": "2025-03-01", "to": "2025-04-01"},
        {"from": "2025-03-01", "to": "2025-04-01", "amount": 1, "currency": "EUR"},
    ],
)
async def test_what_is_no_cost_is_refused(client, cost):
    response = await client.put("/v1/costs", json=cost)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
