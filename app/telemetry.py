"""JSON logs with request ids: a static event name plus keywords, never payloads or personal data."""

import itertools
import logging
import re
import secrets
import sys
import time
from contextvars import ContextVar
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import DEFECT, Problem

log: structlog.stdlib.BoundLogger = structlog.get_logger("perennial")

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_PROCESS: Final = secrets.token_hex(10)
_COUNT: Final = itertools.count(1)
"""With the process before it, an id that no other request has."""


def _add_request_id(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    request_id = _request_id.get()
    return event if request_id is None else {**event, "request_id": request_id}


def configure_logs(level: str) -> None:
    """One JSON object a line on standard error, ours and those of the libraries."""
    shared: list[Any] = [
        _add_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)


class RequestLog:
    """ASGI middleware: a request id on every request, answer and log line; a line a failed request.

    The path is logged as its route, so that customer ids stay out of the logs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or f"{_PROCESS}{next(_COUNT):012x}"
        started = time.perf_counter()
        status: int | None = None
        is_whole = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, is_whole
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            else:
                is_whole = not message.get("more_body", False)
            await send(message)

        _request_id.set(request_id)
        try:
            await self._app(scope, receive, send_with_id)
        except Exception:  # the outermost handler: whatever got here is a defect of ours
            log.exception("request.defect", route=getattr(scope.get("route"), "path", "-"))
            if status is None:
                await Problem(DEFECT).response()(scope, receive, send_with_id)
            elif not is_whole:  # the server cuts the connection, so that nobody takes the part for the whole
                raise
        finally:
            if status is None or status >= 500:
                route = getattr(scope.get("route"), "path", "-")
                elapsed_ms = round((time.perf_counter() - started) * 1000, 2)
                facts = {"method": scope["method"], "route": route, "status": status}
                log.error("request.failed", **facts, elapsed_ms=elapsed_ms)


def _given_id(scope: Scope) -> str | None:
    """The client's own request id, where it is one that may stand in a log."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            return text if _REQUEST_ID.fullmatch(text) else None
    return None
