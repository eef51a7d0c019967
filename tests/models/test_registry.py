"""Models registered, promoted and rolled back, on a real Postgres."""

import json
import shutil

import pytest
from sqlalchemy.exc import IntegrityError

from app.foundation.errors import NotFound, NotPromotable, Refusal
from app.lifecycle.definitions import FEATURE_DIGESTS, digest_together
from app.models.artefact import canonical_manifest
from app.models.queries import Became
from app.models.service import find_predecessor


async def test_the_first_model_serves_at_once(registry, make_artefact):
    directory = make_artefact()
    registered = await registry.register(directory)
    assert registered[:2] == (directory.name, "champion")
    assert registered.sentence == f"Model {directory.name}: It is the first one and serves at once."


async def test_what_the_registry_keeps_of_a_model(registry, make_artefact, sql):
    directory = make_artefact(horizon_days=60)
    await registry.register(directory)
    row = await sql.row("SELECT * FROM models")
    manifest = json.loads((directory / "manifest.json").read_text())
    assert row["manifest"] == (directory / "manifest.json").read_bytes()
    assert row["tables"] == (directory / "tables.npz").read_bytes()
    assert row["card"] == f"# {directory.name}\n"
    assert (row["horizon_days"], row["is_simulated"], row["metrics"]) == (60, False, manifest["metrics"])
    assert row["feature_digest"] == digest_together(FEATURE_DIGESTS)
    assert row["data_until_us"] - row["data_from_us"] == 700 * 86_400_000_000


async def test_the_next_is_a_challenger_and_the_challenger_before_it_retires(registry, make_artefact):
    first, second, third = (make_artefact() for _ in range(3))
    for directory in (first, second, third):
        registered = await registry.register(directory)
    assert registered.state == "challenger"
    assert f"perennial models promote {third.name}" in registered.sentence
    assert await registry.states() == {first.name: "champion", second.name: "retired", third.name: "challenger"}


async def test_a_model_of_real_events_takes_the_place_of_the_demo_shops(registry, make_artefact):
    demo, rival, real = make_artefact(simulated=True), make_artefact(simulated=True), make_artefact()
    await registry.register(demo)
    assert (await registry.register(rival)).state == "challenger"
    registered = await registry.register(real)
    assert registered.state == "champion"
    assert demo.name in registered.sentence
    assert await registry.states() == {demo.name: "retired", rival.name: "retired", real.name: "champion"}


async def test_a_demo_model_does_not_take_the_place_of_a_real_one(registry, make_artefact):
    await registry.register(make_artefact())
    assert (await registry.register(make_artefact(simulated=True))).state == "challenger"


async def test_a_champion_that_cannot_be_read_any_more_gives_way(registry, make_artefact, sql):
    old, new = make_artefact(), make_artefact()
    await registry.register(old)
    await sql.rows("UPDATE models SET tables = substring(tables FROM 1 FOR 100)")
    registered = await registry.register(new)
    assert registered.state == "champion"
    assert "cannot read" in registered.sentence


async def test_registering_again_changes_nothing_but_mends_the_bytes(registry, make_artefact, sql):
    first, second = make_artefact(), make_artefact()
    await registry.register(first)
    await registry.register(second)
    await sql.rows("UPDATE models SET tables = 'x', card = NULL WHERE version = :version", version=first.name)
    again = await registry.register(first)
    assert (again.state, "already" in again.sentence) == ("champion", True)
    assert await registry.states() == {first.name: "champion", second.name: "challenger"}
    row = await sql.row("SELECT tables, card FROM models WHERE version = :version", version=first.name)
    assert row == {"tables": (first / "tables.npz").read_bytes(), "card": f"# {first.name}\n"}
    assert await sql.value("SELECT count(*) FROM model_changes") == 2


async def test_another_model_of_the_same_version_is_refused(registry, make_artefact, sql):
    directory = make_artefact()
    await registry.register(directory)
    await sql.rows("UPDATE models SET sha256 = 'another'")
    with pytest.raises(Refusal, match="Another model"):
        await registry.register(directory)


def of_other_features(directory):
    """The manifest of a model to which `orders` meant something else."""
    manifest = json.loads((directory / "manifest.json").read_bytes())
    digests = {name: FEATURE_DIGESTS[name] for name in manifest["features"]} | {"orders": "x"}
    return canonical_manifest(manifest | {"feature_digests": digests, "feature_digest": digest_together(digests)})


@pytest.mark.parametrize("name", ["manifest.json", "tables.npz", "model.joblib", "card.md"])
async def test_an_artefact_that_was_cut_is_not_registered(registry, make_artefact, tmp_path, sql, name):
    directory = make_artefact(into=tmp_path)
    content = (directory / name).read_bytes()
    (directory / name).write_bytes(content[:-1])
    with pytest.raises(Refusal, match="refused"):
        await registry.register(directory)
    (directory / name).unlink()
    with pytest.raises(Refusal, match="refused"):
        await registry.register(directory)
    assert await sql.value("SELECT count(*) FROM models") == 0


async def test_an_artefact_under_another_name_is_not_registered(registry, make_artefact, tmp_path):
    shutil.copytree(make_artefact(), tmp_path / "renamed")
    with pytest.raises(Refusal, match="another version"):
        await registry.register(tmp_path / "renamed")


async def test_a_promotion_changes_places_and_is_written_down(registry, make_artefact, sql):
    old, new = make_artefact(), make_artefact()
    await registry.register(old)
    await registry.register(new)
    assert await registry.promote(new.name, "it is better") == (new.name, old.name)
    assert await registry.states() == {old.name: "retired", new.name: "champion"}
    changes = await sql.rows("SELECT version, was, state, act, made_by, reason FROM model_changes ORDER BY change_id")
    assert [tuple(change.values()) for change in changes[2:]] == [
        (old.name, "champion", "retired", "replaced", "tests", f"{new.name} took its place."),
        (new.name, "challenger", "champion", "promoted", "tests", "it is better"),
    ]


async def test_what_cannot_be_promoted(registry, make_artefact, sql):
    champion, foreign, broken = (make_artefact() for _ in range(3))
    for directory in (champion, foreign, broken):
        await registry.register(directory)
    await sql.rows(
        "UPDATE models SET manifest = :manifest WHERE version = :version",
        manifest=of_other_features(foreign),
        version=foreign.name,
    )
    await sql.rows(
        "UPDATE models SET tables = set_byte(tables, 40, get_byte(tables, 40) # 1) WHERE version = :version",
        version=broken.name,
    )
    with pytest.raises(NotFound, match="no such model"):
        await registry.promote("none-such")
    for directory, why in (
        (champion, "already"),
        (foreign, "another definition of the feature orders"),
        (broken, "digest"),
    ):
        with pytest.raises(NotPromotable, match=why):
            await registry.promote(directory.name)
    states = await registry.states()
    assert states[champion.name] == "champion"
    assert list(states.values()).count("champion") == 1


async def test_two_promotions_at_once_leave_one_champion(registry, make_artefact, sql):
    directories = [make_artefact() for _ in range(3)]
    for directory in directories:
        await registry.register(directory)
    _, second, third = (directory.name for directory in directories)
    answers = await registry.at_once(*(registry.promote(version) for version in (second, third, second, third)))
    assert all(isinstance(answer, NotPromotable | tuple) for answer in answers)
    states = await registry.states()
    assert sorted(states.values()) == ["champion", "retired", "retired"]
    last = await sql.row("SELECT version FROM model_changes WHERE state = 'champion' ORDER BY change_id DESC LIMIT 1")
    assert states[last["version"]] == "champion"


async def test_the_same_promotion_twice_at_once_is_made_once(registry, make_artefact):
    old, new = make_artefact(), make_artefact()
    await registry.register(old)
    await registry.register(new)
    answers = await registry.at_once(*(registry.promote(new.name) for _ in range(4)))
    assert [type(answer) for answer in answers].count(NotPromotable) == 3


async def test_the_database_knows_one_champion_only(registry, make_artefact, sql):
    await registry.register(make_artefact())
    await registry.register(make_artefact())
    with pytest.raises(IntegrityError):
        await sql.rows("UPDATE models SET state = 'champion'")


async def test_a_rollback_goes_back_and_further_back(registry, make_artefact, sql):
    first, second, third = (make_artefact() for _ in range(3))
    for directory in (first, second, third):
        await registry.register(directory)
        if directory is not first:
            await registry.promote(directory.name)
    assert await registry.rollback("it warns of everybody") == (second.name, third.name)
    assert await registry.rollback() == (first.name, second.name)
    with pytest.raises(NotPromotable, match="no model before"):
        await registry.rollback()
    told = await sql.row("SELECT act, reason FROM model_changes WHERE reason LIKE 'it warns%'")
    assert told == {"act": "rolled_back", "reason": "it warns of everybody"}
    await registry.promote(third.name)
    assert await registry.rollback() == (first.name, third.name)


async def test_a_rollback_to_what_cannot_be_read_is_refused(registry, make_artefact, sql):
    old, new = make_artefact(), make_artefact()
    await registry.register(old)
    await registry.register(new)
    await registry.promote(new.name)
    await sql.rows("UPDATE models SET tables = '' WHERE version = :version", version=old.name)
    with pytest.raises(NotPromotable, match="digest"):
        await registry.rollback()
    assert (await registry.states())[new.name] == "champion"


@pytest.mark.parametrize(
    ("acts", "before"),
    [
        ([], None),
        (["a"], None),
        (["a", "b"], "a"),
        (["a", "b", "c", "<b"], "a"),
        (["a", "b", "c", "<b", "<a"], None),
        (["a", "b", "c", "a"], "c"),
        (["a", "b", "<a", "c"], "a"),
        (["a", "b", "c", "<b", "d", "<b"], "a"),
    ],
)
def test_who_was_before(acts, before):
    reigns = [Became(act.strip("<"), "rolled_back" if act.startswith("<") else "promoted") for act in acts]
    assert find_predecessor(reigns) == before
