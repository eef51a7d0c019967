async def test_x(client, shop, sql):
    r = await client.post("/v1/events", json=shop.order())
    assert r.json() == 1
