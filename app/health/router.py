"""`/livez`, `/readyz` and `/health`: no key, so that probes can ask."""

from fastapi import APIRouter, Request, Response

from app.errors import NotReady
from app.health.schemas import HealthOut
from app.health.service import assess, check_database
from app.resources import Resources

MEDIA_TYPE = "application/health+json"

router = APIRouter(tags=["health"])


@router.get("/livez", summary="The process lives")
async def get_livez() -> dict[str, str]:
    """Says nothing of the database: restarting this process would not mend that."""
    return {"status": "pass"}


@router.get("/readyz", summary="Requests can be served")
async def get_readyz(request: Request) -> dict[str, str]:
    """The database answers and has this version's schema; 503 where not, and while stopping."""
    resources: Resources = request.app.state.resources
    if resources.is_draining:
        raise NotReady("The service is stopping.")
    for check in await check_database(resources):
        if check.status != "pass":
            raise NotReady(check.output or "The database is not ready.")
    return {"status": "pass"}


@router.get(
    "/health",
    summary="Health with its checks",
    response_model=HealthOut,
    responses={
        200: {"content": {MEDIA_TYPE: {}}, "description": "pass or warn"},
        503: {"content": {MEDIA_TYPE: {}}, "description": "fail"},
    },
)
async def get_health(request: Request) -> Response:
    """Database, schema, model version and age."""
    health = await assess(request.app.state.resources)
    body = health.model_dump_json(exclude_none=True)
    return Response(body, 503 if health.status == "fail" else 200, media_type=MEDIA_TYPE)
