"""The artefact of recommendations: written whole, read back, refused when it is not what it was."""

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from app.lifecycle.clocks.clock import KINDS, TERMS, ClockTables
from app.lifecycle.clocks.demand import USUAL
from app.lifecycle.clocks.renewal import Bought, Renewal
from app.lifecycle.events import DAY_US
from app.models.artefact import MANIFEST, TABLES, ArtefactRefused, canonical_manifest, load_model
from app.models.item_artefact import load_item_model
from ml.training.item_artefact import ItemParts, write_item_artefact
from tests.lifecycle.ranking.item_rankers import draw_history, draw_ranker

IDS = [f"商品-{number}" for number in range(300)]
MADE_AT = datetime(2026, 11, 26, 8, tzinfo=UTC)
MEMBERS = {
    "training": {"data_from": "2025-01-01T00:00:00+00:00", "data_until": "2026-11-26T00:00:00+00:00"},
    "data": {"source": "a test", "simulated": False},
}


@pytest.fixture
def written(tmp_path):
    return write_item_artefact(tmp_path, MADE_AT, ItemParts(draw_ranker(), IDS), MEMBERS)


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
    assert write_item_artefact(tmp_path, MADE_AT, ItemParts(draw_ranker(), IDS), MEMBERS) == written


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


def draw_clocks():
    draw = np.random.default_rng(8)
    ids, kinds = np.array(sorted(IDS)), np.array(["", "茶", "食"])

    def renewal(rhythms):
        gaps, stays, packs = 1 + 40 * draw.random(rhythms), draw.random(rhythms), 1 + draw.random(rhythms)
        return Renewal(np.arange(4.0), np.array([0.1, 0.2, 0.4, 0.9]), gaps, stays, packs, 2.0, 3.0, 0.5)

    hazards = np.tile(np.linspace(-5, 1, 6), (len(KINDS), 1))
    weights = draw.random(len(TERMS))
    return ClockTables(ids, kinds, renewal(len(ids) + 4), renewal(3), -0.5, weights, hazards, hazards - 0.1)


POPULAR = {"": np.array([7, 3, 9]), "南京路": np.array([], np.int64), "store-2": np.array([2])}


@pytest.fixture
def whole(tmp_path):
    """With clocks, and what sells in stores."""
    return write_item_artefact(tmp_path, MADE_AT, ItemParts(draw_ranker(), IDS, draw_clocks(), POPULAR), MEMBERS)


def test_clocks_and_what_sells_are_read_back(whole):
    model, clocks = load_item_model(whole), draw_clocks()
    assert model.clocks is not None
    draw = np.random.default_rng(2)
    orders, last_us = draw.integers(1, 9, 20).astype(float), DAY_US * draw.random(20) * 99
    bought = Bought(orders, np.full(20, 9.0), np.zeros(20), last_us)
    ids, kinds = np.array([*IDS[:18], "new", "new"]), np.array([*[""] * 18, "茶", "无"])
    said = [
        each.read(bought, each.rhythm_places(ids, kinds), bought, round(100 * DAY_US)).probability.tolist()
        for each in (model.clocks, clocks)
    ]
    assert said[0] == said[1]
    assert len(set(said[0])) == 20
    assert {store: places.tolist() for store, places in model.popular.items()} == {
        store: places.tolist() for store, places in POPULAR.items()
    }


def test_without_clocks_and_stores_there_are_none(written):
    model = load_item_model(written)
    assert (model.clocks, model.popular) == (None, {})


SPOILED = {
    "clocks.items_gap_days": lambda array: array[:-1],
    "clocks.items_stays": lambda array: array * np.nan,
    "clocks.visits_phases": lambda array: array[::-1],
    "clocks.weights": lambda array: array[1:],
    "clocks.hazards": lambda array: array[:, :-1],
    "clocks.item_ids": lambda array: array[::-1],
    "popular.items": lambda array: array + 300,
    "popular.starts": lambda array: array[:-1],
    "popular.stores": lambda array: array[:1],
}


@pytest.mark.parametrize("name", SPOILED)
def test_clocks_and_stores_that_do_not_fit_are_refused(whole, name):
    """With digests that are right: as another program might have made it."""
    with np.load(whole / TABLES) as tables:
        arrays = dict(tables)
    arrays[name] = SPOILED[name](arrays[name])
    np.savez_compressed(whole / TABLES, **arrays)
    rewrite(whole, files={TABLES: hashlib.sha256((whole / TABLES).read_bytes()).hexdigest()})
    with pytest.raises(ArtefactRefused, match="its content does not fit"):
        load_item_model(whole)


def test_no_pickle_is_read(whole):
    with np.load(whole / TABLES) as tables:
        arrays = dict(tables) | {"clocks.bias": np.array([{}], object)}
    np.savez_compressed(whole / TABLES, **arrays)
    rewrite(whole, files={TABLES: hashlib.sha256((whole / TABLES).read_bytes()).hexdigest()})
    with pytest.raises(ArtefactRefused, match="its content does not fit"):
        load_item_model(whole)


def test_an_item_twice_is_refused(tmp_path):
    twice = write_item_artefact(tmp_path, MADE_AT, ItemParts(draw_ranker(), [*IDS[:-1], IDS[0]]), MEMBERS)
    with pytest.raises(ArtefactRefused, match="an item twice"):
        load_item_model(twice)


LEARNED = {7: replace(USUAL, weights=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5)), 28: USUAL}


def test_forecasts_of_units_are_read_back(tmp_path):
    made = write_item_artefact(tmp_path, MADE_AT, ItemParts(draw_ranker(), IDS, demand=LEARNED), MEMBERS)
    assert load_item_model(made).demand == LEARNED


@pytest.mark.parametrize(
    "broken",
    [
        {"weights": (0.0, 0.1)},
        {"weights": (0.0, 0.1, 0.2, 0.3, 0.4, 1.5)},
        {"low": (0.0, np.nan)},
        {"purchases": (0.0, *USUAL.purchases[:-1])},
    ],
)
def test_forecasts_of_units_that_do_not_fit_are_refused(tmp_path, broken):
    parts = ItemParts(draw_ranker(), IDS, demand={7: replace(USUAL, **broken)})
    with pytest.raises(ArtefactRefused, match="forecasts of units"):
        load_item_model(write_item_artefact(tmp_path, MADE_AT, parts, MEMBERS))


def test_a_model_of_before_has_no_forecasts_of_units(written):
    assert load_item_model(written).demand == {}
