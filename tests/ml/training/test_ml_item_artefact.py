"""The artefact of recommendations: written whole, read back, refused when it is not what it was."""

import json
import shutil
from datetime import UTC, datetime

import numpy as np
import pytest

from app.models.artefact import MANIFEST, TABLES, ArtefactRefused, canonical_manifest, load_model
from app.models.item_artefact import load_item_model
from ml.training.item_artefact import write_item_artefact
from tests.lifecycle.ranking.item_rankers import draw_history, draw_ranker

IDS = [f"商品-{number}" for number in range(300)]
MADE_AT = datetime(2026, 11, 26, 8, tzinfo=UTC)
MEMBERS = {
    "training": {"data_from": "2025-01-01T00:00:00+00:00", "data_until": "2026-11-26T00:00:00+00:00"},
    "data": {"source": "a test", "simulated": False},
}


@pytest.fixture
def written(tmp_path):
    return write_item_artefact(tmp_path, MADE_AT, draw_ranker(), IDS, MEMBERS)


def rewrite(directory, **members):
    """As if it had been made with another member of the manifest."""
    manifest = json.loads((directory / MANIFEST).read_bytes()) | members
    (directory / MANIFEST).write_bytes(canonical_manifest(manifest))


def test_it_is_read_back(written):
    model = load_item_model(written)
    owned, buyers = draw_history(np.array([40]))
    assert model.version == written.name
    assert written.name.startswith("recommend-20261126T080000-")
    assert model.item_ids == tuple(IDS)
    assert model.places[IDS[7]] == 7
    assert model.ranker.rank(owned, buyers, 10).items.tolist() == draw_ranker().rank(owned, buyers, 10).items.tolist()


def test_the_same_ranker_is_the_same_artefact(written, tmp_path):
    shutil.rmtree(written)
    assert write_item_artefact(tmp_path, MADE_AT, draw_ranker(), IDS, MEMBERS) == written


def test_a_changed_bit_is_refused(written):
    content = bytearray((written / TABLES).read_bytes())
    content[1000] ^= 1
    (written / TABLES).write_bytes(content)
    with pytest.raises(ArtefactRefused, match="does not match its digest"):
        load_item_model(written)


def test_other_signals_are_refused(written):
    rewrite(written, signals_digest="0" * 64)
    with pytest.raises(ArtefactRefused, match="signals of another definition"):
        load_item_model(written)


@pytest.mark.parametrize(
    ("members", "reason"), [({"kind": "churn"}, "no model of recommendations"), ({"format": 9}, "format")]
)
def test_another_kind_or_format_is_refused(written, members, reason):
    rewrite(written, **members)
    with pytest.raises(ArtefactRefused, match=reason):
        load_item_model(written)


def test_it_is_no_model_of_scores(written):
    with pytest.raises(ArtefactRefused):
        load_model(written)


def test_an_item_twice_is_refused(tmp_path):
    twice = write_item_artefact(tmp_path, MADE_AT, draw_ranker(), [*IDS[:-1], IDS[0]], MEMBERS)
    with pytest.raises(ArtefactRefused, match="an item twice"):
        load_item_model(twice)
