"""A request id on every request, answer and log line, and what is counted and traced of each."""

import asyncio
import itertools
import re
import secrets
import time
from collections.abc import Callable
from contextvars import Context
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.foundation import tracing
from app.foundation.errors import DEFECT, Problem
from app.foundation.logs import log, request_under_way
from app.foundation.metrics import active_requests, end_request
from app.foundation.tracing import Trace, begin_trace, end_trace

UNAVAILABLE: Final = 503
ALLOWANCE: Final = "allowance"
"""Where a request's scope has the headers that tell what its key has left; of what is not limited there are none."""
TELLING_S: Final = 1.0
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_NOT_GUESSED: Final = (b"x-content-type-options", b"nosniff")
_NOT_KEPT: Final = ((b"cache-control", b"no-store"), _NOT_GUESSED)
_PROCESS: Final = secrets.token_hex(10)
_COUNT: Final = itertools.count(1)
"""With the process before it, an id that no other request has."""


Note = Callable[[Scope, int | None, str], None]
"""A call by its scope, the status of its answer (None: there was none), and its request id."""


def _note_nothing(_: Scope, __: int | None, ___: str) -> None:
    """Nothing."""


class _Unavailable:
    """Answers 503: the first is told at once, of the others how many there were, a line a second for all."""

    def __init__(self) -> None:
        self._untold = 0
        self._timer: asyncio.TimerHandle | None = None
        self._last = ("", "")

    def tell(self, method: str, route: str) -> None:
        """One more."""
        self._untold, self._last = self._untold + 1, (method, route)
        if self._timer is None:
            self._write()

    def _write(self) -> None:
        self._timer = None
        if not self._untold:
            return
        method, route = self._last
        log.error("requests.unavailable", count=self._untold, method=method, route=route or "-", status=UNAVAILABLE)
        self._untold = 0
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(TELLING_S, self._write, context=Context())  # of no request


class RequestLog:
    """ASGI middleware: a request id on every request, answer and log line; metrics; a line a failed request, one a
    second for all that found the service unavailable.

    The path is logged, counted and traced as its route, so that customer ids stay out.
    """

    def __init__(self, app: ASGIApp, note: Note | None = None) -> None:
        """`note` is told each call that was answered."""
        self._app = app
        self._note = note or _note_nothing
        self._unavailable = _Unavailable()

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
                own = (b"x-request-id", request_id.encode()), *_safe(message), *scope.get(ALLOWANCE, ())
                message["headers"] = [*message["headers"], *own]
                if trace is not None:
                    message["headers"].append((b"traceresponse", trace.response))
            else:
                is_whole = not message.get("more_body", False)
            await send(message)

        request_under_way.set(asked)
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
            self._note(scope, status, request_id)
            if trace is not None:
                end_trace(trace, method, route, status)
            if status is None or status >= 500:
                self._tell_failed(method, route, status, elapsed_s)

    def _tell_failed(self, method: str, route: str, status: int | None, elapsed_s: float) -> None:
        if status == UNAVAILABLE:
            self._unavailable.tell(method, route)
        else:
            facts = {"method": method, "route": route or "-", "status": status}
            log.error("request.failed", **facts, elapsed_ms=round(elapsed_s * 1000, 2))


def _safe(message: Message) -> tuple[tuple[bytes, bytes], ...]:
    """Of every answer: nobody guesses what it is, and nobody keeps it who was not told that they may."""
    for name, _ in message["headers"]:
        if name == b"cache-control":
            return (_NOT_GUESSED,)
    return _NOT_KEPT


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
