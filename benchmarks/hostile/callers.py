"""One valid key that asks for as much work as it can, four requests at a time, beside the tills."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from benchmarks.baskets import CUSTOMERS
from benchmarks.hostile.arena import Arena
from benchmarks.hostile.findings import Finding
from benchmarks.load import LoadFailed, run_load
from benchmarks.processes import LOOPBACK
from benchmarks.requests import post

AT_ONCE: Final = 4
MANY: Final = 1000
CONTEXT_BYTES: Final = 1_000_000


def _score_batch(port: int, key: str, as_of: str | None = None) -> bytes:
    asked: dict[str, Any] = {"customer_ids": [f"C-{number % CUSTOMERS}" for number in range(MANY)]}
    return post(port, key, "/v1/scores:batch", asked if as_of is None else {**asked, "as_of": as_of})


def _past_batch(port: int, key: str) -> bytes:
    return _score_batch(port, key, datetime.now(UTC).isoformat())


def _event_batch(port: int, key: str) -> bytes:
    run, now = uuid.uuid4().hex, datetime.now(UTC).isoformat()
    events = [
        {
            "specversion": "1.0",
            "id": f"{run}-{number}",
            "source": "/backend",
            "type": "order.completed",
            "subject": f"C-{number % CUSTOMERS}",
            "time": now,
            "data": {"order_id": f"{run}-{number}", "total": 12.5},
        }
        for number in range(MANY)
    ]
    return post(port, key, "/v1/events", events)


def _large_context(port: int, key: str) -> bytes:
    nested: Any = {}
    for _ in range(20):
        nested = {"a": nested}
    context = {"x": [nested] * (CONTEXT_BYTES // len(json.dumps(nested)))}
    return post(port, key, "/v1/decisions", {"customer_id": "C-1", "context": context})


KINDS: Final[Mapping[str, Callable[[int, str], bytes]]] = {
    "score batches": _score_batch,
    "score batches of the past": _past_batch,
    "event batches": _event_batch,
    "nested contexts": _large_context,
}


def ask_for_much(port: int, kind: str, key: str) -> None:
    """Attack: four requests of a kind at a time, the next as soon as one is answered."""

    def requests() -> Iterator[bytes]:
        while True:
            yield KINDS[kind](port, key)

    while True:
        try:
            run_load(LOOPBACK, port, requests(), connections=AT_ONCE, seconds=60)
        except LoadFailed:
            time.sleep(0.1)


def greedy_callers(arena: Arena) -> list[Finding]:
    """Whatever one key asks for, tills go on."""
    findings = []
    for kind in KINDS:
        compared = arena.compare(ask_for_much, kind, arena.service.api_key)
        findings += [
            Finding(kind, "tills, during / before", compared.throughput, 0.7, at_least=True, of_speed=True),
            Finding(kind, "memory, MB", arena.resident_mb, 300, of_speed=True),
        ]
    return findings
