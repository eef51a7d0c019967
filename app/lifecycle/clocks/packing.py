"""Clocks as plain arrays among those of an artefact: what it keeps, and the server reads."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.clocks.clock import KINDS, TERMS, ClockTables
from app.lifecycle.clocks.renewal import Renewal

Arrays = Mapping[str, NDArray[Any]]
PREFIX: Final = "clocks."
_IDS: Final = ("item_ids", "category_ids")


def pack(clocks: ClockTables) -> dict[str, NDArray[Any]]:
    """The clocks as plain arrays, for an .npz. An id holds no zero byte: events do not."""
    arrays: dict[str, NDArray[Any]] = {f"{PREFIX}{name}": array for name, array in clocks.arrays().items()}
    return arrays | {f"{PREFIX}{name}": _join(getattr(clocks, name)) for name in _IDS}


def unpack(arrays: Arrays) -> ClockTables | None:
    """The clocks of the arrays that `pack` makes; None where there are none among them.

    Raises ValueError where they do not fit together or hold what is no number, KeyError where one is missing.
    """
    found = {name.removeprefix(PREFIX): array for name, array in arrays.items() if name.startswith(PREFIX)}
    if not found:
        return None
    clocks = ClockTables.from_arrays(found | {name: _split(found[name]) for name in _IDS})
    rhythms = len(clocks.item_ids) + len(clocks.category_ids) + 1
    _check_renewal(clocks.items, rhythms)
    _check_renewal(clocks.visits, None)
    curves = clocks.hazards.shape
    if clocks.weights.shape != (len(TERMS),) or curves != clocks.came.shape or len(curves) != 2:
        raise ValueError("clocks whose parts do not fit")
    if curves[0] != len(KINDS) or not curves[1] or (np.diff(clocks.hazards) < 0).any():
        raise ValueError("clocks whose curves are none")
    numbers = (clocks.weights, clocks.hazards, clocks.came, [clocks.bias, clocks.least_stays, clocks.least_left])
    if not all(np.isfinite(each).all() for each in numbers):
        raise ValueError("clocks that hold what is no number")
    if not all((ids[1:] > ids[:-1]).all() for ids in (clocks.item_ids, clocks.category_ids)):
        raise ValueError("clocks of items that are not in order")
    return clocks


def _check_renewal(renewal: Renewal, rhythms: int | None) -> None:
    columns = (renewal.gap_days, renewal.stays, renewal.pack)
    if len({each.shape for each in columns}) != 1 or renewal.phases.shape != renewal.hazards.shape:
        raise ValueError("rhythms that do not fit")
    if renewal.gap_days.ndim != 1 or not renewal.phases.size or not renewal.gap_days.size:
        raise ValueError("rhythms that are none")
    if rhythms is not None and len(renewal.gap_days) != rhythms:
        raise ValueError("rhythms of other items")
    numbers = (*columns, renewal.phases, renewal.hazards, [renewal.gap_weight, renewal.stay_weight, renewal.stretch])
    if not all(np.isfinite(each).all() for each in numbers):
        raise ValueError("rhythms that are no numbers")
    if (renewal.gap_days <= 0).any() or (renewal.pack <= 0).any() or (np.diff(renewal.phases) < 0).any():
        raise ValueError("rhythms that are none")


def _join(ids: NDArray[np.str_]) -> NDArray[np.uint8]:
    """Each with a zero byte behind it: of none nothing, of one empty id a byte."""
    return np.frombuffer("".join(f"{each}\0" for each in ids.tolist()).encode(), np.uint8)


def _split(joined: NDArray[Any]) -> NDArray[np.str_]:
    return np.array(bytes(joined).decode().split("\0")[:-1], np.str_)
