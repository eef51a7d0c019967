"""What will be sold of an item or a category: to those who buy again, to new buyers, and by what sold of late.

Ids that were joined into one person are read as they buy, each by itself.
"""

import asyncio
from collections.abc import Sequence
from math import ceil, floor
from typing import Any, Final

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app.foundation.errors import NotFound
from app.foundation.times import iso
from app.items.held import Catalogue
from app.lifecycle.clocks.demand import COVERAGE, average_weekdays
from app.lifecycle.events import DAY_US
from app.models.item_artefact import ItemModel
from app.recommendations.demand_parts import Asked, Buyers, Demand, Sold, foretell, read_sold
from app.recommendations.demand_queries import read_buyers, read_first_event, read_sales

MOST_BUYERS: Final = 10_000
"""Buyers that are looked at, of an item or of all items of a category."""
MOST_ITEMS: Final = 400
"""Items of a category whose clocks are looked at: those that sold most."""
_FEWEST_BUYERS: Final = 25
"""Of an item of a category."""


async def answer(
    connection: AsyncConnection, asked: Asked, catalogue: Catalogue, model: ItemModel | None, now_us: int
) -> dict[str, Any]:
    """As `DemandOut` has it. Raises NotFound for what the catalogue does not know, and nobody has bought."""
    item_ids, category = _find_items(asked, catalogue)
    rows = await read_sales(connection, item_ids, category, asked.store, now_us, asked.days)
    sellers = [row for row in rows if row.item_id is not None]
    best = item_ids if asked.item_id is not None else [row.item_id for row in sellers[:MOST_ITEMS]]
    drawn = await read_buyers(connection, best, max(MOST_BUYERS // max(len(best), 1), _FEWEST_BUYERS))
    if not sellers and not len(drawn.items) and not _is_known(asked, item_ids, catalogue):
        raise NotFound("There is no such item, or no item of such a category.")
    first_us = await read_first_event(connection)
    sold = read_sold(rows, now_us, now_us if first_us is None else first_us)
    buyers = Buyers(best, {row.item_id: row.typical for row in sellers if row.typical}, drawn)
    found = await asyncio.to_thread(foretell, asked, sold, buyers, model, catalogue, now_us)
    return _render(asked, sold, found, model, now_us)


def _find_items(asked: Asked, catalogue: Catalogue) -> tuple[list[str], str | None]:
    """Ids of the catalogue, and the category of lines that are looked for."""
    if asked.item_id is not None:
        return [asked.item_id], None
    places = np.arange(1, len(catalogue.ids), dtype=np.int32)
    within = places[catalogue.are_within(places, asked.category)]
    return [catalogue.ids[place] for place in within.tolist()], asked.category[-1]


def _is_known(asked: Asked, item_ids: Sequence[str], catalogue: Catalogue) -> bool:
    return bool(item_ids) if asked.item_id is None else catalogue.item(asked.item_id).is_known


def _render(asked: Asked, sold: Sold, found: Demand, model: ItemModel | None, now_us: int) -> dict[str, Any]:
    expected = found.expected
    reason = _why_degraded(found, model)
    same_weekdays = average_weekdays(sold.told[None], np.array([found.sold_days]), asked.days)
    return {
        "item_id": asked.item_id,
        "category": list(asked.category) if asked.item_id is None else None,
        "store": asked.store,
        "days": asked.days,
        "as_of": iso(now_us),
        "until": iso(now_us + asked.days * DAY_US),
        "expected_units": round(float(expected.units[0]), 2),
        "interval": {"low": floor(expected.low[0]), "high": ceil(expected.high[0]), "coverage": COVERAGE},
        "method": "base_rate" if reason else "clocks",
        "degraded": reason is not None,
        "degraded_because": reason,
        "model_version": None if model is None or reason else model.version,
        "clocks_weight": round(float(expected.weight[0]), 4),
        "parts": {name: _round(value) for name, value in found.parts._asdict().items()},
        "compared_with": {
            "same_weekdays": round(float(same_weekdays[0]), 2),
            "weeks": max(int(found.sold_days // 7), 1),
            "last_year": _round(sold.last_year),
        },
    }


def _why_degraded(found: Demand, model: ItemModel | None) -> str | None:
    if model is None:
        return "no_model"
    if model.clocks is None:
        return "no_clocks"
    return "no_buyers" if found.parts.again is None else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
