"""Floods of who has no valid key: for documents and probes, and with keys that are none."""

import random
from collections.abc import Iterator
from itertools import repeat
from typing import Final

from app.http.auth import write_key
from benchmarks.hostile.arena import Arena, attacked, quantile_ms
from benchmarks.hostile.findings import Finding
from benchmarks.load import LoadFailed, run_load
from benchmarks.processes import LOOPBACK

CONNECTIONS: Final = 64
MOST_LOAD: Final = 0.15
"""Of a core; a till has the rest."""
PATHS: Final = ("/openapi.json", "/docs", "/livez", "/readyz", "/health", "/nowhere")
SECRETS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def flood(port: int, path: str) -> None:
    """Attack: as many requests as are answered on so many connections, none with a key."""
    asked = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    send_for_ever(port, repeat(asked))


def guess(port: int) -> None:
    """Attack: keys that nobody made, their checksums right."""
    send_for_ever(port, guesses())


def guesses() -> Iterator[bytes]:
    chance = random.Random(1)
    while True:
        key = write_key("".join(chance.choices(SECRETS, k=43)))
        yield f"GET /v1/actions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def send_for_ever(port: int, requests: Iterator[bytes]) -> None:
    while True:
        try:
            run_load(LOOPBACK, port, requests, connections=CONNECTIONS, seconds=60)
        except LoadFailed:
            continue  # it was cut off too often: again


def anonymous_floods(arena: Arena) -> list[Finding]:
    """Tills go on, and probes are answered."""
    findings = []
    for path in PATHS[:1] if arena.short else PATHS:
        compared = arena.compare(flood, path)
        name = f"64 ask for {path}"
        findings += [
            Finding(name, "tills, during / before", compared.throughput, 0.85, True, True),
            Finding(name, "tills turned away, beyond before", compared.errors, 0.01, of_speed=True),
            Finding(name, "of a core, by itself", arena.load_of(flood, path), MOST_LOAD),
        ]
    with attacked(flood, arena.port, "/livez"):
        for path in ("/livez", "/readyz"):
            latencies_ms = arena.latencies_ms(path, arena.seconds)
            worst_ms = quantile_ms(latencies_ms, 0.99)
            findings.append(Finding("64 ask for /livez", f"{path} p99, ms", worst_ms, 250, of_speed=True))
    return findings


def wrong_keys(arena: Arena) -> list[Finding]:
    """Tills of the same address go on; after twenty, guesses are answered 429."""
    compared = arena.compare(guess)
    load = run_load(LOOPBACK, arena.port, guesses(), connections=CONNECTIONS, seconds=1.0)
    told = 1 - load.errors.get("401", 0) / load.answers
    return [
        Finding("wrong keys", "tills, during / before", compared.throughput, 0.85, True, True),
        Finding("wrong keys", "tills turned away, beyond before", compared.errors, 0.01, of_speed=True),
        Finding("wrong keys", "of a core, by itself", arena.load_of(guess), MOST_LOAD),
        Finding("wrong keys", "guesses answered a second", load.answers / load.seconds, 1000),
        Finding("wrong keys", "of these not even looked at", told, 0.9, True),
    ]
