"""The artefact as the server reads it: whole and its own, or refused."""

import hashlib
import io
import json
import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

import app.models.artefact
from app.lifecycle import definitions
from app.lifecycle.drift import reference
from app.lifecycle.events import DAY_US
from app.lifecycle.features import FEATURES
from app.lifecycle.prospects import ProspectCard
from app.lifecycle.scorer import StepTables, combine
from app.lifecycle.targets import TARGET_NAMES
from app.lifecycle.value import ValueCurve
from app.models.artefact import (
    ArtefactRefused,
    canonical_manifest,
    load_model,
    read_artefact,
)
from ml.training.artefact import Parts, write_artefact
from tests.lifecycle.forecasts import forecast_each

MADE_AT = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
FILES = ["card.md", "manifest.json", "model.joblib", "tables.npz"]
MEMBERS = {
    "horizon_days": 90,
    "method": "additive_trees",
    "population": {"rhythm_days": 31.5},
    "training": {"data_until": "2026-11-21T00:00:00+00:00"},
    "data": {"source": "顾客", "simulated": False},
    "metrics": {"auc": 0.8},
}
CURVE = ValueCurve(np.array([500.0, 200.0, 50.0]), np.array([0.5, 0.9, 1.0]))
DRIFT = reference(np.random.default_rng(1).random((30, len(FEATURES))))


def make_tables(seed=0):
    """Edges for all features but the first, which has no say."""
    rng = np.random.default_rng(seed)
    edges = (np.empty(0), *(np.sort(rng.normal(size=rng.integers(1, 9))) for _ in FEATURES[1:]))
    steps = (np.zeros(2), *(rng.normal(size=len(edge) + 2) for edge in edges[1:]))
    return StepTables(-0.25, edges, steps)


def make_card(seed=0):
    """Each target has edges of its own."""
    tables = {target: make_tables(seed + 10 * at) for at, target in enumerate(TARGET_NAMES)}
    levels = {target: np.array([0.0, 0.1 * at]) for at, target in enumerate(TARGET_NAMES)}
    return combine(tables, np.array([20_000, 20_400]), levels)


def write(models, scorecard=None, made_at=MADE_AT, value=CURVE, prospects=None, **members):
    card = scorecard or make_card()
    parts = Parts(card, value, DRIFT, {"churn": [1, 2]}, lambda manifest: manifest["version"], prospects)
    return write_artefact(models, "churn", made_at, parts, MEMBERS | members)


@pytest.fixture
def directory(tmp_path):
    return write(tmp_path)


def test_what_is_foretold_of_prospects_comes_with_it_or_not_at_all(tmp_path, directory):
    """An artefact of before has none, and is as good as it was."""
    card = ProspectCard(90, make_tables(3), None, rate=0.03, best_share=0.4, is_learned=True)
    kept = load_model(write(tmp_path / "with", prospects=card))
    rows = np.random.default_rng(2).normal(size=(20, len(FEATURES)))
    assert kept.prospects is not None
    assert np.array_equal(kept.prospects.expect(rows), card.expect(rows))
    assert load_model(directory).prospects is None
    assert np.array_equal(kept.scorecard.links(rows, 0.0), load_model(directory).scorecard.links(rows, 0.0))


def read_files(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def rewrite(directory, **members):
    """The manifest with other members, its own digest right again."""
    path = directory / "manifest.json"
    path.write_bytes(canonical_manifest(json.loads(path.read_bytes()) | members))


def swap_tables(directory, content):
    """Other tables, of which the manifest says the digest."""
    (directory / "tables.npz").write_bytes(content)
    files = json.loads((directory / "manifest.json").read_bytes())["files"]
    rewrite(directory, files=files | {"tables.npz": hashlib.sha256(content).hexdigest()})


def test_what_is_written_is_read(directory):
    model, card = load_model(directory), make_card()
    rows = np.random.default_rng(1).normal(size=(50, len(FEATURES)))
    at_us = 20_200.5 * DAY_US
    assert forecast_each(model.scorecard, rows, at_us) == forecast_each(card, rows, at_us)
    assert (model.version, model.horizon_days, model.rhythm_days) == (directory.name, 90, 31.5)
    assert (model.trained_at, model.simulated, model.method) == (MADE_AT, False, "additive_trees")
    assert model.data_until == datetime(2026, 11, 21, tzinfo=UTC)
    assert model.manifest["metrics"] == {"auc": 0.8}
    assert (model.value.spend_minor.tolist(), model.value.share.tolist()) == ([500.0, 200.0, 50.0], [0.5, 0.9, 1.0])
    assert model.drift.keys() == DRIFT.keys()
    assert all(np.array_equal(model.drift[name], DRIFT[name]) for name in DRIFT)
    assert (directory / "card.md").read_text() == directory.name


def test_bytes_are_read_as_a_directory_is(directory):
    """The registry keeps manifest and tables; what else is there is checked, and need not be."""
    files = read_files(directory)
    whole = read_artefact(directory.name, files)
    of_two = read_artefact(directory.name, {name: files[name] for name in ("manifest.json", "tables.npz")})
    rows = np.random.default_rng(1).normal(size=(5, len(FEATURES)))
    assert forecast_each(whole.scorecard, rows, 0.0) == forecast_each(of_two.scorecard, rows, 0.0)
    for missing in ("manifest.json", "tables.npz"):
        with pytest.raises(ArtefactRefused, match=directory.name):
            read_artefact(directory.name, {name: files[name] for name in files if name != missing})
    with pytest.raises(ArtefactRefused, match="none of its files"):
        read_artefact(directory.name, {**files, "foreign.bin": b"?"})
    with pytest.raises(ArtefactRefused, match="another version"):
        read_artefact("churn-20200101T000000-00000000", files)


def test_versions_sort_by_time_and_tell_tables_apart(tmp_path):
    first = write(tmp_path)
    other = write(tmp_path, make_card(1))
    later = write(tmp_path, made_at=MADE_AT.replace(minute=16))
    assert first.name.startswith("churn-20261122T101500-")
    assert len(first.name) == len("churn-20261122T101500-1a2b3c4d")
    assert first.name != other.name
    assert max(first.name, other.name) < later.name
    assert write(tmp_path) == first


def test_a_single_changed_byte_anywhere_is_refused(directory):
    """200 copies, one random byte of one file other than it was: 200 refusals, read either way."""
    rng = random.Random(20)
    whole = read_files(directory)
    assert sorted(whole) == FILES
    for turn in range(200):
        name = FILES[turn % len(FILES)]
        at, flipped = rng.randrange(len(whole[name])), bytearray(whole[name])
        flipped[at] ^= rng.randrange(1, 256)
        (directory / name).write_bytes(flipped)
        with pytest.raises(ArtefactRefused, match=directory.name):
            load_model(directory)
        with pytest.raises(ArtefactRefused, match=directory.name):
            read_artefact(directory.name, {**whole, name: bytes(flipped)})
        (directory / name).write_bytes(whole[name])
    load_model(directory)


@pytest.mark.parametrize("name", FILES)
def test_a_cut_or_missing_file_is_refused(directory, name):
    files = read_files(directory)
    whole = files[name]
    for content in (b"", whole[:1], whole[: len(whole) // 2], whole[:-1], whole + b" "):
        (directory / name).write_bytes(content)
        with pytest.raises(ArtefactRefused):
            load_model(directory)
        with pytest.raises(ArtefactRefused):
            read_artefact(directory.name, {**files, name: content})
    (directory / name).unlink()
    with pytest.raises(ArtefactRefused):
        load_model(directory)


def test_no_directory_is_refused(tmp_path):
    with pytest.raises(ArtefactRefused, match="the manifest cannot be read"):
        load_model(tmp_path / "churn-none")


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"feature_digest": "0" * 64}, "features of another definition"),
        ({"format": 1}, "its format is none of 2, 3"),
        ({"version": "churn-20200101T000000-00000000"}, "the manifest is of another version"),
        ({"files": {}}, "names no tables"),
        ({"files": []}, "names no tables"),
        ({"horizon_days": "soon"}, "does not fit"),
        ({"horizon_days": 0}, "does not fit"),
        ({"population": None}, "does not fit"),
        ({"created_at": "yesterday"}, "does not fit"),
    ],
)
def test_a_foreign_manifest_is_refused(directory, members, sentence):
    rewrite(directory, **members)
    with pytest.raises(ArtefactRefused, match=sentence):
        load_model(directory)


def test_features_of_another_definition_are_refused(directory, monkeypatch):
    """The artefact is the same, one of the program's features is not."""
    other = {**definitions.FEATURE_DIGESTS, "visits": "f" * 16}
    monkeypatch.setattr(app.models.artefact, "FEATURE_DIGESTS", other)
    with pytest.raises(ArtefactRefused, match="another definition of the feature visits"):
        load_model(directory)


CARD = make_card()
EDGES, STEPS, MANY = CARD.edges[1:], CARD.steps[1:], len(TARGET_NAMES)
BAD_CARDS = {
    "a feature too few": replace(CARD, edges=EDGES, steps=STEPS),
    "edges that fall": replace(CARD, edges=(np.array([2.0, 1.0]), *EDGES), steps=(np.zeros((4, MANY)), *STEPS)),
    "an edge that is no number": replace(CARD, edges=(np.array([np.nan]), *EDGES), steps=(np.zeros((3, MANY)), *STEPS)),
    "a step that is no number": replace(CARD, steps=(np.full((2, MANY), np.inf), *STEPS)),
    "an intercept that is no number": replace(CARD, intercepts=(0.0, np.nan, *CARD.intercepts[2:])),
    "an intercept beyond all numbers": replace(CARD, intercepts=(0.0, 1e6, *CARD.intercepts[2:])),
    "days that fall": replace(CARD, level_days=np.array([2, 1])),
}


@pytest.mark.parametrize("card", BAD_CARDS.values(), ids=BAD_CARDS)
def test_tables_that_do_not_fit_are_refused(tmp_path, card):
    with pytest.raises(ArtefactRefused, match="does not fit"):
        load_model(write(tmp_path, card))


BAD_CURVES = {
    "of two lengths": ValueCurve(np.array([2.0, 1.0]), np.array([1.0])),
    "spend that rises": ValueCurve(np.array([1.0, 2.0]), np.array([0.5, 1.0])),
    "a share that falls": ValueCurve(np.array([2.0, 1.0]), np.array([1.0, 0.5])),
    "no number": ValueCurve(np.array([np.inf, 1.0]), np.array([0.5, 1.0])),
}


@pytest.mark.parametrize("curve", BAD_CURVES.values(), ids=BAD_CURVES)
def test_a_curve_of_value_that_is_none_is_refused(tmp_path, curve):
    with pytest.raises(ArtefactRefused, match="does not fit"):
        load_model(write(tmp_path, value=curve))


def test_tables_that_are_no_archive_are_refused_though_the_digest_is_right(directory):
    swap_tables(directory, b"PK not a zip")
    with pytest.raises(ArtefactRefused, match="does not fit"):
        load_model(directory)


def test_nothing_is_unpickled(directory):
    """Tables with an object in them, as only a pickle could bring, are refused without reading it."""
    file = io.BytesIO()
    np.savez(file, **{"churn.intercept": np.array([{"a": 1}], object)})  # type: ignore[arg-type]  # no array is named allow_pickle
    swap_tables(directory, file.getvalue())
    with pytest.raises(ArtefactRefused, match="does not fit"):
        load_model(directory)


def test_half_written_artefacts_leave_nothing_behind(tmp_path, monkeypatch):
    """The disk is full before the last file."""
    first = write(tmp_path)

    def fail(path, content):
        if path.name == "manifest.json":
            raise OSError("no space left on device")
        path.write_bytes(content)

    monkeypatch.setattr("ml.training.artefact._write_durably", fail)
    with pytest.raises(OSError, match="no space left"):
        write(tmp_path, make_card(1))
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


def test_reading_an_artefact_needs_no_scikit_learn():
    program = "import sys, app.models.artefact; print({'sklearn', 'scipy', 'joblib', 'pickle5'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
