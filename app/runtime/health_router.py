"""`/livez`, `/readyz` and `/health`: no key, so that probes can ask. `/metrics`: with a key, unless it is open."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.types import Receive, Scope, Send

from app.database.keeping import read_keeping
from app.database.opening import EMBEDDED
from app.foundation.errors import NotReady, Problem
from app.foundation.exposition import MEDIA_TYPE as METRICS_TYPE
from app.foundation.exposition import render, workers_together
from app.http.health import HealthOut
from app.http.resources import Resources
from app.http.routes import HotRoute
from app.runtime.health import Probes, read_gauges, read_stored_gauges

MEDIA_TYPE = "application/health+json"

router = APIRouter(tags=["health"])


class LiveRoute(HotRoute):
    """Asked often, by anybody, and before anything is there."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                answer = Response(await endpoint(Request(scope)), media_type="application/json")
            except NotReady as problem:
                answer = problem.response()
            await answer(scope, receive, send)

        self.app = serve


live = APIRouter(tags=["health"], route_class=LiveRoute)


@live.get("/livez", summary="The process lives", response_model=dict[str, str])
async def get_livez(request: Request) -> bytes:
    """Says nothing of the database: restarting this process would not mend that. Only an embedded one that this service
    has given up is tried anew by a restart: 503."""
    resources: Resources | None = getattr(request.app.state, "resources", None)
    kept = None if resources is None else read_keeping(resources.settings.home / EMBEDDED)
    if kept is not None and kept.is_given_up:
        raise NotReady("The embedded Postgres does not stay up: see its log, and restart the service.")
    return b'{"status":"pass"}'


@router.get("/readyz", summary="Requests can be served")
async def get_readyz(request: Request) -> dict[str, str]:
    """The database answers and its schema is one that this version serves on, the keys are read; 503 where not, and
    while stopping."""
    resources: Resources = request.app.state.resources
    if resources.is_draining:
        raise NotReady("The service is stopping.")
    for check in await resources.of(Probes).readiness.ask():
        if check.status == "fail":
            raise NotReady(check.output or "The database is not ready.")
    if not resources.keyring.is_read:
        raise NotReady("The keys have not been read yet.")
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
    """Database, schema, model and its monitoring, event lag, background work, rejected backlog and sweep."""
    resources: Resources = request.app.state.resources
    health = await resources.of(Probes).health.ask()
    if not resources.settings.health_open and not await _may_read(request):
        health = HealthOut(status=health.status)
    body = health.model_dump_json(exclude_none=True)
    if health.status == "fail":
        return Response(body, NotReady.status, NotReady.headers, media_type=MEDIA_TYPE)
    return Response(body, media_type=MEDIA_TYPE)


async def _may_read(request: Request) -> bool:
    """Without a key that may read, whatever the reason, `/health` is still answered: probes have none."""
    resources: Resources = request.app.state.resources
    try:
        await resources.authorize(request.headers.get("authorization", "").encode(), ["read"])
    except Problem:
        return False
    return True


@router.get(
    "/metrics",
    summary="Metrics of all workers, in Prometheus' text format",
    response_class=Response,
    responses={200: {"content": {METRICS_TYPE: {"schema": {"type": "string"}}}}},
    openapi_extra={"security": [{"HTTPBearer": []}, {}]},
)
async def get_metrics(request: Request) -> Response:
    """Wants a key with the scope `read`, unless the deployment has opened it."""
    resources: Resources = request.app.state.resources
    if not resources.settings.metrics_open:
        await resources.authorize(request.headers.get("authorization", "").encode(), ["read"])
    stored = await read_stored_gauges(resources)
    return Response(render(workers_together(read_gauges(resources)), stored), media_type=METRICS_TYPE)
