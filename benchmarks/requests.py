"""Requests of other kinds than a checkout, as whole HTTP requests, ready to send."""

import json
import random
from collections.abc import Iterator
from itertools import cycle

from benchmarks.baskets import checkouts

FIRST = 64


def scores(port: int, api_key: str, customers: int, *, seed: int = 0) -> Iterator[bytes]:
    """Endless `GET /v1/customers/{id}/score` of customers C-1 … at random."""
    chance = random.Random(seed)
    while True:
        yield get(port, api_key, f"/v1/customers/C-{1 + int(chance.random() * customers)}/score")


def mixture(port: int, api_key: str, *, seed: int = 0) -> Iterator[bytes]:
    """Endless: a checkout, an event, a score, a decision, a profile, and so on; of customers that repeat.

    It begins with checkouts and events alone, so that who is asked for has had one answered.
    """
    sent = checkouts(port, api_key=api_key, seed=seed)
    seen: list[str] = []
    for kind in cycle(("checkout", "event", "score", "decision", "profile")):
        if kind in ("checkout", "event") or len(seen) < FIRST:
            request = next(sent)
            event = json.loads(request.partition(b"\r\n\r\n")[2])["event"]
            seen.append(event["subject"])
            yield request if kind == "checkout" else post(port, api_key, "/v1/events", event)
            continue
        customer_id = seen[len(seen) // 2]  # whose event was answered long ago
        if kind == "decision":
            yield post(port, api_key, "/v1/decisions", {"customer_id": customer_id, "max_actions": 2})
        else:
            yield get(port, api_key, f"/v1/customers/{customer_id}{'/score' if kind == 'score' else ''}")


def _head(method: str, path: str, port: int, api_key: str) -> str:
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {api_key}\r\n"


def get(port: int, api_key: str, path: str) -> bytes:
    """A request of a path."""
    return f"{_head('GET', path, port, api_key)}\r\n".encode("ascii")


def post(port: int, api_key: str, path: str, value: object) -> bytes:
    """A request with a body."""
    body = json.dumps(value)
    of_json = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return f"{_head('POST', path, port, api_key)}{of_json}{body}".encode("ascii")
