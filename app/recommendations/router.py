"""`GET /v1/customers/{id}/recommendations` and `POST /v1/recommendations`."""

from typing import Any, Final, get_args

from fastapi import APIRouter

from app.customers.service import read_customer_id
from app.http.auditing import name_customers
from app.http.routes import HotRequest, HotRoute, json_body, read_model, requires, schema_of
from app.ingest.intake import Intake
from app.ingest.pseudonyms import ask_for
from app.recommendations.merchant_rules import Scenario
from app.recommendations.recommending import answer
from app.recommendations.schemas import RecommendationOut
from app.recommendations.wanted import (
    ID_LENGTH,
    MOST,
    MOST_EXCLUDED,
    MOST_LEVELS,
    USUAL,
    WORD_LENGTH,
    RecommendationIn,
    Wanted,
    read_wanted,
)

router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=HotRoute)
_ANY: Final = Wanted()
_IDS: Final = rf"^[^,\x00-\x1f\x7f-\x9f]{{0,{ID_LENGTH}}}(,[^,\x00-\x1f\x7f-\x9f]{{0,{ID_LENGTH}}})*$"


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


_PARAMETERS: Final = [
    _parameter("scenario", "What it is for.", {"type": "string", "enum": list(get_args(Scenario)), "default": "home"}),
    _parameter("limit", "Items.", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}),
    _parameter(
        "exclude",
        f"Items that are not to be shown, at most {MOST_EXCLUDED}: repeat it, or part ids by commas.",
        {"type": "array", "items": {"type": "string", "pattern": _IDS}},
    ),
    _parameter(
        "category",
        "A path, its first level first: repeat it for each level.",
        {"type": "array", "items": {"type": "string", "maxLength": WORD_LENGTH}, "maxItems": MOST_LEVELS},
    ),
    _parameter("in_stock_only", "Whether what is out of stock is left out.", {"type": "boolean", "default": True}),
    _parameter("offers", "Whether each item has its offer_depth.", {"type": "boolean", "default": False}),
    _parameter(
        "store",
        "Where it is shown: its stock, its rules, what sells there.",
        {"type": "string", "maxLength": WORD_LENGTH},
    ),
]


@router.get(
    "/customers/{customer_id:path}/recommendations",
    dependencies=[requires("read")],
    response_model=RecommendationOut,
    summary="Items for a customer: due again, new to them, or what sells",
    openapi_extra={"parameters": _PARAMETERS},
)
async def get_recommendations(request: HotRequest, customer_id: str) -> bytes:
    """Of somebody there is no event of, what sells. The same request has the same items while nothing has changed."""
    wanted = read_wanted(request.query_params) if request.scope["query_string"] else _ANY
    return await answer(request.resources, wanted, read_customer_id(customer_id, request.resources.of(Intake).rules))


@router.post(
    "/recommendations",
    dependencies=[requires("read")],
    response_model=RecommendationOut,
    summary="Items that go with a basket, or for somebody who is not known",
    openapi_extra=json_body(schema_of(RecommendationIn)),
)
async def post_recommendations(request: HotRequest) -> bytes:
    """As `GET`, with a basket, and without a customer where there is none."""
    asked = await read_model(request, RecommendationIn)
    customer_id = None if asked.customer_id is None else ask_for(asked.customer_id, request.resources.of(Intake).rules)
    name_customers(request.scope, () if customer_id is None else (customer_id,))
    return await answer(request.resources, asked.wanted(), customer_id)
