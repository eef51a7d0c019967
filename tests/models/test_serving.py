"""What a running service makes of the registry: promotions under load, and models that are refused."""

import asyncio
import time

import pytest

from app.models.held import Models
from tests.processes import make_key, starting

PATIENCE_S = 5.0
"""A promotion reaches every worker of every replica within it."""


async def version_of(client, customer_id="C-1"):
    answer = await client.get(f"/v1/customers/{customer_id}/score")
    assert answer.status_code == 200, answer.text
    return answer.json()["model_version"]


async def buy(client, shop, *customers):
    orders = [shop.order(customer, at=shop.ago(days=10 * n + 1)) for customer in customers for n in range(4)]
    answer = await client.post("/v1/events", json=orders)
    assert answer.json()["rejected"] == 0, answer.text


async def serves(service, wait_until, version):
    async def look():
        model = service.resources.of(Models).champion
        return (None if model is None else model.version) == version

    await wait_until(look)


async def test_a_service_that_starts_serves_the_champion_of_the_registry(serve, registry, make_artefact, shop):
    champion, challenger = make_artefact(), make_artefact()
    await registry.register(champion)
    await registry.register(challenger)
    async with serve() as service:
        await buy(service.client, shop, "C-1")
        assert await version_of(service.client) == champion.name
        held = service.resources.of(Models)
        assert (held.champion.version, held.challenger.version) == (champion.name, challenger.name)
        assert held.refusal is None


async def test_a_model_that_is_registered_while_it_runs_is_served(serve, registry, make_artefact, shop, wait_until):
    async with serve() as service:
        await buy(service.client, shop, "C-1")
        assert await version_of(service.client) is None
        directory = make_artefact()
        await registry.register(directory)
        await serves(service, wait_until, directory.name)
        assert await version_of(service.client) == directory.name


async def test_bytes_are_read_only_when_something_changed(serve, registry, make_artefact, monkeypatch, wait_until):
    first, second = make_artefact(), make_artefact()
    await registry.register(first)
    async with serve() as service:
        held = service.resources.of(Models).champion
        await registry.register(second)

        async def sees_the_challenger():
            return service.resources.of(Models).challenger is not None

        await wait_until(sees_the_challenger)
        assert service.resources.of(Models).champion is held  # the very same object: it was not read again


async def test_models_that_were_never_registered_are_told_of(serve, registry, make_artefact, tmp_path, monkeypatch):
    directory = make_artefact(into=tmp_path / "models")
    said = []
    monkeypatch.setattr("app.models.loading.log.warning", lambda event, **told: said.append((event, told)))
    async with serve(home=tmp_path):
        pass
    ((_, told),) = [each for each in said if each[0] == "models.unregistered"]
    assert told["found"] == [directory.name]
    assert "perennial models register" in told["hint"]
    said.clear()
    await registry.register(directory)
    async with serve(home=tmp_path):
        pass
    assert "models.unregistered" not in dict(said)


TAMPERED = {
    "a byte of the tables": "UPDATE models SET tables = set_byte(tables, 900, get_byte(tables, 900) # 4)",
    "a byte of the manifest": "UPDATE models SET manifest = set_byte(manifest, 90, get_byte(manifest, 90) # 4)",
    "cut": "UPDATE models SET tables = substring(tables FROM 1 FOR length(tables) - 1)",
    "emptied": "UPDATE models SET tables = '', manifest = ''",
    "foreign": "UPDATE models SET manifest = '{}'",
}


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED.keys())
async def test_a_model_that_was_tampered_with_is_refused_and_the_old_one_serves(
    serve, registry, make_artefact, shop, sql, wait_until, statement
):
    directory = make_artefact()
    await registry.register(directory)
    async with serve() as service:
        await buy(service.client, shop, "C-1")
        await sql.rows(statement)

        async def is_refused():
            return service.resources.of(Models).refusal

        assert directory.name in await wait_until(is_refused)
        assert await version_of(service.client) == directory.name
        health = (await service.client.get("/health")).json()
        assert health["status"] == "warn"
        assert directory.name in health["checks"]["model:version"][0]["output"]
        await registry.register(directory)  # mends it

        async def is_well():
            return service.resources.of(Models).refusal is None

        await wait_until(is_well)


async def test_a_champion_that_is_broken_in_the_act_leaves_the_one_before(
    serve, registry, make_artefact, shop, sql, wait_until
):
    """The row is changed by hand, past all checks, to a champion that cannot be read."""
    old, new = make_artefact(), make_artefact()
    await registry.register(old)
    await registry.register(new)
    async with serve() as service:
        await buy(service.client, shop, "C-1")
        await registry.promote(new.name)
        await sql.rows("UPDATE models SET tables = 'x' WHERE version = :version", version=new.name)

        async def is_refused():
            return service.resources.of(Models).refusal

        assert new.name in await wait_until(is_refused)
        assert await version_of(service.client) in (old.name, new.name)
    async with serve() as service:  # one that starts afresh has never held the new one
        assert await version_of(service.client) == old.name
        assert new.name in service.resources.of(Models).refusal


async def test_a_refused_challenger_leaves_the_champion_alone(serve, registry, make_artefact, sql, wait_until):
    champion, challenger = make_artefact(), make_artefact()
    await registry.register(champion)
    await registry.register(challenger)
    await sql.rows("UPDATE models SET tables = 'x' WHERE version = :version", version=challenger.name)
    async with serve() as service:
        assert service.resources.of(Models).champion.version == champion.name
        assert service.resources.of(Models).challenger is None
        assert challenger.name in service.resources.of(Models).refusal


async def test_a_promotion_under_load_drops_no_request(
    database_url, tmp_path, wait_until, engine, registry, make_artefact, shop
):
    """Two replicas, one of two workers, over HTTP. Every answer names the model that made it."""
    old, new = make_artefact(intercept=-0.5), make_artefact(intercept=1.5)
    await registry.register(old)
    await registry.register(new)
    key = await make_key(engine)
    async with starting(database_url, tmp_path, wait_until) as start:
        replicas = await asyncio.gather(start(workers=2), start())
        answers, ends = [], asyncio.Event()

        async def ask(replica):
            while not ends.is_set():
                async with replica.client(key) as client:  # each time a connection, so that each worker is met
                    for _ in range(5):
                        asked_at = time.monotonic()
                        answer = await client.get("/v1/customers/C-1/score")
                        assert answer.status_code == 200, answer.text
                        told = answer.json()
                        answers.append((asked_at, told["model_version"], round(told["churn_risk"], 6)))

        async with replicas[0].client(key) as client:
            await buy(client, shop, "C-1")
        asking = [asyncio.create_task(ask(replica)) for replica in replicas for _ in range(4)]
        await asyncio.sleep(0.5)
        async with replicas[1].client(key) as client:
            promoted = await client.post(f"/v1/models/{new.name}:promote", json={"reason": "a test"})
        promoted_at = time.monotonic()
        assert promoted.json() == {"champion": new.name, "replaced": old.name}
        await asyncio.sleep(PATIENCE_S + 1)
        ends.set()
        await asyncio.gather(*asking)
    risks = {version: {risk for _, named, risk in answers if named == version} for version in (old.name, new.name)}
    assert {version for _, version, _ in answers} == {old.name, new.name}
    assert {version for at, version, _ in answers if at > promoted_at + PATIENCE_S} == {new.name}
    assert all(len(found) == 1 for found in risks.values())  # none was made with half of each
    assert risks[old.name] != risks[new.name]
