"""Random histories of five years, of every kind of event: what leaves of them must leave no trace in a state."""

import random
from datetime import timedelta
from typing import Any

SHOP, TILL = "/woocommerce/tea.example.com", "/pos/store-1/till-1"
DAYS = 1800
ITEMS = ("tea", "cup", "pot", "tin")
PLAIN: Any = (
    ("store.visited", lambda chance: {"channel": chance.choice(["store", "app"])}),
    ("product.viewed", lambda chance: {"product_id": chance.choice(ITEMS)}),
    ("product.added", lambda chance: {"product_id": chance.choice(ITEMS)}),
    ("feedback.submitted", lambda chance: {"metric": "csat", "score": chance.randint(1, 5)}),
    ("consent.changed", lambda chance: {"purpose": "marketing", "granted": chance.random() < 0.5}),
    ("consent.changed", lambda chance: {"purpose": "research", "channel": "sms", "granted": chance.random() < 0.5}),
    ("case.opened", lambda chance: {"case_id": f"K{chance.randint(0, 2)}", "kind": "complaint"}),
    ("case.answered", lambda chance: {"case_id": f"K{chance.randint(0, 2)}"}),
    ("case.resolved", lambda chance: {"case_id": f"K{chance.randint(0, 2)}"}),
    ("points.earned", lambda chance: {"points": chance.randint(0, 99)}),
    ("tier.changed", lambda chance: {"tier": chance.choice(["gold", "silver"])}),
    ("customer.identified", lambda chance: {"birthday": f"19{chance.randint(50, 99)}-02-03"}),
    ("action.opened", lambda _: {"action_id": "welcome"}),
    ("something.else", lambda _: {}),
)


class Histories:
    """Makes events of a customer, each with the days since it happened. `suffix` tells customers, shops and phones of
    one telling from another's, so that the same history can be told twice."""

    def __init__(self, shop, seed, suffix="", *, now):
        self.shop, self.chance, self.suffix, self.now = shop, random.Random(seed), suffix, now
        self._numbers = 0

    def _event(self, type_, customer, days, source, data):
        self._numbers += 1
        at, id_ = (self.now - timedelta(days=days)).isoformat(), f"e{self._numbers}"
        return self.shop.event(type_, f"{customer}{self.suffix}", at=at, data=data, id=id_, source=source + self.suffix)

    def _lines(self):
        names = self.chance.sample(ITEMS, self.chance.randint(1, 3))
        return [{"product_id": name, "price": 10, "quantity": self.chance.randint(1, 3)} for name in names]

    def order(self, customer, number, days, source):
        """An order, and at random what is said of it within a year."""
        chance, lines = self.chance, self._lines()
        total = sum(line["price"] * line["quantity"] for line in lines)
        data = {"order_id": number, "total": total, "products": lines, "channel": chance.choice(["store", "web"])}
        if chance.random() < 0.3:
            data["identifiers"] = [{"kind": "phone", "value": f"+86138001380{chance.randint(10, 14)}"}]
        told = [self._event("order.completed", customer, days, source, data)]

        def later():
            return max(days - chance.random() * 360, 0.01)

        if chance.random() < 0.3:
            given = {"order_id": number, "products": lines[:1], "total": lines[0]["price"]}
            told.append(self._event("order.refunded", customer, later(), source, given))
        if chance.random() < 0.2:
            told.append(self._event("order.refunded", customer, later(), source, {"order_id": number, "total": total}))
        if chance.random() < 0.3:
            earned = {"order_id": number, "points": chance.randint(1, 9)}
            told.append(self._event("points.earned", customer, later(), source, earned))
        if source == SHOP and chance.random() < 0.2:
            told.append(self._event("order.updated", customer, later(), source, {**data, "total": total + 5}))
        if source == SHOP and chance.random() < 0.1:
            told.append(self._event("order.cancelled", customer, later(), source, {"order_id": number}))
        return told

    def make(self, customers=("A", "B", "C")):
        """All that happened to some customers, two of whom are one for some time, in any order."""
        told = []
        for customer in customers:
            for place in range(9):
                days = self.chance.random() * DAYS
                source = self.chance.choice([SHOP, TILL])
                number = f"{customer}{place}" if source == SHOP else str(place % 5)
                told += self.order(customer, number, days, source)
            for _ in range(25):
                type_, data = self.chance.choice(PLAIN)
                told.append(self._event(type_, customer, self.chance.random() * DAYS, TILL, data(self.chance)))
        merged = {"merged": f"{customers[1]}{self.suffix}"}
        told.append(self._event("customer.merged", customers[0], 900, "/crm", merged))
        if self.chance.random() < 0.5:
            told.append(self._event("customer.unmerged", customers[0], 400, "/crm", merged))
        self.chance.shuffle(told)
        return told
