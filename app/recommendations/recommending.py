"""From a request to its answer: what is read, what is recommended, and what is kept of it."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Sequence
from typing import Any, Final

import orjson

from app.foundation.errors import NotReady
from app.foundation.logs import log
from app.http.resources import Resources
from app.lifecycle.identifiers import BASKET
from app.recommendations.everybody import Listed, is_everybodys
from app.recommendations.held import Recommendations
from app.recommendations.histories import History, OfWhom
from app.recommendations.keeping import NOBODY, Given
from app.recommendations.merchant_rules import Scenario
from app.recommendations.offers.giving import Told, receipt_in_force
from app.recommendations.offers.offering import offer_items, render_offer
from app.recommendations.rendering import render
from app.recommendations.service import Recommended, probabilities_of, recommend
from app.recommendations.shadowing import Shadow
from app.recommendations.wanted import Wanted

ITEMS_OF_AN_ACTION: Final = 5


def new_recommendation_id(now_us: int) -> str:
    """32 hexadecimal digits that ascend with the time, so that a customer's latest ones are the last by key."""
    return f"{now_us:014x}{secrets.token_hex(9)}"


def recommendation_id_of(occurred_us: int, *event: str) -> str:
    """The same for the same event, however often it is sent; in the same order as all others."""
    name = "\x1f".join(event).encode()
    return f"{max(occurred_us, 0):014x}{hashlib.blake2b(name, digest_size=9, person=b'recommendation').hexdigest()}"


async def answer(resources: Resources, wanted: Wanted, customer_id: str | None) -> bytes:
    """The answer, JSON. Raises NotReady where the customer cannot be read.

    It waits for its being kept as long as a page may wait, and no longer: one that is not kept has no id.
    """
    now_us = time.time_ns() // 1000
    listed = await _recommend(resources, wanted, customer_id, now_us)
    return await _answer(resources, listed, customer_id, new_recommendation_id(now_us), now_us)


async def answer_in_time(
    resources: Resources, wanted: Wanted, customer_id: str | None, recommendation_id: str, due_s: float
) -> bytes | None:
    """The answer, JSON, by a time of the monotonic clock; None: it could not be made by then, for whatever reason.

    For whoever has something else to tell that must not wait, nor fail.
    """
    now_us = time.time_ns() // 1000
    try:
        async with asyncio.timeout_at(due_s):
            listed = await _recommend(resources, wanted, customer_id, now_us)
            return await _answer(resources, listed, customer_id, recommendation_id, now_us)
    except (TimeoutError, NotReady):
        return None
    except Exception as error:  # noqa: BLE001 - a sale does not fail for what is recommended beside it
        log.defect("recommendation.failed", error)
        return None


async def suggest(
    resources: Resources, scenario: Scenario, customer_id: str, whose: tuple[str, str], decided_us: int, due_s: float
) -> bytes | None:
    """The items of an action of a decision, for `app.decisions`: the same id for the same decision and action."""
    wanted = Wanted(scenario, ITEMS_OF_AN_ACTION)
    known = None if customer_id.startswith(BASKET) else customer_id
    return await answer_in_time(resources, wanted, known, recommendation_id_of(decided_us, *whose), due_s)


async def _recommend(resources: Resources, wanted: Wanted, customer_id: str | None, now_us: int) -> Listed:
    held = resources.of(Recommendations)
    history: History | None = None
    if customer_id is not None:
        is_whole = wanted.scenario != "popular" or wanted.offers
        history = await held.histories.submit(OfWhom(customer_id, is_whole, wanted.scenario == "discover"))
    assortment = held.assortment()
    if is_everybodys(wanted, history):
        return held.everybody.list_items(wanted, held.rules, now_us)
    return Listed(recommend(wanted, history, assortment, held.rules, now_us))


async def _answer(
    resources: Resources, listed: Listed, customer_id: str | None, recommendation_id: str, now_us: int
) -> bytes:
    told = listed.told
    offers = await _offer(resources, told, now_us) if told.asked.wanted.offers else None
    on_the_wire = None if offers is None else [render_offer(offer, resources.settings.digits) for offer in offers]
    rendered: dict[str, Any] = {"recommendation_id": None, **render(told, customer_id, on_the_wire, listed.items)}
    given = given_of(told, customer_id, recommendation_id, now_us, offers)
    held = resources.of(Recommendations)
    if given.item_ids and await _keep(held, given):
        rendered["recommendation_id"] = recommendation_id
        resources.of(Shadow).note(told, held.rules, given)
    return orjson.dumps(rendered)


async def _offer(resources: Resources, told: Recommended, now_us: int) -> list[Told] | None:
    """None: they could not be kept in time, and an offer that is not kept is none."""
    held = resources.of(Recommendations)
    try:
        async with asyncio.timeout(held.keep_patience_s):
            return await offer_items(resources, told.asked.history, told.item_ids(), held.rules, now_us)
    except (TimeoutError, NotReady):
        return None


async def _keep(held: Recommendations, given: Given) -> bool:
    try:
        async with asyncio.timeout(held.keep_patience_s):
            return await held.keeping.submit(given)
    except (TimeoutError, NotReady):
        return False


def given_of(
    told: Recommended, customer_id: str | None, recommendation_id: str, now_us: int, offers: Sequence[Told] | None
) -> Given:
    """What is kept of a recommendation."""
    asked, model = told.asked, told.asked.assortment.model
    return Given(
        customer_id or NOBODY,
        recommendation_id,
        asked.wanted.scenario,
        now_us,
        told.item_ids(),
        None if model is None else model.version,
        asked.wanted.store,
        probabilities_of(told),
        None if offers is None else [receipt_in_force(offer) for offer in offers],
    )
