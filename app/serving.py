"""Running the service in this process: uvicorn on an application of ours."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.config import Settings
from app.main import create_app
from app.telemetry import configure_logs

DRAIN_SECONDS = 25


class _JoinedWrites:
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

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Protocol(HttpToolsProtocol):
    """uvicorn's, on such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", _JoinedWrites(transport, self.loop)))


class _Server(uvicorn.Server):
    """Tells when requests are served."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list["uvicorn.server.socket.socket"] | None = None) -> None:  # type: ignore[name-defined]
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def serve(settings: Settings, database_url: str, on_ready: Callable[[], None] = lambda: None) -> None:
    """Serves until SIGINT or SIGTERM; then drains and returns."""
    configure_logs(settings.log_level)
    config = uvicorn.Config(
        create_app(settings, database_url),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=_Protocol,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    with suppress(KeyboardInterrupt):  # raised again by uvicorn once it has drained
        _Server(config, on_ready).run()
