"""What is the same for many requests, and made once."""

from dataclasses import replace

import numpy as np
import pytest

from app.items.held import Catalogue
from app.recommendations.assortment import Assortment
from tests.items.test_held import row


@pytest.fixture(scope="module")
def assortment(trained):
    """Of the grocer's items, some in packs, and two that the catalogue alone knows."""
    rows = [
        row("milk-1l", pack_of="milk", category=["food", "dairy"]),
        row("milk-2l", pack_of="milk"),
        row("milk-3l", pack_of="milk", category=["food", "dairy"]),
        row("sauce", pack_of="pasta meal"),
        row("pasta", pack_of="pasta meal"),
        row("corn", category=["food"]),
    ]
    return Assortment(trained, Catalogue().with_changes(rows, 1))


def test_packs_of_the_same_products(assortment):
    def found(*item_ids):
        numbers = np.array([assortment.at[item_id] for item_id in item_ids], np.int64)
        return sorted(assortment.ids[item] for item in assortment.packs_like(numbers).tolist())

    assert found("milk-1l") == ["milk-1l", "milk-2l", "milk-3l"]
    assert found("sauce", "tea", "milk-3l") == ["milk-1l", "milk-2l", "milk-3l", "pasta", "sauce"]
    assert found("tea", "corn") == []
    assert found() == []


def test_nothing_is_a_pack_of_what_no_catalogue_tells(trained):
    assert len(Assortment(trained, Catalogue()).packs_like(np.arange(3))) == 0


def test_rhythms_as_the_clocks_tell_them(assortment, trained):
    """However often they are asked for, in whatever company; of items beyond the assortment, too."""
    items = np.array([*range(len(assortment.ids)), len(assortment.ids)])
    leaves = [(assortment.catalogue.item(item_id).category or ("",))[-1] for item_id in assortment.ids]
    told = trained.clocks.rhythm_places(np.array([*assortment.ids, "stray"]), np.array([*leaves, ""]))
    for _ in range(2):
        for some in (items[::3], items[:-1], items[-1:], items[::-1]):
            assert assortment.rhythms_of(some, ["stray"]).tolist() == told[some].tolist()


def test_without_clocks_there_are_no_rhythms(trained):
    assert Assortment(None, Catalogue()).rhythms_of(np.arange(0), ()) is None
    assert Assortment(replace(trained, clocks=None), Catalogue()).rhythms_of(np.arange(2), ()) is None
