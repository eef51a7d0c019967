"""The console, as the service runs it."""

from fastapi import APIRouter
from starlette.responses import Response

from app.console.actions_router import router as actions
from app.console.customers_router import router as customers
from app.console.data_router import router as data
from app.console.kpis_router import router as kpis
from app.console.lifecycle_router import router as lifecycle
from app.console.models_router import router as models
from app.console.operations_router import router as operations
from app.console.pages import OpenPageRoute, PageRequest
from app.console.rendering import Templates
from app.console.sign_in_router import router as sign_in
from app.console.signing_in import router as signing_in
from app.console.today_router import router as today
from app.foundation.errors import NotFound
from app.http.resources import Part

others = APIRouter(route_class=OpenPageRoute, include_in_schema=False)


@others.get("/console/{path:path}")
async def get_other(_: PageRequest, path: str) -> Response:  # noqa: ARG001 - whatever it is
    """There is no such page."""
    raise NotFound("There is no such page.")


PART = Part(
    "console",
    routers=(sign_in, signing_in, today, customers, lifecycle, kpis, actions, models, data, operations, others),
    build=lambda resources: resources.hold(Templates()),
)
