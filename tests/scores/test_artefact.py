"""The artefact as the server reads it: whole and its own, or refused."""

import json
import random
import shutil
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest

import app.scores.artefact
from app.lifecycle.features import FEATURES
from app.lifecycle.scorer import StepTables
from app.scores.artefact import (
    ArtefactRefused,
    canonical_manifest,
    current_model,
    latest_version,
    load_model,
)
from ml.additive import AdditiveModel
from ml.artefact import put_in_force, write_artefact

MADE_AT = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
MEMBERS = {
    "horizon_days": 90,
    "population": {"rhythm_days": 31.5},
    "training": {"data_until": "2026-11-21T00:00:00+00:00"},
    "data": {"source": "顾客", "simulated": False},
    "metrics": {"auc": 0.8},
}


def make_tables(seed=0):
    """Edges for all features but the first, which has no say."""
    rng = np.random.default_rng(seed)
    edges = (np.empty(0), *(np.sort(rng.normal(size=rng.integers(1, 9))) for _ in FEATURES[1:]))
    steps = (np.zeros(2), *(rng.normal(size=len(edge) + 2) for edge in edges[1:]))
    return StepTables(-0.25, edges, steps)


def write(models, tables=None, made_at=MADE_AT, **members):
    tables = tables or make_tables()
    model = AdditiveModel((), None, tables.edges, 1, tables)
    return write_artefact(models, "churn", made_at, model, MEMBERS | members)


@pytest.fixture
def directory(tmp_path):
    return write(tmp_path)


def rewrite(directory, **members):
    """The manifest with other members, its own digest right again."""
    path = directory / "manifest.json"
    path.write_bytes(canonical_manifest(json.loads(path.read_bytes()) | members))


def test_what_is_written_is_read(directory):
    model = load_model(directory)
    tables = make_tables()
    features = np.random.default_rng(1).normal(size=(50, len(FEATURES)))
    assert np.array_equal(model.churn.terms(features), tables.terms(features))
    assert model.churn.intercept == tables.intercept
    assert (model.version, model.horizon_days, model.rhythm_days) == (directory.name, 90, 31.5)
    assert (model.trained_at, model.simulated) == (MADE_AT, False)
    assert model.data_until == datetime(2026, 11, 21, tzinfo=UTC)
    assert model.manifest["metrics"] == {"auc": 0.8}


def test_versions_sort_by_time_and_tell_tables_apart(tmp_path):
    first = write(tmp_path)
    other = write(tmp_path, make_tables(1))
    later = write(tmp_path, made_at=MADE_AT.replace(minute=16))
    assert first.name.startswith("churn-20261122T101500-")
    assert len(first.name) == len("churn-20261122T101500-1a2b3c4d")
    assert first.name != other.name
    assert max(first.name, other.name) < later.name
    assert write(tmp_path) == first


def test_a_single_changed_byte_anywhere_is_refused(directory):
    """400 copies, one byte of one file other than it was."""
    rng = random.Random(20)
    files = sorted(directory.iterdir())
    assert [file.name for file in files] == ["manifest.json", "model.joblib", "tables.npz"]
    for turn in range(400):
        file = files[turn % len(files)]
        whole = file.read_bytes()
        at = rng.randrange(len(whole))
        file.write_bytes(whole[:at] + bytes([whole[at] ^ rng.randrange(1, 256)]) + whole[at + 1 :])
        with pytest.raises(ArtefactRefused, match=directory.name):
            load_model(directory)
        file.write_bytes(whole)
    load_model(directory)


@pytest.mark.parametrize("name", ["manifest.json", "model.joblib", "tables.npz"])
def test_a_cut_or_missing_file_is_refused(directory, name):
    file = directory / name
    whole = file.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ArtefactRefused):
            load_model(directory)
    file.write_bytes(whole + b" ")
    with pytest.raises(ArtefactRefused):
        load_model(directory)
    file.unlink()
    with pytest.raises(ArtefactRefused):
        load_model(directory)


def test_no_directory_is_refused(tmp_path):
    with pytest.raises(ArtefactRefused, match="the manifest cannot be read"):
        load_model(tmp_path / "churn-none")


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"feature_digest": "0" * 64}, "features of another definition"),
        ({"format": 2}, "its format is not 1"),
        ({"version": "churn-20200101T000000-00000000"}, "the manifest is of another version"),
        ({"files": {}}, "names no tables"),
        ({"files": []}, "names no tables"),
        ({"horizon_days": "soon"}, "does not fit"),
        ({"population": None}, "does not fit"),
        ({"created_at": "yesterday"}, "does not fit"),
    ],
)
def test_a_foreign_manifest_is_refused(directory, members, sentence):
    rewrite(directory, **members)
    with pytest.raises(ArtefactRefused, match=sentence):
        load_model(directory)


def test_features_of_another_definition_are_refused(directory, monkeypatch):
    """The artefact is the same, the program's features are not."""
    monkeypatch.setattr(app.scores.artefact, "feature_digest", lambda: "f" * 64)
    with pytest.raises(ArtefactRefused, match="features of another definition"):
        load_model(directory)


BAD_TABLES = {
    "a feature too few": StepTables(0.0, make_tables().edges[1:], make_tables().steps[1:]),
    "edges that fall": StepTables(
        0.0,
        (np.array([2.0, 1.0]), *make_tables().edges[1:]),
        (np.zeros(4), *make_tables().steps[1:]),
    ),
    "an edge that is no number": StepTables(
        0.0, (np.array([np.nan]), *make_tables().edges[1:]), (np.zeros(3), *make_tables().steps[1:])
    ),
    "a step that is no number": StepTables(
        0.0, make_tables().edges, (np.array([0.0, np.inf]), *make_tables().steps[1:])
    ),
    "an intercept that is no number": StepTables(np.nan, make_tables().edges, make_tables().steps),
}


@pytest.mark.parametrize("tables", BAD_TABLES.values(), ids=BAD_TABLES)
def test_tables_that_do_not_fit_are_refused(tmp_path, tables):
    with pytest.raises(ArtefactRefused, match="does not fit"):
        load_model(write(tmp_path, tables))


def test_tables_that_are_no_archive_are_refused_though_the_digest_is_right(directory):
    content = b"PK not a zip"
    (directory / "tables.npz").write_bytes(content)
    files = json.loads((directory / "manifest.json").read_bytes())["files"]
    digest = app.scores.artefact.hashlib.sha256(content).hexdigest()
    rewrite(directory, files=files | {"tables.npz": digest})
    with pytest.raises(ArtefactRefused, match="does not fit"):
        load_model(directory)


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    """Tables with an object in them, as only a pickle could bring, are refused without reading it."""
    directory = write(tmp_path)
    with (directory / "tables.npz").open("wb") as file:
        np.savez(file, **{"churn.intercept": np.array([{"a": 1}], object)})
    content = (directory / "tables.npz").read_bytes()
    files = json.loads((directory / "manifest.json").read_bytes())["files"]
    digest = app.scores.artefact.hashlib.sha256(content).hexdigest()
    rewrite(directory, files=files | {"tables.npz": digest})
    with pytest.raises(ArtefactRefused, match="does not fit"):
        load_model(directory)


def test_the_current_one(tmp_path):
    assert latest_version(tmp_path) is None
    assert current_model(tmp_path, None) is None
    first = write(tmp_path)
    assert latest_version(tmp_path) == first.name
    held = current_model(tmp_path, None)
    assert current_model(tmp_path, held) is held
    second = write(tmp_path, make_tables(1))
    assert current_model(tmp_path, held).version == second.name
    put_in_force(tmp_path, first.name)
    assert current_model(tmp_path, None).version == first.name


def test_the_held_one_stays_while_the_current_one_is_refused(tmp_path):
    write(tmp_path)
    held = current_model(tmp_path, None)
    second = write(tmp_path, make_tables(1))
    shutil.rmtree(second)
    with pytest.raises(ArtefactRefused, match=second.name):
        current_model(tmp_path, held)
    (tmp_path / "current").write_bytes(b"\xff\xfe")
    with pytest.raises(ArtefactRefused, match="current"):
        current_model(tmp_path, held)


def test_half_written_artefacts_are_never_in_force(tmp_path, monkeypatch):
    """The disk is full after the first file: nothing is left behind, the old one stays in force."""
    first = write(tmp_path)

    def fail(path, content):
        if path.name == "manifest.json":
            raise OSError("no space left on device")
        path.write_bytes(content)

    monkeypatch.setattr("ml.artefact._write_durably", fail)
    with pytest.raises(OSError, match="no space left"):
        write(tmp_path, make_tables(1))
    assert latest_version(tmp_path) == first.name
    assert sorted(path.name for path in tmp_path.iterdir()) == [first.name, "current"]


def test_reading_an_artefact_needs_no_scikit_learn():
    program = "import sys, app.scores.artefact; print({'sklearn', 'scipy', 'joblib', 'pickle5'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


async def test_what_cannot_be_read_is_refused_and_looked_at_again(serve, sql):
    """The task that also reads keys anew lives on: else a revoked key would stay valid."""
    async with serve() as service:
        current = service.resources.settings.models_directory / "current"
        current.mkdir(parents=True)
        try:
            await service.resources._refresh()
            assert service.resources.model_refusal is not None
        finally:
            current.rmdir()
        await service.resources._refresh()
        assert service.resources.model_refusal is None
