"""`/v1/recommendations/rules`."""

import time

import orjson
from fastapi import APIRouter, Response

from app.database.engine import transaction
from app.foundation.errors import NotFound, violation
from app.http.routes import HotRequest, HotRoute, json_body, read_model, requires, schema_of
from app.http.strict_json import is_plain_text
from app.recommendations import rule_queries
from app.recommendations.held import Recommendations
from app.recommendations.merchant_rules import MerchantRule, RuleId
from app.recommendations.schemas import MerchantRuleListOut

router = APIRouter(prefix="/v1/recommendations/rules", tags=["recommendations"], route_class=HotRoute)


@router.get("", dependencies=[requires("read")], response_model=MerchantRuleListOut, summary="The merchant's rules")
async def get_rules(request: HotRequest) -> bytes:
    """All rules, in the order of their ids."""
    async with transaction(request.resources.engine) as connection:
        rules = await rule_queries.read_rules(connection)
    return orjson.dumps({"rules": [rule.model_dump(mode="json") for rule in rules]})


@router.put(
    "/{rule_id}",
    dependencies=[requires("admin")],
    response_model=MerchantRule,
    summary="Add or replace a rule",
    openapi_extra=json_body(schema_of(MerchantRule)),
)
async def put_rule(request: HotRequest, rule_id: RuleId) -> bytes:
    """In force at once here, and within seconds in other processes."""
    resources = request.resources
    rule = await read_model(request, MerchantRule)
    if rule.rule_id != rule_id:
        raise violation(("rule_id",), "It differs from the one in the path.")
    async with transaction(resources.engine) as connection:
        await rule_queries.put_rule(connection, rule, time.time_ns() // 1000)
        resources.of(Recommendations).rules = await rule_queries.read_rules(connection)
        await resources.audit.record(connection, request.scope)
    return orjson.dumps(rule.model_dump(mode="json"))


@router.delete("/{rule_id}", dependencies=[requires("admin")], status_code=204, summary="Remove a rule")
async def delete_rule(request: HotRequest, rule_id: str) -> Response:
    """What was recommended by it stays so."""
    resources = request.resources
    async with transaction(resources.engine) as connection:
        if not is_plain_text(rule_id) or not await rule_queries.delete_rule(connection, rule_id):
            raise NotFound("There is no such rule.")
        resources.of(Recommendations).rules = await rule_queries.read_rules(connection)
        await resources.audit.record(connection, request.scope)
    return Response(status_code=204)
