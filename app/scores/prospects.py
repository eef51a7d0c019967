"""Prospects: what is told of one, and the list of all, likeliest first."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from app.customers.everybody import read_vectors
from app.customers.service import read_states
from app.customers.state import CustomerState
from app.database.engine import Driver
from app.foundation.times import iso
from app.lifecycle.consents import has_consent
from app.lifecycle.features import Floats, features, features_of_one
from app.lifecycle.measures import CONTACT_CHANNELS
from app.lifecycle.prospects import ProspectCard, has_bought
from app.scores.prospect_queries import READ_PROSPECT_PERSONS, READ_PROSPECTS
from app.scores.reasons import explain_prospect
from app.scores.schemas import ProspectOrder
from app.scores.scoring import Scoring
from app.scores.service import Score

ORDERS: Final[tuple[ProspectOrder, ...]] = ("first_order", "likeness")
"""As `ProspectCard.expect` has them."""

Page = tuple[list[str], Floats]
"""Customers and their state vectors, (n, len(NUMERIC))."""


class Place(NamedTuple):
    """Where a prospect stands in the list: by probability, falling, then by id."""

    probability: float
    customer_id: str


def render_prospect(score: Score, scoring: Scoring, language: str) -> dict[str, Any] | None:
    """What is foretold of who never bought; None: they did, and gave everything back."""
    if has_bought(score.state.numbers):
        return None
    card = scoring.prospects
    told = card.forecast_one(score.row)
    (method, likeness_method), lack = card.methods, scoring.prospects_lack
    reasons, summed = _explain(card, told.first_order_terms, "first_order", score.row, scoring, language)
    likeness_reasons, likeness_sum = _explain(card, told.likeness_terms, "likeness", score.row, scoring, language)
    return {
        "first_order_probability": round(told.first_order, 6),
        "likeness": round(told.likeness, 6),
        "horizon_days": card.horizon_days,
        "reasons": reasons,
        "sum": summed,
        "likeness_reasons": likeness_reasons,
        "likeness_sum": likeness_sum,
        "method": method,
        "likeness_method": likeness_method,
        "data_sufficiency": card.data_sufficiency,
        "degraded": lack is not None,
        "degraded_because": lack,
    }


def _explain(
    card: ProspectCard, terms: Sequence[float], by: ProspectOrder, row: Sequence[float], scoring: Scoring, language: str
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Reasons and their sum; none by rule."""
    tables = card.first_order if by == "first_order" else card.likeness
    return ([], None) if tables is None else explain_prospect(row, terms, tables.intercept, scoring, language)


async def list_prospects(
    driver: Driver, scoring: Scoring, as_of_us: int, by: ProspectOrder, after: Place | None, limit: int
) -> list[Place]:
    """The first `limit` prospects after a place, likeliest first. Everybody who never bought is scored for it."""
    first: list[Place] = []
    async for customer_ids, states in _read_prospects(driver):
        first = await asyncio.to_thread(
            _merge, first, customer_ids, states, scoring.prospects, as_of_us, by, after, limit
        )
    return first


def _merge(
    first: list[Place],
    customer_ids: list[str],
    states: Floats,
    card: ProspectCard,
    as_of_us: int,
    by: ProspectOrder,
    after: Place | None,
    limit: int,
) -> list[Place]:
    """The first of those found before and of a page more, none up to the place that the page before ended with."""
    expected = card.expect(features(states, float(as_of_us)))[ORDERS.index(by)].round(6)
    if after is not None:
        told = [
            probability == after.probability and customer_id <= after.customer_id
            for probability, customer_id in zip(expected, customer_ids, strict=True)
        ]
        expected[(expected > after.probability) | np.array(told)] = -1.0
    least = max(np.partition(expected, -limit)[-limit] if len(expected) > limit else 0.0, 0.0)
    found = [Place(expected[at].item(), customer_ids[at]) for at in np.flatnonzero(expected >= least)]
    return sorted([*first, *found], key=_key)[:limit]


def _key(place: Place) -> tuple[float, str]:
    return -place.probability, place.customer_id


async def _read_prospects(driver: Driver) -> AsyncIterator[Page]:
    """Everybody who never bought: those of one id, then persons of several of whom none did."""
    after = ""
    while rows := await driver.fetch(READ_PROSPECTS, after=after):
        yield [row["customer_id"] for row in rows], read_vectors([row["numbers"] for row in rows])
        after = rows[-1]["customer_id"]
    after = ""
    while rows := await driver.fetch(READ_PROSPECT_PERSONS, after=after):
        known = await read_prospects(driver, [row["customer_id"] for row in rows])
        if known:
            yield [state.customer_id for state in known], np.array([state.numbers for state in known], np.float64)
        after = rows[-1]["customer_id"]


async def read_prospects(driver: Driver, customer_ids: Sequence[str]) -> list[CustomerState]:
    """The states, in the order asked for, of those who have not bought to this moment, and may be profiled."""
    states = await read_states(driver, customer_ids) if customer_ids else []
    known = [state for state in states if state is not None and not state.refuses_profiling]
    return [state for state in known if not has_bought(state.numbers)]


def render_listed(
    state: CustomerState, as_of_us: int, by: ProspectOrder, scoring: Scoring, language: str
) -> dict[str, Any]:
    """A prospect in the list."""
    card, row, consents = scoring.prospects, features_of_one(state.numbers, as_of_us), state.consents()
    told = card.forecast_one(row)
    terms = told.first_order_terms if by == "first_order" else told.likeness_terms
    reasons, _ = _explain(card, terms, by, row, scoring, language)
    first_us, last_us = state.number("first_event_us"), state.number("last_event_us")
    assert first_us is not None  # who has a state has an event
    assert last_us is not None
    return {
        "customer_id": state.customer_id,
        "first_order_probability": round(told.first_order, 6),
        "likeness": round(told.likeness, 6),
        "reasons": reasons,
        "first_seen_at": iso(int(first_us)),
        "last_seen_at": iso(int(last_us)),
        "channels": [channel for channel in CONTACT_CHANNELS if has_consent(channel, consents)],
    }
