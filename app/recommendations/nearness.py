"""Which of a customer's own items stands closest to one that is new to them, where that is more than chance."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.lifecycle.features import Floats
from app.models.item_artefact import ItemModel
from app.recommendations.assortment import Ints
from app.recommendations.companions import LEAST_TOGETHER, count_baskets, find_bonds

_OWNERS = 1
"""Among `signals.ITEM`: who has bought it, however often."""


def find_in_baskets(items: Sequence[int], own: Ints, model: ItemModel) -> Mapping[int, int]:
    """Item → own item that it is bought together with most surely."""
    bonds = find_bonds(np.array(items, np.int64), model.ranker.facts, count_baskets(model))
    return _nearest(bonds.first, bonds.second, bonds.least, own)


def find_by_owners(items: Sequence[int], own: Ints, model: ItemModel) -> Mapping[int, int]:
    """Item → own item whose buyers buy it most, of at least LEAST_TOGETHER of them."""
    facts, wanted = model.ranker.facts, np.array(items, np.int64)
    second = facts.owners.items[wanted].astype(np.int64).ravel()
    first = np.repeat(wanted, facts.owners.items.shape[1])
    alike = facts.owners.weights[wanted].ravel().astype(np.float64)
    owners = facts.signals[_OWNERS]
    both = alike * np.sqrt(owners[first] * owners[second])
    holds = both > LEAST_TOGETHER - 0.5
    return _nearest(first[holds], second[holds], alike[holds], own)


def _nearest(first: Ints, second: Ints, weights: Floats, own: Ints) -> dict[int, int]:
    """`own` ascends. Of equal ones the first by item."""
    place = np.minimum(own.searchsorted(second), len(own) - 1)
    is_own = own[place] == second
    first, second, weights = first[is_own], second[is_own], weights[is_own]
    order = np.lexsort((second, -weights, first))
    found: dict[int, int] = {}
    for item, partner in zip(first[order].tolist(), second[order].tolist(), strict=True):
        found.setdefault(item, partner)
    return found
