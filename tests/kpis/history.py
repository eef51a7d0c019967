"""A shop of eleven persons in March 2025, whose every KPI is worked out by hand.

Times are of Asia/Shanghai. Someone is a customer for 90 days after an order: at the beginning of March whoever ordered
since 1 December, at its end since 1 January.
"""

ORDERS = "/import/shop"
"""A source whose orders have an identity: they can be cancelled."""


def local(day, clock="10:00:00"):
    return f"{day}T{clock}+08:00"


class History:
    """Makes the events."""

    def __init__(self, shop):
        self.shop = shop

    def order(self, who, day, total, *, clock="10:00:00", source="/pos/store-1/till-1", channel="store", **data):
        made = self.shop.order(who, total=total, at=local(day, clock), channel=channel, **data)
        return {**made, "source": source}

    def tell(self, type_, who, day, data, *, clock="10:00:00", source="/pos/store-1/till-1"):
        return self.shop.event(type_, who, at=local(day, clock), data=data, source=source)

    def orders(self):
        dairy = {"product_id": "milk", "category": "dairy", "price": 20.0, "quantity": 2}
        bread = {"product_id": "bread", "category": "bakery", "price": 50.0, "quantity": 1, "discount": 10.0}
        anonymous = self.order("x", "2025-03-12", 25)
        del anonymous["subject"]
        return [
            self.order("A", "2025-01-10", 100),
            self.order("A", "2025-03-05", 120, discount=30.0),
            self.order("A", "2025-03-20", 80, products=[dairy, bread]),
            self.order("B", "2024-12-10", 50),
            self.order("C", "2024-11-20", 60),
            self.order("C", "2025-03-10", 40, source="/pos/store-2/till-1"),
            self.order("D", "2025-03-15", 200, source="/web", channel="web"),
            self.order("E", "2025-03-31", 10, clock="23:59:59"),
            self.order("F", "2025-04-01", 999, clock="00:00:00"),
            self.order("G", "2025-02-20", 70),
            self.order("G", "2025-03-08", 90, source=ORDERS, order_id="G-2"),
            self.order("I1", "2025-02-01", 30),
            self.order("I2", "2025-03-02", 30),
            self.order("I2", "2025-03-09", 30),
            self.order("J", "2025-03-11", 300, order_id="J-1"),
            anonymous,
        ]

    def changes(self):
        """Told later: a cancellation, a refund, two ids that are one person."""
        return [
            self.tell("order.cancelled", "G", "2025-03-09", {"order_id": "G-2"}, source=ORDERS),
            self.tell("order.refunded", "J", "2025-03-25", {"order_id": "J-1", "total": 100.0, "channel": "store"}),
            self.tell("customer.merged", "I1", "2025-03-30", {"merged": "I2"}),
        ]

    def others(self):
        csat = [("A", 5), ("B", 4), ("C", 3)]
        nps = [("A", 10), ("B", 9), ("C", 7), ("D", 6)]
        answers = [("csat", who, score) for who, score in csat] + [("nps", who, score) for who, score in nps]
        return [
            self.tell("product.viewed", "D", "2025-03-14", {"channel": "web", "product_id": "milk"}, source="/web"),
            self.tell("store.visited", "H", "2025-03-03", {"channel": "store"}),
            self.tell("store.visited", "A", "2025-03-21", {"channel": "store"}),
            *(
                self.tell("feedback.submitted", who, "2025-03-16", {"metric": metric, "score": score})
                for metric, who, score in answers
            ),
            self.tell("case.opened", "A", "2025-03-03", {"case_id": "S-1", "kind": "question", "channel": "phone"}),
            self.tell("case.answered", "A", "2025-03-03", {"case_id": "S-1"}, clock="12:00:00"),
            self.tell("case.resolved", "A", "2025-03-03", {"case_id": "S-1"}, clock="20:00:00"),
            self.tell("case.opened", "B", "2025-03-10", {"case_id": "S-2", "kind": "complaint", "channel": "app"}),
            self.tell("case.answered", "B", "2025-03-12", {"case_id": "S-2"}),
            self.tell("case.resolved", "B", "2025-03-12", {"case_id": "S-2"}, clock="12:00:00"),
            self.tell("case.opened", "C", "2025-02-27", {"case_id": "S-3", "kind": "question"}),
            self.tell("points.earned", "A", "2025-01-10", {"points": 100}),
            self.tell("points.redeemed", "A", "2025-03-20", {"points": 30}),
            self.tell("points.earned", "I2", "2025-03-02", {"points": 50}),
            self.tell("points.earned", "A", "2025-04-02", {"points": 20}),
            self.tell("tier.changed", "B", "2025-02-01", {"tier": "gold"}),
        ]

    def everything(self):
        return [*self.orders(), *self.changes(), *self.others()]
