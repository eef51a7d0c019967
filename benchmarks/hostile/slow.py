"""Clients that are slow: silent, with a head or a body that trickles or stalls, and such as read no answer."""

import select
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final

from benchmarks.hostile.arena import Arena
from benchmarks.hostile.findings import Finding
from benchmarks.processes import LOOPBACK

WATCHED_S: Final = 25.0
EACH: Final = 20
LATE_S: Final = 2.5
"""A sweep a second, and what a busy machine adds."""
HEAD: Final = b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
BODY: Final = HEAD + b"Authorization: Bearer %b\r\nContent-Length: 100000\r\n\r\n"

Kind = tuple[bytes, bytes, float]
"""What is sent at once, what follows each tenth of a second, and after how many seconds it is to be cut."""


def kinds(api_key: str) -> dict[str, Kind]:
    body = BODY % api_key.encode()
    return {
        "silent": (b"", b"", 10),
        "stalled head": (HEAD, b"", 5),
        "head that trickles": (HEAD, b"X", 5),
        "stalled body": (body + b"[", b"", 3),
        "body that trickles": (body + b"[", b" " * 20, 3),
        "body of 1.5 KiB/s": (body + b"[", b" " * 154, 10),
    }


def watch(port: int, kind: Kind, number: int = EACH) -> list[float]:
    """Seconds until each of so many connections was cut; those that were not are told as the whole time."""
    first, more, _ = kind
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection((LOOPBACK, port))) for _ in range(number)]
        began_s, open_, cut_s = time.monotonic(), set(opened), list[float]()
        for each in opened:
            each.sendall(first)
        while open_ and time.monotonic() - began_s < WATCHED_S:
            for each in select.select(list(open_), [], [], 0.1)[0]:
                with suppress(OSError):
                    each.recv(4096)  # 408, or the end
                open_.discard(each)
                cut_s.append(time.monotonic() - began_s)
            for each in tuple(open_) if more else ():
                with suppress(OSError):
                    each.sendall(more)
        return cut_s + [WATCHED_S] * len(open_)


def slow_clients(arena: Arena) -> list[Finding]:
    """Each kind is cut off on time."""
    findings = []
    for name, kind in kinds(arena.service.api_key).items():
        last_s = max(watch(arena.port, kind, 5 if arena.short else EACH))
        findings.append(Finding(f"slow: {name}", "the last is cut after, s", last_s, kind[2] + LATE_S))
    unread_s = time_unread(arena.port)
    return [*findings, Finding("slow: reads no answer", "cut after, s", unread_s, 10 + 2 * LATE_S)]


def time_unread(port: int) -> float:
    """Seconds until one is cut that asks again and again for what it does not read."""
    asked = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\nAccept-Encoding: identity\r\n\r\n"
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((LOOPBACK, port))
        client.sendall(asked * 40)
        began_s, is_cut = time.monotonic(), is_cut_of(client)
        while not is_cut() and time.monotonic() - began_s < WATCHED_S:
            time.sleep(0.1)
        return time.monotonic() - began_s


def is_cut_of(client: socket.socket) -> Callable[[], bool]:
    """Whether the other end is gone: without reading, and so by what the system says of it."""
    poll = select.poll()
    poll.register(client, select.POLLERR | select.POLLHUP)
    return lambda: bool(poll.poll(0))
