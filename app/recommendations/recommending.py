"""From a request to its answer: what is read, what is recommended, and what is kept of it."""

import asyncio
import secrets
import time
from typing import Any

import orjson

from app.foundation.errors import NotReady
from app.http.resources import Resources
from app.recommendations.held import Recommendations
from app.recommendations.histories import History
from app.recommendations.keeping import NOBODY, Given
from app.recommendations.rendering import render
from app.recommendations.service import Recommended, recommend
from app.recommendations.wanted import Wanted


def new_recommendation_id(now_us: int) -> str:
    """32 hexadecimal digits that ascend with the time, so that a customer's latest ones are the last by key."""
    return f"{now_us:014x}{secrets.token_hex(9)}"


async def answer(resources: Resources, wanted: Wanted, customer_id: str | None) -> bytes:
    """The answer, JSON. Raises NotReady where the customer cannot be read.

    It waits for its being kept as long as a page may wait, and no longer: one that is not kept has no id.
    """
    held = resources.of(Recommendations)
    history: History | None = None
    if customer_id is not None:
        history = await held.histories.submit(customer_id)
    now_us = time.time_ns() // 1000
    told = recommend(wanted, history, held.assortment(), held.rules, now_us)
    rendered: dict[str, Any] = {"recommendation_id": None, **render(told, customer_id)}
    if told.chosen:
        rendered["recommendation_id"] = await _keep(held, told, customer_id, now_us)
    return orjson.dumps(rendered)


async def _keep(held: Recommendations, told: Recommended, customer_id: str | None, now_us: int) -> str | None:
    given = given_of(told, customer_id, new_recommendation_id(now_us), now_us)
    try:
        async with asyncio.timeout(held.keep_patience_s):
            await held.keeping.submit(given)
    except (TimeoutError, NotReady):
        return None
    return given.recommendation_id


def given_of(told: Recommended, customer_id: str | None, recommendation_id: str, now_us: int) -> Given:
    """What is kept of a recommendation."""
    asked, model = told.asked, told.asked.assortment.model
    return Given(
        customer_id or NOBODY,
        recommendation_id,
        asked.wanted.scenario,
        now_us,
        [asked.id_of(int(told.pool.items[place])) for place in told.chosen],
        None if model is None else model.version,
        asked.wanted.store,
    )
