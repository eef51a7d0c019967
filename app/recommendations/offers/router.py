"""`GET /v1/customers/{id}/offers/{item_id}` and `POST /v1/customers/{id}/offers`."""

import time
from collections.abc import Collection, Sequence
from typing import Any

import orjson
from fastapi import APIRouter

from app.customers.service import read_customer_id
from app.foundation.errors import NotFound
from app.http.paths import read_id
from app.http.resources import Resources
from app.http.routes import HotRequest, HotRoute, json_body, read_model, requires, schema_of
from app.http.strict_json import is_plain_text
from app.ingest.intake import Intake
from app.lifecycle.tact import buyer_in
from app.recommendations.held import Recommendations
from app.recommendations.histories import OfWhom
from app.recommendations.offers.offering import offer_items, render_offer
from app.recommendations.offers.schemas import ItemOfferOut, OffersIn, OffersOut

router = APIRouter(prefix="/v1/customers", tags=["offers"], route_class=HotRoute)


@router.get(
    "/{customer_id:path}/offers/{item_id:path}",
    dependencies=[requires("read")],
    response_model=ItemOfferOut,
    summary="How deep an offer of an item to a customer goes",
)
async def get_offer(request: HotRequest, customer_id: str, item_id: str) -> bytes:
    """Given at the first question, and the same for as long as it is valid. Of what is not known: depth 0, and why."""
    sought = read_id(item_id)
    if not is_plain_text(sought):
        raise NotFound("No item has such an id.")
    (offer,) = await _offer(
        request.resources, read_customer_id(customer_id, request.resources.of(Intake).rules), [sought]
    )
    return orjson.dumps(offer)


@router.post(
    "/{customer_id:path}/offers",
    dependencies=[requires("read")],
    response_model=OffersOut,
    summary="How deep offers of up to 100 items to a customer go",
    openapi_extra=json_body(schema_of(OffersIn)),
)
async def post_offers(request: HotRequest, customer_id: str) -> bytes:
    """As `GET`, of each item, in the order asked for."""
    customer_id = read_customer_id(customer_id, request.resources.of(Intake).rules)
    asked = await read_model(request, OffersIn)
    item_ids, buyer = list(dict.fromkeys(asked.items)), buyer_in(asked.context)
    offers = await _offer(request.resources, customer_id, item_ids, buyer)
    return orjson.dumps({"customer_id": customer_id, "currency": request.resources.settings.currency, "offers": offers})


async def _offer(
    resources: Resources, customer_id: str, item_ids: Sequence[str], buyer: Collection[str] = ()
) -> list[dict[str, Any]]:
    held, digits = resources.of(Recommendations), resources.settings.digits
    async with resources.patience():
        history = await held.histories.submit(OfWhom(customer_id))
        told = await offer_items(resources, history, item_ids, held.rules, time.time_ns() // 1000, buyer)
    return [{"item_id": each.item_id, **render_offer(each, digits)} for each in told]
