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
from app.recommendations.everybody import is_everybodys
from app.recommendations.held import Recommendations
from app.recommendations.histories import History, OfWhom
from app.recommendations.keeping import NOBODY, Given
from app.recommendations.merchant_rules import Scenario
from app.recommendations.offers.giving import Told, receipt_in_force
from app.recommendations.offers.offering import offer_items, render_offer
from app.recommendations.remembered import Answer, mark_of
from app.recommendations.rendering import render, render_items
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
    return await _answer(resources, wanted, customer_id, new_recommendation_id(now_us), now_us)


async def answer_in_time(
    resources: Resources, wanted: Wanted, customer_id: str | None, recommendation_id: str, due_s: float
) -> bytes | None:
    """The answer, JSON, by a time of the monotonic clock; None: it could not be made by then, for whatever reason.

    For whoever has something else to tell that must not wait, nor fail.
    """
    now_us = time.time_ns() // 1000
    try:
        async with asyncio.timeout_at(due_s):
            return await _answer(resources, wanted, customer_id, recommendation_id, now_us)
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


async def _answer(
    resources: Resources, wanted: Wanted, customer_id: str | None, recommendation_id: str, now_us: int
) -> bytes:
    held = resources.of(Recommendations)
    history: History | None = None
    if customer_id is not None:
        is_whole = wanted.scenario != "popular" or wanted.offers
        history = await held.histories.submit(OfWhom(customer_id, is_whole, wanted.scenario == "discover"))
    rules, told = held.rules, None
    if wanted.offers:
        told = recommend(wanted, history, held.assortment(), rules, now_us)
        made = await _make_with_offers(resources, told, customer_id, now_us)
    else:
        made, told = _find_or_make(held, wanted, customer_id, history, now_us)
    given = made.given._replace(recommendation_id=recommendation_id, given_us=now_us)
    if not given.item_ids or not await _keep(held, given):
        return orjson.dumps({"recommendation_id": None, **made.told})
    if told is not None:
        resources.of(Shadow).note(told, rules, given)
    return orjson.dumps({"recommendation_id": recommendation_id, **made.told})


def _find_or_make(
    held: Recommendations, wanted: Wanted, customer_id: str | None, history: History | None, now_us: int
) -> tuple[Answer, Recommended | None]:
    """The answer, and what it was made from; None: it had been made before."""
    assortment, rules = held.assortment(), held.rules
    if is_everybodys(wanted, history):
        listed = held.everybody.list_items(wanted, rules, now_us)
        return _describe(listed.told, customer_id, listed.items), listed.told
    mark = mark_of(history)
    if (answer := held.remembered.find(customer_id, wanted, mark, rules, now_us)) is not None:
        return answer, None
    told = recommend(wanted, history, assortment, rules, now_us)
    items, until_us = render_items(told)
    answer = _describe(told, customer_id, orjson.Fragment(written := orjson.dumps(items)))
    held.remembered.hold(customer_id, wanted, mark, rules, answer, len(written), (now_us, until_us))
    return answer, told


def _describe(told: Recommended, customer_id: str | None, items: Any) -> Answer:
    return Answer(render(told, customer_id, items=items), given_of(told, customer_id, "", 0, None))


async def _make_with_offers(resources: Resources, told: Recommended, customer_id: str | None, now_us: int) -> Answer:
    """Of now alone: it is in force for a while, and told of one customer."""
    offers = await _offer(resources, told, now_us)
    on_the_wire = None if offers is None else [render_offer(offer, resources.settings.digits) for offer in offers]
    return Answer(render(told, customer_id, on_the_wire), given_of(told, customer_id, "", now_us, offers))


async def _offer(resources: Resources, told: Recommended, now_us: int) -> list[Told] | None:
    """None: they could not be kept in time, and an offer that is not kept is none."""
    held = resources.of(Recommendations)
    try:
        async with asyncio.timeout(held.keep_patience_s):
            asked = told.asked
            return await offer_items(resources, asked.history, told.item_ids(), held.rules, now_us, asked.wanted.buyer)
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
