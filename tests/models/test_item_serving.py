"""What a running service makes of a promotion among models of recommendations."""

import asyncio
import time

from tests.models.test_serving import PATIENCE_S
from tests.processes import make_key, starting


async def test_a_promotion_under_load_drops_no_recommendation(
    database_url, tmp_path, wait_until, engine, registry, make_item_artefact, shop
):
    """Two workers, over HTTP. Every answer names the model that made it, and has its items alone."""
    old, new = make_item_artefact(of="old"), make_item_artefact(of="new")
    await registry.register(old)
    await registry.register(new)
    key, wanted = await make_key(engine), {"scenario": "popular", "limit": 20}
    async with starting(database_url, tmp_path, wait_until) as start:
        replica = await start(workers=2)
        answers, ends = [], asyncio.Event()

        async def ask(customer_id):
            while not ends.is_set():
                async with replica.client(key) as client:  # each time a connection, so that each worker is met
                    for scenario in ("popular", "home", "discover", "replenish"):
                        asked_at = time.monotonic()
                        path = f"/v1/customers/{customer_id}/recommendations"
                        answer = await client.get(path, params={**wanted, "scenario": scenario})
                        assert answer.status_code == 200, answer.text
                        answers.append((asked_at, scenario, answer.json()))

        async with replica.client(key) as client:
            lines = [{"product_id": f"{of}-{n}", "price": 2.0, "quantity": 1} for of in ("old", "new") for n in (1, 2)]
            orders = [shop.order("C-1", products=lines, at=shop.ago(days=days)) for days in (21, 14, 7)]
            assert (await client.post("/v1/events", json=orders)).json()["rejected"] == 0
        asking = [asyncio.create_task(ask(customer_id)) for customer_id in ("C-1", "nobody", "C-1", "nobody")]
        await asyncio.sleep(0.5)
        async with replica.client(key) as client:
            promoted = await client.post(f"/v1/models/{new.name}:promote", json={"reason": "a test"})
        promoted_at = time.monotonic()
        assert promoted.json() == {"champion": new.name, "replaced": old.name}
        await asyncio.sleep(PATIENCE_S + 1)
        ends.set()
        await asyncio.gather(*asking)
    versions = {old.name: "old", new.name: "new"}
    assert {told["model_version"] for _, _, told in answers} == set(versions)
    assert {told["model_version"] for at, _, told in answers if at > promoted_at + PATIENCE_S} == {new.name}
    for _, scenario, told in answers:
        items = [item["item_id"] for item in told["items"]]
        if scenario in ("popular", "discover"):  # the others know what C-1 has bought, whatever the model knows
            assert len(items) == 20
            assert {item.split("-")[0] for item in items} == {versions[told["model_version"]]}
