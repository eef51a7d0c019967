"""Running the service in this process: uvicorn on an application of ours."""

from collections.abc import Callable
from contextlib import suppress

import uvicorn

from app.config import Settings
from app.main import create_app
from app.telemetry import configure_logs

DRAIN_SECONDS = 25


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
        http="httptools",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    with suppress(KeyboardInterrupt):  # raised again by uvicorn once it has drained
        _Server(config, on_ready).run()
