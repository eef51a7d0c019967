"""Heads without end: a URL, a header, and ever more headers."""

import itertools
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from benchmarks.hostile.arena import Arena
from benchmarks.hostile.findings import Finding
from benchmarks.processes import LOOPBACK

PIECE: Final = b"a" * 65_536
KINDS: Final = ("url", "header", "headers")
MOST_BYTES: Final = 64 * 1024 * 1024
"""After which a service that goes on reading is let off."""


def endless_head(kind: str) -> Iterator[bytes]:
    """The bytes of a request that never comes to its end."""
    if kind == "url":
        yield b"GET /"
        yield from itertools.repeat(PIECE)
    yield b"GET /livez HTTP/1.1\r\nHost: a\r\n"
    if kind == "header":
        yield b"X-Long: "
        yield from itertools.repeat(PIECE)
    yield from (b"".join(b"X-%d-%d: a\r\n" % (n, each) for each in range(4000)) for n in itertools.count())


def send_until_cut(port: int, pieces: Iterable[bytes], most_bytes: int = MOST_BYTES) -> tuple[bytes, int]:
    """The first bytes of the answer, and how much could be sent until the connection was cut, or the most was sent."""
    sent, answer = 0, b""
    with socket.create_connection((LOOPBACK, port), timeout=10) as connection:
        with suppress(OSError):
            for piece in pieces:
                connection.sendall(piece)
                sent += len(piece)
                if sent > most_bytes:
                    return answer, sent
        with suppress(OSError):
            answer = connection.recv(4096)
    return answer, sent


def send_heads(port: int) -> None:
    """Attack: endless heads of all kinds on one connection after the other."""
    for kind in itertools.cycle(KINDS):
        with suppress(OSError):
            send_until_cut(port, endless_head(kind))
        time.sleep(0.01)


def endless_heads(arena: Arena) -> list[Finding]:
    """Each is cut off at once; tills do not notice, and nothing is kept of them."""
    before_mb = arena.resident_mb
    findings = []
    for kind in KINDS:
        _, sent = send_until_cut(arena.port, endless_head(kind))
        findings.append(Finding(f"endless {kind}", "read until it is cut, MB", sent / 1e6, 8))
    compared = arena.compare(send_heads)
    return [
        *findings,
        Finding("endless heads", "of a core, by itself", arena.load_of(send_heads), 0.15),
        Finding("endless heads", "tills' p99, during / before", compared.p99, 1.2, of_speed=True),
        Finding("endless heads", "tills turned away, beyond before", compared.errors, 0.01, of_speed=True),
        Finding("endless heads", "growth of memory, MB", arena.resident_mb - before_mb, 30),
    ]
