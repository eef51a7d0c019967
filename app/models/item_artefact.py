"""The artefact of recommendations: a manifest, the items' ids, and the arrays of a ranker, of clocks and of what sells
where, checked; never a pickle.

Its signals are named with one digest of them all: tables of other signals are refused, whatever else fits.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.clocks import packing as clock_packing
from app.lifecycle.clocks.clock import ClockTables
from app.lifecycle.clocks.demand import DemandTables
from app.lifecycle.ranking.packing import unpack, unpack_popular
from app.lifecycle.ranking.ranker import ItemRanker
from app.lifecycle.ranking.signals import SIGNALS, VERSION
from app.models.artefact import Definition, read_directory_files

KIND: Final = "recommend"
FORMAT: Final = 1
IDS: Final = "item_ids"
SIGNALS_DIGEST: Final = hashlib.sha256(json.dumps([VERSION, *SIGNALS]).encode()).hexdigest()
"""Of the names of the signals, in their order, and of the version of what they mean."""


@dataclass(frozen=True, slots=True)
class ItemModel:
    """A loaded ranker of items. `places` are of the item ids in the ranker's arrays; `clocks` None: without rhythms."""

    version: str
    ranker: ItemRanker
    item_ids: tuple[str, ...]
    places: Mapping[str, int]
    trained_at: datetime
    data_until: datetime
    simulated: bool
    manifest: Mapping[str, Any]
    clocks: ClockTables | None = None
    popular: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    """(k,) places of items by store, those of which most will be sold there soon first: some hundred, and some of each
    category. '' is everywhere; nothing is known of a store that is not there. Empty where nothing is known of times."""
    demand: Mapping[int, DemandTables] = field(default_factory=dict)
    """What the shop's own past says of forecasts of units, by days ahead. Empty: the usual tables are taken."""

    @property
    def horizon_days(self) -> int:
        """In how many days a customer's next basket counted. Raises LookupError, TypeError or ValueError."""
        return int(self.manifest["training"]["horizon_days"])


DEFINITION: Final = Definition(KIND, (FORMAT,), "signals_digest", SIGNALS_DIGEST, "model of recommendations", "signals")
is_item_servable = DEFINITION.is_servable


def load_item_model(directory: Path) -> ItemModel:
    """`read_item_artefact` of a directory that holds every file its manifest names. Raises ArtefactRefused."""
    return read_item_artefact(directory.name, read_directory_files(directory, (FORMAT,)))


def read_item_artefact(name: str, files: Mapping[str, bytes]) -> ItemModel:
    """`Definition.read`. Raises ArtefactRefused."""
    return DEFINITION.read(name, files, _read)


def _read(manifest: Mapping[str, Any], arrays: Mapping[str, Any]) -> ItemModel:
    """Raises ValueError, TypeError or LookupError where something is not what it must be."""
    ids = bytes(arrays[IDS]).decode().split("\0")
    places = {item_id: place for place, item_id in enumerate(ids)}
    if len(places) != len(ids):
        raise ValueError("an item twice")
    return ItemModel(
        version=str(manifest["version"]),
        ranker=unpack(arrays, len(ids)),
        item_ids=tuple(ids),
        places=places,
        trained_at=datetime.fromisoformat(manifest["created_at"]),
        data_until=datetime.fromisoformat(manifest["training"]["data_until"]),
        simulated=bool(manifest["data"]["simulated"]),
        manifest=manifest,
        clocks=clock_packing.unpack(arrays),
        popular=unpack_popular(arrays, len(ids)),
        demand=clock_packing.unpack_demand(arrays),
    )
