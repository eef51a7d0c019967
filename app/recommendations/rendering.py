"""Recommendations on the wire."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from app.foundation.times import iso
from app.recommendations.pools import TERMS
from app.recommendations.reasons import FOR_EVER_US, Explaining
from app.recommendations.service import Recommended

_PLACES: Final = 6
Offered = Sequence[Mapping[str, Any]] | None


class Rendered(NamedTuple):
    """Items in the order shown, and from when on they would read otherwise."""

    items: list[dict[str, Any]]
    until_us: int


def render(told: Recommended, customer_id: str | None, offers: Offered = None, items: Any = None) -> dict[str, Any]:
    """The answer but for its `recommendation_id`. `offers`: of each item, on the wire; None: there are none to tell.
    `items` are what `render_items` makes, where it has been asked before."""
    if items is None:
        items = render_items(told).items
    asked, model = told.asked, told.asked.assortment.model
    return {
        "customer_id": customer_id,
        "scenario": asked.wanted.scenario,
        "store": asked.wanted.store,
        "as_of": iso(asked.as_of_us),
        "based_on": told.found.based_on,
        "model_version": None if model is None else model.version,
        "degraded": model is None,
        "degraded_because": "no_model" if model is None else None,
        "short_because": _why_short(told),
        "items": _with_offers(items, offers) if asked.wanted.offers else items,
    }


def _with_offers(items: list[dict[str, Any]], offers: Offered) -> list[dict[str, Any]]:
    each = [None] * len(items) if offers is None else offers
    return [{**item, "offer_depth": offer} for item, offer in zip(items, each, strict=True)]


def _why_short(told: Recommended) -> str | None:
    if not told.is_short:
        return None
    path = told.asked.wanted.category
    if path and not told.asked.assortment.catalogue.knows_category(path):
        return "unknown_category"
    return "no_more_items" if told.found.is_filled else "no_more_due"


def render_items(told: Recommended) -> Rendered:
    """The items, each with its terms and reasons."""
    if not told.chosen:
        return Rendered([], FOR_EVER_US)
    explaining, chosen = Explaining(told), told.chosen
    numbers, terms = told.pool.items[chosen].tolist(), told.pool.terms[chosen].round(_PLACES).tolist()
    items = [
        _render_item(told, explaining, place, number, values, rank)
        for rank, (place, number, values) in enumerate(zip(chosen, numbers, terms, strict=True), 1)
    ]
    return Rendered(items, explaining.until_us)


def _render_item(
    told: Recommended, explaining: Explaining, place: int, number: int, terms: Sequence[float], rank: int
) -> dict[str, Any]:
    assortment = told.asked.assortment
    due_us, probability = explaining.due(number) or (None, None)
    return {
        "item_id": told.asked.id_of(number),
        "rank": rank,
        "title": assortment.title(number) if number < len(assortment.ids) else _UNTITLED,
        "score": round(sum(terms), _PLACES),
        "terms": {name: value for name, value in zip(TERMS, terms, strict=True) if value},
        "due_at": None if due_us is None else iso(due_us),
        "probability": None if probability is None or probability != probability else round(probability, 4),
        "reasons": explaining.reasons(place, number),
    }


_UNTITLED: Final = {"en": None, "zh": None}
