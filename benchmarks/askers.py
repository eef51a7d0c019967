"""Askers: thousands of decisions asked for at once, each until it is answered, and a book of what was heard.

The catalogue that they ask by has two actions with a budget or a cap over all customers, then one without; and one by
e-mail, of which each customer is to have one.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import httpx

from benchmarks.tills import NO_ANSWER

Json = dict[str, Any]

BUDGETED: Final = "budgeted"
CAPPED: Final = "capped"
PLAIN: Final = "plain"
WRITTEN: Final = "written"
COST: Final = 2.5
WRITTEN_TO: Final = "C-written-to"
CONNECTIONS: Final = 256
RETRY_S: Final = (0.02, 0.2)
REQUEST_S: Final = 30.0
SEEN_S: Final = 3.0
"""In which every worker has seen a change of the catalogue, or that there is some left; it is promised within two."""


class Ask(NamedTuple):
    """A decision to be asked for. Not `is_shown`: it is only prepared."""

    customer_id: str
    channel: str = "store"
    max_actions: int = 1
    is_shown: bool = True


@dataclass(slots=True)
class Heard:
    """What the askers know: answers, by decision; of which decisions nothing was shown yet."""

    answers: dict[str, list[str]] = field(default_factory=dict)
    prepared: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    """Answers that nobody should get."""


class Askers:
    """Asks until it is answered."""

    def __init__(self, url: str, key: str, seed: int) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=REQUEST_S,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            trust_env=False,
        )
        self._at_once = asyncio.Semaphore(CONNECTIONS)
        self._draw = random.Random(seed)
        self.heard = Heard()

    async def close(self) -> None:
        await self._client.aclose()

    async def prepare(self, budget: int, cap: int) -> None:
        """Puts the catalogue and the contact policy in force, and has the one who is written to consent."""
        actions = make_actions(budget, cap)
        for action in (await self._call("GET", "/v1/actions"))["actions"]:
            await self._call("DELETE", f"/v1/actions/{action['action_id']}")
        for action in actions:
            await self._call("PUT", f"/v1/actions/{action['action_id']}", action)
        await self._call("PUT", "/v1/contact-policy", {"caps": [_ONE_A_WEEK], "quiet_hours": []})
        await self._call("POST", "/v1/events", _CONSENT)
        await asyncio.sleep(SEEN_S)

    async def ask_all(self, asks: list[Ask]) -> None:
        """Asks all at once, in an order drawn at random; as many are under way as there are connections."""
        self._draw.shuffle(asks)
        async with asyncio.TaskGroup() as group:
            for ask in asks:
                group.create_task(self._ask(ask))

    async def activate(self, decision_id: str) -> None:
        """Tells that a prepared decision is shown."""
        async with self._at_once:
            await self._retry("POST", f"/v1/decisions/{decision_id}/activate", None)

    async def _ask(self, ask: Ask) -> None:
        body = {"customer_id": ask.customer_id, "channel": ask.channel, "max_actions": ask.max_actions}
        async with self._at_once:
            answer = await self._retry("POST", "/v1/decisions", {**body, "activate": ask.is_shown})
        self.heard.answers[answer["decision_id"]] = [action["action_id"] for action in answer["actions"]]
        if not ask.is_shown:
            self.heard.prepared.append(answer["decision_id"])

    async def _retry(self, method: str, path: str, body: Json | None) -> Json:
        while True:
            try:
                response = await self._client.request(method, path, json=body)
            except httpx.TransportError as error:
                self.heard.statuses[type(error).__name__] += 1
            else:
                self.heard.statuses[str(response.status_code)] += 1
                if response.is_success:
                    told: Json = response.json()
                    return told
                if response.status_code not in NO_ANSWER:
                    self.heard.unexpected.append(f"{response.status_code} {response.text}")
                    raise RuntimeError(response.text)
            await asyncio.sleep(self._draw.uniform(*RETRY_S))

    async def _call(self, method: str, path: str, body: Json | None = None) -> Json:
        response = await self._client.request(method, path, json=body)
        response.raise_for_status()
        told: Json = response.json() if response.content else {}
        return told


_ONE_A_WEEK: Final = {"scope": "all", "most": 1, "window_days": 7}
_CONSENT: Final = {
    "specversion": "1.0",
    "id": "consent",
    "source": "/rush",
    "type": "consent.changed",
    "subject": WRITTEN_TO,
    "time": "2026-01-01T00:00:00Z",
    "data": {"purpose": "marketing", "granted": True},
}


def make_actions(budget: int, cap: int) -> list[Json]:
    """The catalogue: `budget` and `cap` are how often the first two may be given. What is left of the money does not
    pay for one more."""
    return [
        _action(BUDGETED, effect=1.0, cost=COST, budget=(budget + 0.9) * COST),
        _action(CAPPED, effect=0.4, total_cap=cap),
        _action(PLAIN, effect=0.1),
        _action(WRITTEN, effect=0.1, channels=["email"]),
    ]


def _action(action_id: str, **told: Any) -> Json:
    return {
        "action_id": action_id,
        "title": {"en": action_id, "zh": action_id},
        "stages": ["prospect", "new", "growing", "mature", "declining", "lost"],
        "channels": ["store"],
        "aim": "grow",
        "response_rate": 0.5,
        "cool_down_days": 0,
        **told,
    }
