"""More silent connections than there are file descriptors."""

import resource
import socket
import time
from contextlib import ExitStack, suppress
from typing import Final

from benchmarks.hostile.arena import Arena, attacked, quantile_ms
from benchmarks.hostile.findings import Finding
from benchmarks.processes import LOOPBACK

DESCRIPTORS: Final = 1024
SILENT: Final = 1100
MOST_LOAD: Final = 0.15


def hold_silent(port: int, number: int) -> None:
    """Attack: so many connections that say nothing; those that are cut are opened again each second."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * number)), hard))
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection((LOOPBACK, port))) for _ in range(number)]
        while True:
            for place, each in enumerate(held):
                with suppress(BlockingIOError):
                    each.setblocking(False)
                    if is_gone(each):
                        each.close()
                        held[place] = stack.enter_context(socket.create_connection((LOOPBACK, port)))
            time.sleep(1.0)


def is_gone(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def silent_connections(arena: Arena) -> list[Finding]:
    """On a service that may open 1,024 files: tills and probes get in, and /health says that there is no room."""
    with arena.limited(DESCRIPTORS) as limited:
        compared = limited.compare(hold_silent, SILENT)
        share = limited.load_of(hold_silent, SILENT)
        with attacked(hold_silent, limited.port, SILENT):
            time.sleep(1.0)
            latencies_ms = limited.latencies_ms("/livez", limited.seconds)
            status, _ = limited.ask("/health")
            warns = b"There was no room" in limited.read("/health")
    return [
        Finding("1,100 silent, 1,024 files", "tills, during / before", compared.throughput, 0.85, True, True),
        Finding("1,100 silent, 1,024 files", "tills turned away, beyond before", compared.errors, 0.01, of_speed=True),
        Finding("1,100 silent, 1,024 files", "of a core, by itself", share, MOST_LOAD),
        Finding("1,100 silent, 1,024 files", "/livez p99, ms", quantile_ms(latencies_ms, 0.99), 250, of_speed=True),
        Finding("1,100 silent, 1,024 files", "/health warns, 1: yes", float(warns and status == 200), 1, True),
    ]
