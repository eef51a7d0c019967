"""uvicorn's protocol, on a transport that joins writes, for clients that may be hostile or slow.

uvicorn bounds neither the head of a request nor how long it takes: its `h11_max_incomplete_event_size` is
the other parser's, and its one timer begins after an answer (ADR 22). What is bounded here costs a request some
comparisons, and takes the timer's place, which cost more.

A protocol made of this one that holds a request back before it is parsed leaves the stage as it was: the sweep looks at
a connection on which nothing is parsed as at one that is silent or kept.
"""

import asyncio
import socket
import struct
from typing import Any, Final, cast

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.foundation.errors import (
    MEDIA_TYPE,
    HeadersTooLarge,
    Overloaded,
    Problem,
    TooSlow,
    Unreadable,
    UrlTooLong,
)
from app.runtime.connections import Connections, Stage, network_of

PROBES: Final = (b"/livez", b"/readyz", b"/health", b"/metrics")
_REFUSALS: Final[dict[int, Problem]] = {
    problem.status: problem
    for problem in (
        Unreadable("The request is not HTTP."),
        *(TooSlow(), UrlTooLong(), HeadersTooLarge()),
        Overloaded("There are too many connections."),
    )
}


_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of no time."""


# Looked up at every request, where a member of a class costs as much again as a comparison.
_SILENT: Final = Stage.SILENT
_HEAD: Final = Stage.HEAD
_DROPPING: Final = Stage.DROPPING
_BODY: Final = Stage.BODY
_KEPT: Final = Stage.KEPT
_ANSWERING: Final = Stage.ANSWERING
_ENDING: Final = Stage.ENDING


class _Refused(Exception):
    """Ends the parsing of what has come; not seen outside of it."""


class JoinedWrites:
    """A transport that sends the head of an answer together with the first part of its body.

    A write is a system call and a packet, a good part of what a short answer costs. What is held
    goes at the next write, or when the loop comes round if there is none.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = None

    def write(self, data: bytes) -> None:
        held = self._held
        if held is None:
            self._held = data
            self._loop.call_soon(self._flush)
        else:
            self._held = None
            self._transport.write(held + data)

    def _flush(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            self._transport.write(held)

    def write_whole(self, data: bytes) -> None:
        """What nothing follows."""
        self._flush()
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def write_eof(self) -> None:
        self._flush()
        self._transport.write_eof()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class BoundedProtocol(HttpToolsProtocol):
    """A connection that is cut off where its client goes beyond `Limits`."""

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._all = connections
        self._limits = connections.limits
        self._most_headers, self._most_head_bytes = self._limits.headers, self._limits.head_bytes
        self.stage = _SILENT
        self.since = 0.0
        self.address = ""
        self.body_bytes = 0
        self.unread_since: float | None = None
        self.is_spare = False
        self._heads = 0
        self._head_is_open = self._body_is_open = False
        self._read_bytes = self._head_bytes = self._framing_bytes = self._dropped_bytes = 0
        self._refusal = 400

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))
        self.since = self.loop.time()
        self.address = network_of(self.client[0]) if self.client else ""
        if not self._all.enter(self):
            self.transport.write(_refusal_of(503, self.server_state.default_headers))
            self.transport.close()  # at once: it holds a descriptor that is kept for others
            self.stage = _ENDING

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        stage = self.stage
        if stage is _KEPT or stage is _SILENT:
            self.stage, self.since, self._head_bytes = _HEAD, self.loop.time(), 0
        elif stage is _BODY or stage is _DROPPING:
            self._framing_bytes += len(data)  # less what `on_body` is given of it
        elif stage is _ENDING:
            return
        heads, self._read_bytes = self._heads, len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # to nothing: the request is answered as it is
        except httptools.HttpParserError:
            self._refuse(self._refusal)
            return
        if self._heads == heads and self.stage is _HEAD:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._refuse(431)
        elif self._framing_bytes > self._most_head_bytes + self.body_bytes:
            self._refuse(431)

    def on_message_begin(self) -> None:
        HttpToolsProtocol.on_message_begin(self)
        self._head_is_open = True

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > self._limits.url_bytes:
            self._refusal = 414
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        """uvicorn's, which would go on; of the trailers of a body too."""
        headers = self.headers
        if len(headers) >= self._most_headers:
            self._refusal = 431
            raise _Refused
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.is_spare and not self.url.startswith(PROBES):
            self._refusal = 503
            raise _Refused
        if self._read_bytes > self._most_head_bytes and self._size_of_headers() > self._limits.head_bytes:
            self._refusal = 431  # it came whole, in one piece
            raise _Refused
        HttpToolsProtocol.on_headers_complete(self)
        self._heads += 1
        self._head_is_open, self._body_is_open = False, True
        if self.stage is _HEAD:
            self.stage, self.since = _BODY, self.loop.time()
            self.body_bytes = self._framing_bytes = 0

    def _size_of_headers(self) -> int:
        return sum(len(name) + len(value) for name, value in self.headers)

    def on_body(self, body: bytes) -> None:
        size = len(body)
        self.body_bytes += size
        self._framing_bytes -= size
        if self.stage is _DROPPING:
            self._dropped_bytes += size
            if self._dropped_bytes > self._limits.dropped_bytes:
                self._all.count("unwanted_body")
                self.abort()
            return
        HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        HttpToolsProtocol.on_message_complete(self)
        self._body_is_open = False
        if self.stage is _BODY:
            self.stage = _ANSWERING
        elif self.stage is _DROPPING:
            self.stage, self.since = _KEPT, self.loop.time()

    def on_response_complete(self) -> None:
        """uvicorn's, without a timer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self.stage, self.since = _ENDING, self.loop.time() + self._limits.reading_s
            return
        self.flow.resume_reading()
        if self.is_spare:
            self.transport.close()
        elif self.pipeline:
            self.stage = _ANSWERING
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        else:
            self.since = self.loop.time()
            self.stage = self._stage_after_answer()

    def _stage_after_answer(self) -> Stage:
        if self._head_is_open:
            self._head_bytes = 0
            return _HEAD
        if self._body_is_open:
            self._dropped_bytes = self._framing_bytes = 0
            return _DROPPING
        return _KEPT

    def pause_writing(self) -> None:
        self.unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.unread_since = None
        super().resume_writing()

    def begin_waiting(self) -> None:
        self.stage, self.since = Stage.WAITING, self.loop.time()

    def end_waiting(self) -> None:
        if self.stage is Stage.WAITING:
            self.stage, self.since = _BODY if self._body_is_open else _ANSWERING, self.loop.time()

    def is_held_up(self) -> bool:
        return self.flow.read_paused or self.cycle.waiting_for_100_continue

    def _refuse(self, status: int) -> None:
        self._all.count(_REFUSALS[status].slug.replace("-", "_"))
        self.cut(status)

    def cut(self, status: int | None) -> None:
        """Answers where nobody has yet, then stops to read: a sweep later it is closed, whatever was sent meanwhile."""
        if self.stage is _ENDING:
            return
        was_answered = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        self.stage, self.since = _ENDING, self.loop.time()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if status is None or was_answered or self.transport.is_closing():
            self.transport.close()
            return
        self.flow.pause_reading()
        self.transport.write(_refusal_of(status, self.server_state.default_headers))
        self.transport.write_eof()

    def abort(self) -> None:
        """With a reset where it is not read: else the system would go on holding what was answered."""
        self.stage = _ENDING
        if self.unread_since is not None:
            client = self.transport.get_extra_info("socket")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


def _refusal_of(status: int, common: list[tuple[bytes, bytes]]) -> bytes:
    problem = _REFUSALS[status]
    body = orjson.dumps(problem.as_json())
    headers = [
        *(each for each in common if each[0] != b"connection"),
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    head = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"%b%b\r\n%b" % (STATUS_LINE[status], head, body)
