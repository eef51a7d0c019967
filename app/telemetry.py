"""JSON logs with request and trace ids: a static event name plus keywords, never payloads or personal data."""

import itertools
import logging
import re
import secrets
import sys
import time
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import tracing
from app.errors import DEFECT, Problem, Refusal
from app.metrics import active_requests, end_request
from app.tracing import Trace, begin_trace, end_trace

_TOLD: Final = "told"


class Log:
    """The standard library's logger, told a static event name and keywords."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def info(self, event: str, **told: object) -> None:
        self._logger.info(event, extra={_TOLD: told})

    def warning(self, event: str, **told: object) -> None:
        self._logger.warning(event, extra={_TOLD: told})

    def error(self, event: str, **told: object) -> None:
        self._logger.error(event, extra={_TOLD: told})

    def defect(self, event: str, error: BaseException, **told: object) -> None:
        self._logger.error(event, exc_info=error, extra={_TOLD: told})


log: Final = Log("perennial")

_asked: ContextVar[tuple[str, Trace | None] | None] = ContextVar("asked", default=None)
"""The id of the request under way, and where it stands in a trace."""
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_PROCESS: Final = secrets.token_hex(10)
_COUNT: Final = itertools.count(1)
"""With the process before it, an id that no other request has."""


def _ids() -> dict[str, str]:
    asked = _asked.get()
    if asked is None:
        return {}
    request_id, trace = asked
    ids = {"request_id": request_id}
    return ids if trace is None else {**ids, "trace_id": trace.trace_id, "span_id": trace.span_id}


class _JsonLines(logging.Formatter):
    """A record as a JSON object. Of libraries' messages only the first line, of asyncio's up to a bracket: what
    follows repeats an exception, or the arguments of a call.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().partition("\n")[0]
        line = {
            "event": message.partition("(")[0] if record.name == "asyncio" else message,
            **getattr(record, _TOLD, {}),
            **_ids(),
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC),
        }
        if record.exc_info:
            line["exception"] = render_exception(record.exc_info[1])
        return orjson.dumps(line, default=repr, option=orjson.OPT_UTC_Z).decode()


def render_exception(error: BaseException | None) -> str:
    """Where it was raised and what it is, causes first, without its message.

    Messages quote what they stumble over: asyncpg's a row, pydantic's an input, KeyError a key. Those of our own
    problems and refusals are sentences made of our own names, so they stay.
    """
    return "\n".join(_render_chain(error, set()))


def _render_chain(error: BaseException | None, seen: set[int]) -> Iterator[str]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield from _render_chain(error.__cause__ or (None if error.__suppress_context__ else error.__context__), seen)
    yield from _render_frames(error.__traceback__)
    yield _name(error)
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _render_chain(part, seen)


def _render_frames(trace: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(trace):
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'


def _name(error: BaseException) -> str:
    """Class, and the code that the database or the system gave it."""
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, (Problem, Refusal)):
        return f"{name}: {error}"
    codes = [f"{code} {value}" for code in ("sqlstate", "errno") if (value := getattr(error, code, None)) is not None]
    return f"{name} ({', '.join(codes)})" if codes else name


def configure_logs(level: str) -> None:
    """One JSON object a line on standard error, ours and those of the libraries."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)


class RequestLog:
    """ASGI middleware: a request id on every request, answer and log line; a line a failed request; metrics.

    The path is logged, counted and traced as its route, so that customer ids stay out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        method = scope["method"] if scope["method"] in active_requests else "_OTHER"
        active_requests[method] += 1
        asked = request_id, trace = _read_ids(scope["headers"], method)
        status: int | None = None
        is_whole = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, is_whole
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                if trace is not None:
                    message["headers"].append((b"traceresponse", trace.response))
            else:
                is_whole = not message.get("more_body", False)
            await send(message)

        _asked.set(asked)
        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # the outermost handler: whatever got here is a defect of ours
            log.defect("request.defect", error, route=_route(scope) or "-")
            if status is None:
                await Problem(DEFECT).response()(scope, receive, send_with_id)
            elif not is_whole:  # the server cuts the connection, so that nobody takes the part for the whole
                raise
        finally:
            elapsed_s, route = time.perf_counter() - started, _route(scope)
            end_request(method, route, status, elapsed_s)
            if trace is not None:
                end_trace(trace, method, route, status)
            if status is None or status >= 500:
                facts = {"method": method, "route": route or "-", "status": status}
                log.error("request.failed", **facts, elapsed_ms=round(elapsed_s * 1000, 2))


def _route(scope: Scope) -> str:
    """The template of the path; "": there is no such route."""
    path: str = getattr(scope.get("route"), "path", "")
    return path


def _read_ids(headers: list[tuple[bytes, bytes]], method: str) -> tuple[str, Trace | None]:
    """The client's own request id where it is one that may stand in a log, else a new one; and the trace."""
    request_id = traceparent = None
    for name, value in headers:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            request_id = text if _REQUEST_ID.fullmatch(text) else None
        elif name == b"traceparent":  # sent twice it is none: of which trace the request is cannot be known
            traceparent = value if traceparent is None else b""
    trace = None
    if traceparent is not None or tracing.spans is not None:
        trace = begin_trace(method, traceparent, dict(headers).get(b"tracestate"))
    return request_id or f"{_PROCESS}{next(_COUNT):012x}", trace
