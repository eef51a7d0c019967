"""Refunds whose order never came are told by `/health` and in the metrics."""

SHOP = "/woocommerce/tea.example.com"


async def told_by(client):
    return (await client.get("/health")).json()["checks"]["events:refunds"][0]


async def gauge(client):
    lines = (await client.get("/metrics")).text.splitlines()
    (line,) = [line for line in lines if line.startswith("perennial_refunds_without_order ")]
    return float(line.split()[1])


async def test_health_and_metrics_tell_of_a_refund_until_its_order_comes(client, shop, sql):
    def tell(type_, order_id, source=SHOP):
        return shop.event(type_, source=source, at=shop.ago(days=1), data={"order_id": order_id, "total": 5})

    await client.post("/v1/events", json=[tell("order.refunded", "7"), tell("order.refunded", "8")])
    told = await told_by(client)
    assert (told["status"], told["observedValue"], told["observedUnit"]) == ("pass", 2, "refunds")
    assert await gauge(client) == 2
    await sql.rows("UPDATE events SET received_us = received_us - 3600000000 WHERE reference = '7'")
    told = await told_by(client)
    assert (told["status"], told["observedValue"]) == ("warn", 2)
    assert f"from {SHOP}" in told["output"]
    await client.post("/v1/events", json=[tell("order.completed", "7")])
    told = await told_by(client)
    assert (told["status"], told["observedValue"]) == ("pass", 1)
    await client.post("/v1/events", json=[tell("order.cancelled", "8"), tell("order.completed", "8")])
    assert (await told_by(client))["observedValue"] == await gauge(client) == 0


async def test_numbers_of_tills_tell_nothing(client, shop):
    await client.post("/v1/events", json=shop.event("order.refunded", data={"order_id": "7", "total": 5}))
    assert (await told_by(client))["observedValue"] == 0
