"""Decisions of whom no event was sent: visitors of a shop, many at a time."""

import asyncio

from app.customers import queries


async def decide(client, customer_id):
    response = await client.post("/v1/decisions", json={"customer_id": customer_id, "max_actions": 1})
    assert response.status_code == 200, response.text
    return [action["action_id"] for action in response.json()["actions"]]


async def test_many_newcomers_are_looked_for_together(client, monkeypatch):
    """However many there are, one connection is enough: none is refused for want of one."""
    batches, meanwhile = [], asyncio.Event()
    read_offered = queries.read_offered

    async def read(connection, customer_ids):
        batches.append(sorted(customer_ids))
        if len(batches) == 1:
            await meanwhile.wait()
        return await read_offered(connection, customer_ids)

    monkeypatch.setattr(queries, "read_offered", read)
    names = [f"visitor-{number}" for number in range(30)]
    deciding = asyncio.gather(*(decide(client, name) for name in names))
    await asyncio.sleep(0.3)
    meanwhile.set()
    await deciding
    assert len(batches) <= 3
    assert sorted(name for batch in batches for name in batch) == sorted(names)


async def test_a_newcomer_is_not_offered_the_same_twice(client):
    offered = [await decide(client, "visitor") for _ in range(3)]
    assert all(offered[:2])
    assert len({action for actions in offered for action in actions}) == sum(map(len, offered))
    assert await decide(client, "another")
