"""Writing the artefact of recommendations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.clocks import packing as clock_packing
from app.lifecycle.clocks.clock import ClockTables
from app.lifecycle.clocks.demand import DemandTables
from app.lifecycle.ranking.packing import pack, pack_popular
from app.lifecycle.ranking.ranker import ItemRanker
from app.lifecycle.ranking.signals import SIGNALS
from app.models.item_artefact import DEFINITION, IDS
from ml.training.artefact import write_arrays

_LIBRARIES: Final = ("scikit-learn", "numpy", "scipy", "duckdb")


@dataclass(frozen=True, slots=True)
class ItemParts:
    """What is packed, as `ItemModel` has it: `item_ids` in the order of the ranker's, `popular` places of them."""

    ranker: ItemRanker
    item_ids: Sequence[str]
    clocks: ClockTables | None = None
    popular: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    demand: Mapping[int, DemandTables] = field(default_factory=dict)


def write_item_artefact(
    models_directory: Path, made_at: datetime, parts: ItemParts, members: Mapping[str, Any]
) -> Path:
    """Writes `<models>/<version>/`; the directory. Of the same arrays the same digest.

    `members` of the manifest: training.data_from, training.data_until, data.simulated and what else is worth telling.
    An id holds no zero byte: events do not.
    """
    ids = np.frombuffer("\0".join(parts.item_ids).encode(), np.uint8)
    arrays = pack(parts.ranker) | pack_popular(parts.popular) | {IDS: ids}
    arrays |= clock_packing.pack_demand(parts.demand)
    if parts.clocks is not None:
        arrays |= clock_packing.pack(parts.clocks)
    told = {**members, "signals": list(SIGNALS)}
    return write_arrays(models_directory, made_at, DEFINITION, arrays, told, _LIBRARIES)
