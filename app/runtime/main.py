"""The application: parts, middleware, lifespan."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Scope

from app import __version__
from app.database.engine import create_engine, create_probe_engine, create_survey_engine
from app.foundation.logs import configure_logs, log
from app.foundation.settings import Settings
from app.foundation.tracing import configure_tracing
from app.http.documents import Documents
from app.http.methods import Methods
from app.http.openapi import complete_openapi
from app.http.problems import install_handlers
from app.http.request_log import RequestLog
from app.http.resources import Resources
from app.http.routes import HotPaths
from app.http.strangers import Strangers
from app.models.held import Models
from app.runtime.connections import Connections
from app.runtime.contract import documents_of, make_bare
from app.runtime.health import Probes
from app.runtime.health_router import live
from app.runtime.health_router import router as health
from app.runtime.memory import bound_arenas, keep_trimmed, trim
from app.runtime.parts import PARTS

DESCRIPTION = """Customer events in; stage, churn risk, value and next best action out.

Send an API key as `Authorization: Bearer …`. Errors are problem documents (RFC 9457)."""

COMMAND_TIMEOUT_S = 5.0
"""After which a statement of a request is given up."""

COLLECT_AFTER = (20_000, 20, 20)
"""Requests leave no cycles behind: looking for some every 700 objects, as is the default, costs more than it finds."""


def create_app(settings: Settings, database_url: str) -> FastAPI:
    """The service on a migrated database."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = create_engine(database_url, command_timeout_s=COMMAND_TIMEOUT_S)
        app.state.resources = resources = Resources(
            settings, engine, create_survey_engine(database_url), PARTS, create_probe_engine(database_url)
        )
        resources.hold(app.state.connections)
        resources.hold(Probes(resources))
        await resources.start()
        bound_arenas()
        gc.collect()
        trim()
        gc.freeze()  # what lives as long as the process is not looked through again
        gc.set_threshold(*COLLECT_AFTER)
        champion = resources.of(Models).champion
        log.info("service.started", version=__version__, model=champion and champion.version)
        trimming = asyncio.create_task(keep_trimmed(), name="trim")
        yield
        trimming.cancel()
        await resources.stop()
        log.info("service.stopped")

    app = (FastAPIOffline if settings.docs_open else make_bare)(
        title="Perennial",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours, see app.http.request_log
    )
    app.state.connections = Connections(settings.connections, settings.connections_per_address)
    install_handlers(app)
    _shorten_hot_paths(app, settings)
    routers = (live, health, *(router for part in PARTS for router in part.routers))
    for router in routers:
        app.router.routes.extend(router.routes)  # included routers are matched a good deal slower
    complete_openapi(app, [schema for part in PARTS for schema in part.schemas])
    return app


def create_app_from_environment() -> FastAPI:
    """For `uvicorn --factory app.runtime.main:create_app_from_environment`; needs PERENNIAL_DATABASE_URL."""
    settings = Settings.from_environment()
    configure_logs(settings.log_level)
    configure_tracing()
    if settings.database_url is None:
        raise SystemExit("Set PERENNIAL_DATABASE_URL, or start with 'perennial serve'.")
    return create_app(settings, settings.database_url)


def _note(app: FastAPI, scope: Scope, status: int | None, request_id: str) -> None:
    """For the audit; before the service has started there is none."""
    resources: Resources | None = getattr(app.state, "resources", None)
    if resources is not None:
        resources.audit.note(scope, status, request_id)


def _shorten_hot_paths(app: FastAPI, settings: Settings) -> None:
    """Puts request ids and logs before everything, then who has no valid key, and hot routes right behind them."""
    build = app.build_middleware_stack

    def build_middleware_stack() -> ASGIApp:
        routes = app.router.routes
        inner = HotPaths(routes, Methods(routes, Documents(documents_of(app), build())))
        guarded = Strangers(app.state, inner, settings.strangers, settings.wrong_keys)
        return RequestLog(guarded, lambda *call: _note(app, *call))

    app.build_middleware_stack = build_middleware_stack  # type: ignore[method-assign]
