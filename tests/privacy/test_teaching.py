"""Nobody who refuses profiling, and nobody who was erased, is learned from."""

import duckdb
import pytest

from app.foundation.settings import Settings
from ml.data.database import count_left_out, load_events, load_order_items
from ml.training.policy_reading import read_training

LINE = {"products": [{"product_id": "tea", "price": 10.0}]}


@pytest.fixture
async def words(client, shop):
    """C-1 to C-9 bought; some refuse, in each way that one can. C-8 and C-9 are one person, of whom C-9 refuses."""

    def word(number, purpose, granted, days):
        return shop.event(
            "consent.changed", f"C-{number}", at=shop.ago(days=days), data={"purpose": purpose, "granted": granted}
        )

    said = [
        word(1, "profiling", False, 2),
        *(word(2, "personalization", False, 3), word(2, "profiling", True, 2)),
        word(3, "all", False, 2),
        *(word(4, "profiling", True, 3), word(4, "all", False, 2)),
        *(word(5, "all", False, 3), word(5, "profiling", True, 2)),
        *(word(6, "marketing", False, 2), word(6, "all", True, 1)),
        *(word(7, "profiling", False, 3), word(7, "all", True, 2)),
        word(9, "profiling", False, 2),
    ]
    merged = shop.event("customer.merged", "C-8", data={"merged": "C-9"})
    orders = [shop.order(f"C-{number}", **LINE) for number in range(1, 10)]
    sent = await client.post("/v1/events", json=[*orders, *said, merged])
    assert (sent.json()["rejected"], sent.json()["accepted"]) == (0, 9 + 13 + 1)


async def taught(engine):
    """The customers in what scores, and in what recommendations are learned from."""
    with duckdb.connect() as connection:
        await load_events(engine, connection, simulated=False)
        await load_order_items(engine, connection, simulated=False)
        tables = ("events", "order_items")
        rows = [connection.execute(f"SELECT DISTINCT customer_id FROM {name}").fetchall() for name in tables]
    return [{customer_id for (customer_id,) in found} for found in rows]


async def test_who_refuses_is_in_neither_table(client, engine, words):
    assert await taught(engine) == [{"C-2", "C-5", "C-6"}] * 2
    assert await count_left_out(engine) == 5


async def test_they_are_those_who_are_not_scored(client, engine, words):
    learned, _ = await taught(engine)
    for number in range(1, 9):
        flags = (await client.get(f"/v1/customers/C-{number}/score")).json()["flags"]
        assert ("profiling_refused" in flags) is (f"C-{number}" not in learned), number


async def test_who_is_erased_is_in_neither_table(client, engine, words):
    assert (await client.delete("/v1/customers/C-2")).status_code == 200
    assert await taught(engine) == [{"C-5", "C-6"}] * 2


async def test_policies_are_learned_of_nobody_who_refuses(client, engine, shop):
    await client.post("/v1/events", json=[shop.order(f"C-{number}", at=shop.ago(days=40)) for number in (1, 2, 3)])
    merged = shop.event("customer.merged", "C-9", data={"merged": "C-3"})
    refusals = [
        shop.event("consent.changed", each, data={"purpose": "profiling", "granted": False}) for each in ("C-1", "C-9")
    ]
    for number in (1, 2, 3):
        body = {"customer_id": f"C-{number}", "channel": "store"}
        assert (await client.post("/v1/decisions", json=body)).status_code == 200
    settings = Settings(reward_wait_days=0)
    before = await read_training(engine, settings)
    await client.post("/v1/events", json=[merged, *refusals])
    after = await read_training(engine, settings)
    assert (before.log.persons.max(), after.log.persons.max()) == (2, 0)
