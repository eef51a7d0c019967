"""Running the service in this process: uvicorn on an application of ours.

Stopping takes three steps. At once `/readyz` says 503, and every answer closes its connection, so that balancers
and clients go elsewhere; requests are still taken. After `drain_seconds` no connection is begun any more, those that
wait to be let in are (`app.runtime.listening`), and what is under way is answered. Then the lifespan ends, and with it
the process: 30 seconds at most.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from app.foundation.logs import log
from app.foundation.settings import Settings
from app.runtime.connections import Connections, Stage
from app.runtime.door_protocol import Door, DoorProtocol
from app.runtime.listening import keep_newcomers_out

STOP_SECONDS: Final = 20.0
"""From the signal to the last answer. The rest is for writing what waits and giving up connections."""
LONGEST_SECONDS: Final = 25.0
"""From the signal to giving up; a statement that is cancelled then takes its five seconds at most."""
LEAST_REST_SECONDS: Final = 0.1
MOST_REST_SECONDS: Final = 0.5
"""For what connections that were begun already bring yet."""
TICKS_A_SECOND: Final = 10
"""Of uvicorn's own loop."""
_ASKING: Final = (Stage.SILENT, Stage.HEAD, Stage.BODY)
_CLOSE: Final = (b"connection", b"close")


class Server(uvicorn.Server):
    """Tells when requests are served, and drains before it stops."""

    least_rest_s = LEAST_REST_SECONDS

    def __init__(self, app: FastAPI, settings: Settings, on_ready: Callable[[], None]) -> None:
        known: Connections | None = getattr(app.state, "connections", None)
        usual = settings.connections, settings.connections_per_address
        self.connections = Connections(*usual) if known is None else known
        make_protocol: Any = partial(DoorProtocol, self.connections, Door(settings.patience_ms / 1000))
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                loop="uvloop",
                http=make_protocol,
                ws="none",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=round(STOP_SECONDS - settings.drain_seconds),
            )
        )
        self._app = app
        self._drain_seconds = settings.drain_seconds
        self._on_ready = on_ready
        self._stops_at: float | None = None
        self._told_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM drains first; SIGINT, from somebody at a terminal, and a second signal do not wait."""
        self._told_at = self._told_at or time.monotonic()
        if sig != signal.SIGTERM or self._stops_at is not None or not self.started:
            self._begin_draining()
            super().handle_exit(sig, frame)
            return
        self._captured_signals.append(sig)  # raised again when all is done, as uvicorn does
        self._stops_at = time.monotonic() + self._drain_seconds
        self._begin_draining()

    def _begin_draining(self) -> None:
        resources = getattr(self._app.state, "resources", None)
        if resources is not None:
            resources.is_draining = True
        if _CLOSE not in self.config.encoded_headers:  # those of every answer, made anew each second
            self.config.encoded_headers = [*self.config.encoded_headers, _CLOSE]
            self.server_state.default_headers = [*self.server_state.default_headers, _CLOSE]

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if counter % self.connections.limits.ticks_per_sweep == 0:
            self._sweep()
        is_drained = self._stops_at is not None and time.monotonic() >= self._stops_at
        return await super().on_tick(counter) or is_drained

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Raises nothing when it takes too long: what is not written by then was not acknowledged either."""
        told_at = self._told_at or time.monotonic()
        sweeping = asyncio.create_task(self._go_on_sweeping(), name="sweep")
        try:
            async with asyncio.timeout(told_at + LONGEST_SECONDS - time.monotonic()):
                await self._take_the_rest()
                await super().shutdown(sockets)
        except TimeoutError:
            log.error("service.cut", elapsed_s=round(time.monotonic() - told_at, 1))
        finally:
            sweeping.cancel()

    async def _take_the_rest(self) -> None:
        """Lets in who waits to be, and waits for their requests."""
        began_s = time.monotonic()
        self.keep_newcomers_out()
        await asyncio.sleep(self.least_rest_s)
        while time.monotonic() - began_s < MOST_REST_SECONDS and not self.force_exit:
            if not any(connection.stage in _ASKING for connection in self.connections):
                return
            await asyncio.sleep(0.01)

    def keep_newcomers_out(self) -> None:
        """Of the sockets of this process alone; whoever shares one says when nobody is to be let in by it."""
        for listening in (each for server in self.servers for each in server.sockets):
            keep_newcomers_out(listening.fileno())

    def _sweep(self) -> None:
        self.connections.sweep(asyncio.get_running_loop().time())

    async def _go_on_sweeping(self) -> None:
        """A stop is not to wait for those whom nothing would wait for otherwise."""
        while True:
            self._sweep()
            await asyncio.sleep(self.connections.limits.ticks_per_sweep / TICKS_A_SECOND)
