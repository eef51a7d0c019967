"""Clocks as plain arrays among those of an artefact: what it keeps, and the server reads."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.clocks.clock import KINDS, TERMS, ClockTables
from app.lifecycle.clocks.demand import DemandTables
from app.lifecycle.clocks.renewal import Renewal

Arrays = Mapping[str, NDArray[Any]]
PREFIX: Final = "clocks."
DEMAND: Final = "demand."
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


def pack_demand(learned: Mapping[int, DemandTables]) -> dict[str, NDArray[Any]]:
    """What a shop's own past says of forecasts, by days ahead, as plain arrays."""
    return {
        f"{DEMAND}{ahead}.{field.name}": np.array(getattr(tables, field.name), np.float64)
        for ahead, tables in learned.items()
        for field in fields(DemandTables)
    }


def unpack_demand(arrays: Arrays) -> dict[int, DemandTables]:
    """By days ahead; empty where there is none among them.

    Raises ValueError where they do not fit together or hold what is no number, KeyError where one is missing.
    """
    horizons = sorted({int(name.split(".")[1]) for name in arrays if name.startswith(DEMAND)})
    return {ahead: _read_demand(arrays, ahead) for ahead in horizons}


def _read_demand(arrays: Arrays, ahead: int) -> DemandTables:
    columns = {field.name: arrays[f"{DEMAND}{ahead}.{field.name}"] for field in fields(DemandTables)}
    paces, weights, *reach = (columns[name] for name in ("paces", "weights", "purchases", "low", "high"))
    if any(each.ndim != 1 or not np.isfinite(each).all() for each in columns.values()):
        raise ValueError("forecasts of units that are no numbers")
    if ahead < 1 or len(weights) != len(paces) + 1 or len({len(each) for each in reach}) != 1 or len(reach[0]) < 2:
        raise ValueError("forecasts of units whose parts do not fit")
    if any((np.diff(each) <= 0).any() for each in (paces, reach[0])) or ((weights < 0) | (weights > 1)).any():
        raise ValueError("forecasts of units that are none")
    return DemandTables(**{name: tuple(each.tolist()) for name, each in columns.items()})


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
