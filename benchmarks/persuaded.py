"""Customers whom actions move by so much: what of the demo shop's next weeks is theirs anyway, and what is brought."""

import heapq
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np

from app.lifecycle.events import ORDER_COMPLETED

LIFTS: Final[Mapping[str, Mapping[str, float]]] = {
    "first-order-coupon": {"prospect": 0.05},
    "personal-suggestions": {"prospect": 0.02},
    "second-order-coupon": {"new": 0.1},
    "welcome-pack": {"new": 0.03},
    "membership-invitation": {},
    "personal-recommendations": {"growing": 0.06, "mature": 0.04},
    "points-multiplier": {"growing": 0.05},
    "bundle-offer": {"growing": 0.08},
    "tier-up-nudge": {"growing": 0.02},
    "cross-sell": {"mature": 0.06},
    "early-access": {"mature": 0.1},
    "replenishment-reminder": {"growing": 0.04, "mature": 0.08, "declining": 0.15},
    "targeted-offer": {"declining": 0.05},
    "win-back-offer": {"lost": 0.03},
}
"""Action → stage → the chance that a customer to whom it is shown places an order, within WINDOW_DAYS, that they would
not have placed. All others, such as invitations, surveys and greetings, bring none."""
WINDOW_DAYS: Final = 7
REDEEMED: Final = 0.6
"""Of what costs something, with the next order in the window, whether it brought that order or not."""
ACCEPTED: Final = 0.3
"""The same of what costs nothing."""


class Shown(NamedTuple):
    decision_id: str
    action_id: str
    until_us: int
    has_cost: bool


class Persuaded:
    """Orders that actions bring, and words of what was taken. `orders` are the events that such an order is like."""

    def __init__(self, seed: int, orders: Sequence[Mapping[str, Any]]) -> None:
        self._draw = np.random.default_rng(seed)
        self._all = list(orders)
        self._own: dict[str, list[Mapping[str, Any]]] = {}
        for order in orders:
            self._own.setdefault(order["subject"], []).append(order)
        self._coming: list[tuple[int, int, dict[str, Any]]] = []
        self._shown: dict[str, list[Shown]] = {}
        self._count = 0
        self.brought: dict[str, float] = {}
        """Decision → the total of the orders that it brought."""

    def show(self, customer_id: str, stage: str, shown: Shown, at_us: int) -> None:
        """What was shown at `at_us` may bring an order, of a basket of theirs, or of others where they had none."""
        self._shown.setdefault(customer_id, []).append(shown)
        if self._draw.random() >= LIFTS.get(shown.action_id, {}).get(stage, 0.0):
            return
        known = self._own.get(customer_id) or self._all
        like = known[int(self._draw.integers(len(known)))]
        due_us = at_us + int(self._draw.uniform(0.1, WINDOW_DAYS - 0.5) * 86_400e6)
        self._count += 1
        data = {**like["data"], "order_id": f"DEMO-brought-{self._count:06d}"}
        event = {
            **like,
            "id": f"brought-{self._count:06d}",
            "source": like["source"],
            "subject": customer_id,
            "data": data,
        }
        event["time"] = datetime.fromtimestamp(due_us / 1e6).astimezone().isoformat()
        heapq.heappush(self._coming, (due_us, self._count, event))
        self.brought[shown.decision_id] = self.brought.get(shown.decision_id, 0.0) + float(data["total"])

    def take_until(self, until_us: int) -> list[dict[str, Any]]:
        """The orders brought that are placed before `until_us`, each once."""
        taken = []
        while self._coming and self._coming[0][0] < until_us:
            taken.append(heapq.heappop(self._coming)[2])
        return taken

    def answer(self, customer_id: str, at_us: int) -> list[dict[str, Any]]:
        """What is taken with an order placed at `at_us`, as the service is told of outcomes; each once."""
        told, left = [], []
        for shown in self._shown.pop(customer_id, ()):
            if at_us > shown.until_us:
                continue
            if self._draw.random() < (REDEEMED if shown.has_cost else ACCEPTED):
                outcome = "redeemed" if shown.has_cost else "accepted"
                told.append({"decision_id": shown.decision_id, "action_id": shown.action_id, "outcome": outcome})
            else:
                left.append(shown)
        if left:
            self._shown[customer_id] = left
        return told


def orders_of(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [event for event in events if event["type"] == ORDER_COMPLETED]
