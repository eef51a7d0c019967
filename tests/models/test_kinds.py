"""Models of scores and of recommendations in one registry: each kind with a champion and a line of its own."""

import re
from functools import partial

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import IntegrityError

from app.database.engine import create_engine
from app.database.schema import _ROOT, migrate
from app.foundation.errors import NotPromotable, Refusal
from app.models import kinds
from app.models.held import Models


async def test_the_first_of_each_kind_serves_at_once(registry, make_artefact, make_item_artefact, sql):
    scores, items = make_artefact(), make_item_artefact()
    for directory in (scores, items):
        assert (await registry.register(directory)).state == "champion"
    kinds = {row["version"]: row["kind"] for row in await sql.rows("SELECT version, kind FROM models")}
    assert kinds == {scores.name: "score", items.name: "recommend"}


async def test_a_challenger_retires_that_of_its_own_kind_alone(registry, make_artefact, make_item_artefact):
    scores, items = [make_artefact() for _ in range(2)], [make_item_artefact() for _ in range(3)]
    for directory in (*scores, *items):
        registered = await registry.register(directory)
    assert registered.sentence == (
        f"Model {items[2].name}: It is the challenger of {items[0].name}, asked in its shadow;"
        f" 'perennial models promote {items[2].name}' puts it in force."
    )
    assert await registry.states() == {
        scores[0].name: "champion",
        scores[1].name: "challenger",
        items[0].name: "champion",
        items[1].name: "retired",
        items[2].name: "challenger",
    }


async def test_a_real_model_takes_the_place_of_the_demo_shops_of_its_kind(registry, make_artefact, make_item_artefact):
    scores, demo, real = make_artefact(simulated=True), make_item_artefact(simulated=True), make_item_artefact()
    for directory in (scores, demo, real):
        await registry.register(directory)
    assert await registry.states() == {scores.name: "champion", demo.name: "retired", real.name: "champion"}


async def test_promotion_and_rollback_leave_the_other_kind_alone(registry, make_artefact, make_item_artefact):
    scores, items = [make_artefact() for _ in range(2)], [make_item_artefact() for _ in range(2)]
    for one, other in zip(scores, items, strict=True):
        await registry.register(one)
        await registry.register(other)
    assert await registry.promote(items[1].name) == (items[1].name, items[0].name)
    with pytest.raises(NotPromotable):
        await registry.rollback()  # of the scores, which have had one champion
    assert await registry.promote(scores[1].name) == (scores[1].name, scores[0].name)
    assert await registry.rollback(kind="recommend") == (items[0].name, items[1].name)
    assert await registry.states() == {
        scores[0].name: "retired",
        scores[1].name: "champion",
        items[0].name: "champion",
        items[1].name: "retired",
    }
    assert await registry.rollback() == (scores[0].name, scores[1].name)


async def test_a_manifest_of_a_kind_that_is_none_is_not_registered(registry, make_item_artefact, tmp_path):
    directory = make_item_artefact(into=tmp_path)
    manifest = (directory / "manifest.json").read_bytes().replace(b'"kind": "recommend"', b'"kind": "forecast"')
    (directory / "manifest.json").write_bytes(manifest)
    with pytest.raises(Refusal, match="its kind is none of score, recommend, policy, sentiment"):
        await registry.register(directory)


async def test_an_item_artefact_that_was_cut_is_not_registered(registry, make_item_artefact, tmp_path, sql):
    directory = make_item_artefact(into=tmp_path)
    content = (directory / "tables.npz").read_bytes()
    (directory / "tables.npz").write_bytes(content[:-1])
    with pytest.raises(Refusal, match="does not match its digest"):
        await registry.register(directory)
    assert await sql.value("SELECT count(*) FROM models") == 0


async def test_a_running_service_swaps_its_recommendations(serve, registry, make_item_artefact, wait_until):
    first, second = make_item_artefact(), make_item_artefact()
    async with serve() as service:
        held = service.resources.of(Models)

        async def is_held(directory):
            return held.item_champion is not None and held.item_champion.version == directory.name

        assert held.item_champion is None
        await registry.register(first)
        await wait_until(partial(is_held, first))
        model = held.item_champion
        await registry.register(second)
        await service.resources.refresh()
        assert held.item_champion is model
        assert held.item_challenger.version == second.name
        await registry.promote(second.name)
        await wait_until(partial(is_held, second))
        assert (held.champion, held.item_challenger) == (None, None)


async def test_a_corrupt_item_artefact_is_refused_and_the_one_before_serves(
    serve, registry, make_artefact, make_item_artefact, sql, wait_until
):
    scores, old, new = make_artefact(), make_item_artefact(), make_item_artefact()
    for directory in (scores, old, new):
        await registry.register(directory)
    async with serve() as service:
        held = service.resources.of(Models)
        await registry.promote(new.name)
        await sql.rows(
            "UPDATE models SET tables = set_byte(tables, 900, get_byte(tables, 900) # 4) WHERE version = :v", v=new.name
        )

        async def is_refused():
            return held.item_refusal

        assert new.name in await wait_until(is_refused)
        assert held.item_champion.version in (old.name, new.name)
        assert (held.champion.version, held.refusal) == (scores.name, None)
        checks = (await service.client.get("/health")).json()["checks"]
        assert checks["recommendations:model"][0]["status"] == "warn"
        assert new.name in checks["recommendations:model"][0]["output"]
        assert checks["model:version"][0]["status"] == "pass"
    async with serve() as service:  # one that starts afresh has never held the new one
        assert service.resources.of(Models).item_champion.version == old.name
        await registry.register(new)  # mends it

        async def is_well():
            held = service.resources.of(Models)
            return held.item_refusal is None and held.item_champion.version == new.name

        await wait_until(is_well)


async def test_the_kind_is_told_and_rolled_back_over_http(client, registry, make_artefact, make_item_artefact):
    scores, items = make_artefact(), [make_item_artefact(horizon_days=14) for _ in range(2)]
    for directory in (scores, *items):
        await registry.register(directory)
    told = {model["version"]: model for model in (await client.get("/v1/models")).json()["models"]}
    assert [told[each.name]["kind"] for each in (scores, *items)] == ["score", "recommend", "recommend"]
    assert (told[items[0].name]["horizon_days"], told[items[0].name]["readable"]) == (14, True)
    promoted = await client.post(f"/v1/models/{items[1].name}:promote")
    assert promoted.json() == {"champion": items[1].name, "replaced": items[0].name}
    assert (await client.post("/v1/models:rollback")).status_code == 409
    back = await client.post("/v1/models:rollback", json={"kind": "recommend", "reason": "a test"})
    assert back.json() == {"champion": items[0].name, "replaced": items[1].name}
    changes = (await client.get(f"/v1/models/{items[0].name}")).json()["changes"]
    assert (changes[0]["act"], changes[0]["reason"]) == ("rolled_back", "a test")
    assert (await client.post("/v1/models:rollback", json={"kind": "forecast"})).status_code == 422


async def test_models_of_two_kinds_are_not_judged_by_one_outcome(client, registry, make_artefact, make_item_artefact):
    scores, items = make_artefact(horizon_days=30), make_item_artefact(horizon_days=30)
    for directory in (scores, items):
        await registry.register(directory)
    compared = (await client.get(f"/v1/models:compare?versions={scores.name},{items.name}")).json()
    assert "no outcome can judge both" in compared["shadow"][0]["left_out"]


async def test_an_upgrade_leaves_the_champion_and_a_process_of_before(make_database, make_artefact):
    """What a process of the version before writes scores."""
    url, config = make_database(), Config(str(_ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    config.attributes["database_url"] = url
    command.upgrade(config, "0020")
    engine = create_engine(url)
    add = "INSERT INTO models VALUES ('{}', '{}', false, 90, '', '', 0, 0, '{{}}', 0, 0, '', '', NULL)"
    async with engine.begin() as connection:
        await connection.exec_driver_sql(add.format("old", "champion"))
    migrate(url)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(add.format("next", "challenger"))
        rows = await connection.exec_driver_sql("SELECT version, kind, state FROM models ORDER BY version")
        assert [tuple(row) for row in rows] == [("next", "score", "challenger"), ("old", "score", "champion")]
    command.downgrade(config, "0020")
    async with engine.begin() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM models")).scalar() == 2
    await engine.dispose()


@pytest.mark.parametrize("kind", ["score", "recommend", "policy"])
async def test_one_champion_of_a_kind_by_an_index(
    registry, make_artefact, make_item_artefact, make_policy_artefact, sql, kind
):
    make = {"score": make_artefact, "recommend": make_item_artefact, "policy": make_policy_artefact}[kind]
    await registry.register(make())
    await registry.register(make())
    with pytest.raises(IntegrityError):
        await sql.rows("UPDATE models SET state = 'champion'")


async def test_a_policy_lives_as_the_others_do(client, registry, make_artefact, make_policy_artefact):
    scores, (first, second) = make_artefact(), [make_policy_artefact(horizon_days=14) for _ in range(2)]
    for directory in (scores, first, second):
        registered = await registry.register(directory)
    assert registered.sentence == (
        f"Model {second.name}: It is the challenger of {first.name}, asked in its shadow;"
        f" 'perennial models promote {second.name}' puts it in force."
    )
    told = {model["version"]: model for model in (await client.get("/v1/models")).json()["models"]}
    assert (told[first.name]["kind"], told[first.name]["horizon_days"]) == ("policy", 14)
    assert (told[first.name]["readable"], told[first.name]["metrics"]["decisions"]) == (True, 500)
    promoted = await client.post(f"/v1/models/{second.name}:promote")
    assert promoted.json() == {"champion": second.name, "replaced": first.name}
    assert (await client.post("/v1/models:rollback")).status_code == 409
    back = await client.post("/v1/models:rollback", json={"kind": "policy"})
    assert back.json() == {"champion": first.name, "replaced": second.name}
    assert await registry.states() == {scores.name: "champion", first.name: "champion", second.name: "retired"}


async def test_a_running_service_swaps_its_policy(serve, registry, make_policy_artefact, wait_until, sql):
    first, second = make_policy_artefact(), make_policy_artefact(first_order_coupon=2.0)
    async with serve() as service:
        held = service.resources.of(Models)

        async def is_held(directory):
            return held.policy_champion is not None and held.policy_champion.version == directory.name

        assert held.held.models == (None,) * 8
        await registry.register(first)
        await wait_until(partial(is_held, first))
        await registry.register(second)
        await service.resources.refresh()
        assert (held.policy_champion.version, held.policy_challenger.version) == (first.name, second.name)
        checks = (await service.client.get("/health")).json()["checks"]
        assert checks["decisions:policy"][0]["observedValue"] == first.name
        metrics = (await service.client.get("/metrics")).text
        assert f'perennial_policy_info{{version="{first.name}"}} 1' in metrics
        assert re.search(r"^perennial_policy_age_seconds [0-9.e+]+$", metrics, re.MULTILINE)
        await sql.rows("UPDATE models SET tables = set_byte(tables, 90, get_byte(tables, 90) # 4)")
        await sql.rows("UPDATE models SET state = 'retired' WHERE version = :v", v=first.name)
        await sql.rows("UPDATE models SET state = 'champion' WHERE version = :v", v=second.name)

        async def is_refused():
            return held.policy_refusal

        assert second.name in await wait_until(is_refused)
        assert held.policy_champion.version == first.name
        checks = (await service.client.get("/health")).json()["checks"]
        assert checks["decisions:policy"][0]["status"] == "warn"


async def test_a_process_of_before_refuses_what_it_does_not_know_and_keeps_on(
    serve, registry, make_artefact, make_policy_artefact, monkeypatch
):
    scores, better, policy = make_artefact(), make_artefact(), make_policy_artefact()
    await registry.register(scores)
    async with serve() as service:
        held = service.resources.of(Models)
        await registry.register(policy)
        await registry.register(better)
        await registry.promote(better.name)
        known = {name: kind for name, kind in kinds.KINDS.items() if name != "policy"}
        monkeypatch.setattr("app.models.service.KINDS", known)
        await service.resources.refresh()
        assert held.champion.version == better.name
        assert held.policy_champion is None
        assert "its kind is none of score, recommend, sentiment." in held.policy_refusal
