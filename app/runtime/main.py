"""The application: routers, middleware, lifespan."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from pydantic.json_schema import models_json_schema
from starlette.types import ASGIApp

from app import __version__
from app.customers.router import router as customers
from app.database.engine import create_engine
from app.decisions.router import actions
from app.decisions.router import router as decisions
from app.decisions.schemas import DecisionIn
from app.foundation.errors import ProblemOut
from app.foundation.logs import configure_logs, log
from app.foundation.settings import Settings
from app.foundation.tracing import configure_tracing
from app.http.problems import install_handlers
from app.http.request_log import RequestLog
from app.http.routes import HotPaths
from app.ingest.admission import Rules
from app.ingest.identity_key import read_identity_key
from app.ingest.rejected import replays
from app.ingest.rejected import router as rejected
from app.ingest.rejected_schemas import ReplayIn
from app.ingest.router import CheckoutIn
from app.ingest.router import router as events
from app.ingest.schemas import EventIn
from app.ingest.segment.router import router as segment
from app.ingest.segment.schemas import SegmentBatchIn, SegmentMessageIn
from app.lifecycle.decisions import Action
from app.models.router import changes as model_changes
from app.models.router import router as models
from app.models.schemas import ModelChangeIn
from app.runtime.health_router import router as health
from app.runtime.resources import Resources
from app.scores.router import router as scores
from app.scores.schemas import ScoreBatchIn
from app.stages.router import router as stages

DESCRIPTION = """Customer events in; stage, churn risk, value and next best action out.

Send an API key as `Authorization: Bearer …`. Errors are problem documents (RFC 9457)."""

COMMAND_TIMEOUT_S = 5.0
"""After which a statement of a request is given up."""

COLLECT_AFTER = (20_000, 20, 20)
"""Requests leave no cycles behind: looking for some every 700 objects, as is the default, costs more than it finds."""

HOT_BODIES = (
    EventIn,
    CheckoutIn,
    SegmentMessageIn,
    SegmentBatchIn,
    ReplayIn,
    DecisionIn,
    ScoreBatchIn,
    ModelChangeIn,
    Action,
    ProblemOut,
)
"""What hot routes take and refuse with, which FastAPI does not see."""


PROBLEM_RESPONSE = {
    "description": "A problem document",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
}


def create_app(settings: Settings, database_url: str) -> FastAPI:
    """The service on a migrated database."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        resources = Resources(
            settings,
            create_engine(database_url, command_timeout_s=COMMAND_TIMEOUT_S),
            Rules.of(settings, read_identity_key(settings)),
        )
        app.state.resources = resources
        await resources.start()
        gc.collect()
        gc.freeze()  # what lives as long as the process is not looked through again
        gc.set_threshold(*COLLECT_AFTER)
        log.info("service.started", version=__version__, model=resources.model and resources.model.version)
        yield
        await resources.stop()
        log.info("service.stopped")

    app: FastAPI = FastAPIOffline(
        title="Perennial",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours, see app.foundation.logs
    )
    install_handlers(app)
    _shorten_hot_paths(app)
    offices = (actions, models, model_changes)
    for router in (events, segment, rejected, replays, scores, decisions, health, *offices, stages, customers):
        app.router.routes.extend(router.routes)  # included routers are matched a good deal slower
    _complete_openapi(app)
    return app


def create_app_from_environment() -> FastAPI:
    """For `uvicorn --factory app.runtime.main:create_app_from_environment`; needs PERENNIAL_DATABASE_URL."""
    settings = Settings.from_environment()
    configure_logs(settings.log_level)
    configure_tracing()
    if settings.database_url is None:
        raise SystemExit("Set PERENNIAL_DATABASE_URL, or start with 'perennial serve'.")
    return create_app(settings, settings.database_url)


def _shorten_hot_paths(app: FastAPI) -> None:
    """Puts request ids and logs before everything, and hot routes right behind them."""
    build = app.build_middleware_stack

    def build_middleware_stack() -> ASGIApp:
        return RequestLog(HotPaths(app.router.routes, build()))

    app.build_middleware_stack = build_middleware_stack  # type: ignore[method-assign]


def _complete_openapi(app: FastAPI) -> None:
    """Adds the schemas that only hot routes name, and the form of every error."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            template = "#/components/schemas/{model}"
            named = [(body, "validation") for body in HOT_BODIES]
            _, bodies = models_json_schema(named, ref_template=template)  # type: ignore[arg-type]
            schemas = {**bodies["$defs"], **schema["components"]["schemas"]}
            unused = ("HTTPValidationError", "ValidationError")
            schema["components"]["schemas"] = {name: found for name, found in schemas.items() if name not in unused}
            for operation in (found for path in schema["paths"].values() for found in path.values()):
                operation["responses"].pop("422", None)
                operation["responses"] |= {"4XX": PROBLEM_RESPONSE, "5XX": PROBLEM_RESPONSE}
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
