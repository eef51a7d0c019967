"""The service changes the stages that its events change."""


async def test_a_checkout_notes_a_stage_once(service, sql, shop):
    client = service.client
    await client.post("/v1/checkouts", json={"event": shop.order(at=shop.ago(days=4))})
    await client.post("/v1/checkouts", json={"event": shop.order(at=shop.ago(days=2))})
    rows = (await client.get("/v1/customers/C-1/stages")).json()["transitions"]
    assert [(row["from"], row["to"], row["cause"]) for row in rows] == [("none", "new", "event")]
    await client.post("/v1/events", json=[shop.order(), shop.order("C-2"), shop.event("store.visited", "C-3")])
    rows = (await client.get("/v1/customers/C-1/stages")).json()["transitions"]
    assert [(row["from"], row["to"]) for row in rows] == [("new", "growing"), ("none", "new")]
    assert await sql.value("SELECT string_agg(stage, ' ' ORDER BY customer_id) FROM stages") == "growing new prospect"


async def test_a_score_with_what_was_known_then(service, sql, shop):
    """An order of two days ago that came in just now was not known yesterday."""
    client = service.client
    await client.post("/v1/events", json=[shop.order(at=shop.ago(days=days)) for days in (10, 5)])
    await sql.rows("UPDATE events SET received_us = occurred_us")
    await client.post("/v1/events", json=[shop.order(at=shop.ago(days=2))])

    async def sufficiency(**params):
        response = await client.get("/v1/customers/C-1/score", params=params)
        return response.json().get("data_sufficiency", response.status_code)

    yesterday, before = shop.ago(days=1), shop.ago(days=7)
    assert await sufficiency(as_of=yesterday) == "enough"
    assert await sufficiency(as_of=yesterday, known_at=yesterday) == "little"
    assert await sufficiency(known_at=yesterday) == "little"
    assert await sufficiency(as_of=yesterday, known_at=before) == "little"
    assert await sufficiency(as_of=yesterday, known_at=shop.ago(days=20)) == 404
    assert await sufficiency(known_at="2025-02-30") == 422
