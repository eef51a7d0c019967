"""A ranker of items, and what sells where, as plain arrays: what an artefact keeps, and the server reads."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.ranking.facts import Facts, Neighbours
from app.lifecycle.ranking.ranker import ItemRanker
from app.lifecycle.ranking.signals import ITEM, SIGNALS
from app.lifecycle.ranking.tables import unpack_tables

Arrays = Mapping[str, NDArray[Any]]
_MODELS: Final = ("all", "new")
_NEIGHBOURS: Final = ("basket", "owners")
_POPULAR: Final = tuple(f"popular.{part}" for part in ("stores", "starts", "items"))


def pack(ranker: ItemRanker) -> dict[str, NDArray[Any]]:
    """The ranker as plain arrays, for an .npz."""
    facts = ranker.facts
    arrays: dict[str, NDArray[Any]] = {
        "facts.signals": facts.signals,
        "facts.factors": facts.factors,
        "facts.popular": facts.popular,
        "facts.rising": facts.rising,
        "facts.pulls": facts.pulls,
        "facts.gap_days": facts.gap_days,
    }
    for name, neighbours in zip(_NEIGHBOURS, (facts.basket, facts.owners), strict=True):
        arrays |= {f"facts.{name}.items": neighbours.items, f"facts.{name}.weights": neighbours.weights}
    for name, tables in zip(_MODELS, (ranker.of_all, ranker.of_new), strict=True):
        arrays |= {f"{name}.{part}": array for part, array in tables.pack().items()}
    return arrays


def unpack(arrays: Arrays, items: int) -> ItemRanker:
    """The ranker of so many items, from the arrays that `pack` makes.

    Raises ValueError where they do not fit together or hold what is no number, KeyError where one is missing.
    """
    signals, factors = (
        arrays["facts.signals"].astype(np.float64, copy=False),
        arrays["facts.factors"].astype(np.float32, copy=False),
    )
    popular, rising = (arrays[f"facts.{name}"].astype(np.int64, copy=False) for name in ("popular", "rising"))
    pulls, gap_days = (
        arrays["facts.pulls"].astype(np.float32, copy=False),
        arrays["facts.gap_days"].astype(np.float64, copy=False),
    )
    if signals.shape != (len(ITEM), items) or gap_days.shape != (items,) or factors.shape[:1] != (items,):
        raise ValueError(f"facts that are not of {items} items")
    if factors.ndim != 2 or popular.ndim != 1 or not _are_places(popular, items):
        raise ValueError("facts of items that are none")
    if rising.ndim != 1 or not _are_places(rising, items) or (np.diff(rising) <= 0).any():
        raise ValueError("facts of rising items that are none")
    if pulls.shape != (len(rising), factors.shape[1]):
        raise ValueError("facts that are not of the rising items")
    if not all(np.isfinite(column).all() for column in (signals, factors, pulls, gap_days)) or (gap_days <= 0).any():
        raise ValueError("facts that are no numbers")
    basket, owners = (_unpack_neighbours(arrays, name, items) for name in _NEIGHBOURS)
    facts = Facts(signals, basket, owners, factors, popular, rising, pulls, gap_days)
    return ItemRanker(facts, *(_unpack_model(arrays, name) for name in _MODELS))


def pack_popular(popular: Mapping[str, NDArray[np.int64]]) -> dict[str, NDArray[Any]]:
    """Places of items by store as plain arrays; of no store none. A store's id holds no zero byte."""
    if not popular:
        return {}
    stores = np.frombuffer("\0".join(popular).encode(), np.uint8)
    starts = np.cumsum([0, *map(len, popular.values())])
    return dict(zip(_POPULAR, (stores, starts, np.concatenate(list(popular.values())).astype(np.int32)), strict=True))


def unpack_popular(arrays: Arrays, items: int) -> dict[str, NDArray[np.int64]]:
    """The places of so many items, by store. Raises ValueError and KeyError as `unpack` does."""
    if not any(name in arrays for name in _POPULAR):
        return {}
    stores, starts, places = (arrays[name] for name in _POPULAR)
    names = bytes(stores).decode().split("\0")
    starts, places = starts.astype(np.int64, copy=False), places.astype(np.int64, copy=False)
    if starts.shape != (len(names) + 1,) or len(set(names)) != len(names) or places.ndim != 1:
        raise ValueError("what sells in stores that are none")
    if starts[0] != 0 or starts[-1] != len(places) or (np.diff(starts) < 0).any() or not _are_places(places, items):
        raise ValueError("what sells of items that are none")
    return dict(zip(names, np.split(places, starts[1:-1]), strict=True))


def _unpack_neighbours(arrays: Arrays, name: str, items: int) -> Neighbours:
    found = (
        arrays[f"facts.{name}.items"].astype(np.int32, copy=False),
        arrays[f"facts.{name}.weights"].astype(np.float32, copy=False),
    )
    if found[0].ndim != 2 or found[0].shape != found[1].shape or len(found[0]) != items:
        raise ValueError("neighbours that do not fit their items")
    if not _are_places(found[0], items) or not np.isfinite(found[1]).all():
        raise ValueError("neighbours of items that are none")
    return Neighbours(*found)


def _unpack_model(arrays: Arrays, name: str) -> Any:
    parts = {part.removeprefix(f"{name}."): array for part, array in arrays.items() if part.startswith(f"{name}.")}
    return unpack_tables(parts, len(SIGNALS))


def _are_places(places: NDArray[Any], items: int) -> bool:
    return not places.size or bool(places.min() >= 0 and places.max() < items)
