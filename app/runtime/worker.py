"""One worker of several: `python -m app.runtime.worker SLOT DESCRIPTOR DIRECTORY`, started by `app.runtime.supervisor`.

SLOT is its place, DESCRIPTOR the listening socket, DIRECTORY where the workers share their numbers. It writes a
line to standard output once it serves and every second from then on, for as long as its event loop turns, and drains
when its standard input ends: the supervisor is gone.
"""

import asyncio
import faulthandler
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from app.foundation.exposition import Board, use_board
from app.foundation.logs import configure_logs
from app.foundation.settings import Settings
from app.foundation.tracing import configure_tracing
from app.runtime.health import read_gauges
from app.runtime.main import create_app
from app.runtime.pulse import BEAT_SECONDS
from app.runtime.server import TICKS_A_SECOND, Server


class _Worker(Server):
    """Puts its numbers on the board every second."""

    board: Board
    least_rest_s = 0.3
    """The supervisor keeps newcomers out by then."""

    def keep_newcomers_out(self) -> None:
        """The socket is the other workers' too: one that is replaced must not close the shop."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._on_input)
        self._beating = asyncio.create_task(_beat(sys.stdout.fileno()), name="beat")  # while it drains, too

    def _on_input(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self.handle_exit(signal.SIGTERM, None)

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_SECOND == 0:
            self.board.publish(read_gauges(self._app.state.resources))
        return await super().on_tick(counter)


async def _beat(descriptor: int) -> None:
    """Never waits for a supervisor that does not read."""
    os.set_blocking(descriptor, False)
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        with suppress(OSError):
            os.write(descriptor, b"\n")


def main(slot: int, descriptor: int, directory: Path) -> None:
    """Serves until it is told to stop."""
    faulthandler.enable()  # the supervisor sends SIGABRT to one that hangs
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again once it has drained
    settings = Settings.from_environment()
    configure_logs(settings.log_level)
    configure_tracing()
    assert settings.database_url is not None
    board = Board(directory, slot)
    use_board(board)
    server = _Worker(create_app(settings, settings.database_url), settings, lambda: print("serves", flush=True))
    server.board = board
    with socket.socket(fileno=descriptor) as listening, suppress(KeyboardInterrupt):
        server.run([listening])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
