"""Running the service: in this process, or in several that a supervisor keeps."""

from collections.abc import Callable
from contextlib import suppress

from app.foundation.logs import configure_logs
from app.foundation.settings import Settings
from app.foundation.tracing import configure_tracing
from app.runtime.main import create_app
from app.runtime.server import Server
from app.runtime.supervisor import supervise


def serve(settings: Settings, database_url: str, on_ready: Callable[[], None] = lambda: None) -> None:
    """Serves until SIGINT or SIGTERM; then drains and returns. With several workers, they serve."""
    configure_logs(settings.log_level)
    if settings.workers > 1:
        supervise(settings, database_url, on_ready)
        return
    configure_tracing()
    with suppress(KeyboardInterrupt):  # raised again by uvicorn once it has drained
        Server(create_app(settings, database_url), settings, on_ready).run()
