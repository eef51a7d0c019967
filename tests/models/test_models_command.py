"""`perennial models` and what `perennial run` asks of the registry, as processes and in process."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from app.commands.demo_shop import needs_model
from app.foundation.errors import NotPromotable
from app.models.artefact import canonical_manifest
from app.models.kinds import SCORE

(RELEASED,) = (Path(__file__).parent / "released").glob("churn-*")


def test_from_a_directory_to_the_champion_and_back(perennial, make_artefact):
    first, second = make_artefact(), make_artefact()
    assert "No model is registered" in perennial("models", "list")
    assert "serves at once" in perennial("models", "register", first)
    assert f"challenger of {first.name}" in perennial("models", "register", second)
    listed = {model["version"]: model["state"] for model in json.loads(perennial("models", "list", "--json"))}
    assert listed == {first.name: "champion", second.name: "challenger"}
    told = perennial("models", "promote", second.name, "--reason", "a try")
    assert told.startswith(f"{second.name} is in force in the place of {first.name}")
    shown = perennial("models", "show", second.name)
    assert "promoted: champion, by the command line. a try" in shown
    assert f"# {second.name}" in shown
    assert perennial("models", "rollback").startswith(f"{first.name} is in force")
    with pytest.raises(NotPromotable):
        perennial("models", "rollback")


def test_models_side_by_side(perennial, make_artefact):
    first, second = make_artefact(), make_artefact()
    for directory in (first, second):
        perennial("models", "register", directory)
    told = perennial("models", "compare", first.name, second.name)
    assert '"auc": 0.8' in told
    assert "not asked of the same customers yet" in told
    compared = json.loads(perennial("models", "compare", first.name, second.name, "--json"))
    assert compared["shadow"][0]["customers"] == 0


async def test_horizons_that_differ_leave_out_who_was_right(perennial, make_artefact, sql):
    first, second = make_artefact(), make_artefact(horizon_days=30)
    for directory in (first, second):
        await asyncio.to_thread(perennial, "models", "register", directory)
        await sql.rows(
            "INSERT INTO predictions VALUES ('C-1', :version, 1, 0.5, 1, 100, 2, 100)", version=directory.name
        )
    told = await asyncio.to_thread(perennial, "models", "compare", first.name, second.name)
    assert "Of 1 scores of the same customers" in told
    assert "Who was right is left out. One speaks of 90 days ahead, the other of 30" in told
    assert "horizon has passed" not in told


async def test_the_demo_shop_needs_a_model_until_one_is_registered(registry, engine, make_artefact, sql):
    assert not await needs_model(engine, SCORE)  # there is no demo shop
    await sql.rows("INSERT INTO imports VALUES ('demo', 1, 0, 2)")
    assert await needs_model(engine, SCORE)
    await registry.register(make_artefact(simulated=True))
    assert not await needs_model(engine, SCORE)
    await sql.rows("UPDATE models SET manifest = ''")
    assert await needs_model(engine, SCORE)


async def test_the_demo_shops_model_is_not_trained_anew_after_an_upgrade(registry, engine, sql, tmp_path):
    """It was made by the release before, which had one digest for all features."""
    directory = shutil.copytree(RELEASED, tmp_path / RELEASED.name)
    path = directory / "manifest.json"
    manifest = json.loads(path.read_bytes())
    path.write_bytes(canonical_manifest(manifest | {"data": {"source": "tests", "simulated": True}}))
    await sql.rows("INSERT INTO imports VALUES ('demo', 1, 0, 2)")
    await registry.register(directory)
    assert not await needs_model(engine, SCORE)
