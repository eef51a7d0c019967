"""`POST /v1/policies:evaluate`."""

import asyncio
import time
from typing import Final

from fastapi import APIRouter

from app.database.engine import transaction
from app.decisions.judging import judge_policy
from app.decisions.outcome_queries import Rewarding, read_judged
from app.decisions.policy_schemas import PolicyIn, PolicyValueOut
from app.http.routes import HotRequest, HotRoute, json_body, read_model, requires, schema_of
from app.lifecycle.events import DAY_US
from app.lifecycle.off_policy import Estimate

router = APIRouter(prefix="/v1", tags=["decisions"], route_class=HotRoute)
MOST_DECISIONS: Final = 20_000


@router.post(
    "/policies:evaluate",
    dependencies=[requires("read")],
    response_model=PolicyValueOut,
    summary="What another policy would have brought",
    openapi_extra=json_body(schema_of(PolicyIn)),
)
async def post_policy(request: HotRequest) -> bytes:
    """On the latest 20,000 decisions that were made by chance, of which the reward is final; 409 where they are fewer
    than 100."""
    policy, resources = await read_model(request, PolicyIn), request.resources
    rewarding, now_us = Rewarding.of(resources.settings), time.time_ns() // 1000
    async with transaction(resources.surveys) as connection:
        rows = await read_judged(connection, now_us - policy.days * DAY_US, now_us, rewarding, MOST_DECISIONS)
    value, as_decided = await asyncio.to_thread(judge_policy, rows, policy.factors, policy.exploration)
    answer = {
        "decisions": value.decisions,
        "as_decided": as_decided,
        "inverse_propensity": value.inverse_propensity._asdict(),
        "self_normalised": _told(value.self_normalised),
        "doubly_robust": _told(value.doubly_robust),
        "effective_sample_size": value.effective_sample_size,
        "clipped": value.clipped,
        "warnings": value.warnings,
    }
    return PolicyValueOut.model_validate(answer).model_dump_json().encode()


def _told(estimate: Estimate | None) -> dict[str, float] | None:
    return None if estimate is None else estimate._asdict()
