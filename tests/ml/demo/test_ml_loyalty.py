"""Points and tiers of the demo shop."""

from collections import defaultdict

from tests.ml.demo.shop import minor, of_type


def test_points_are_earned_on_orders_and_never_spent_before(events, orders):
    totals = {order["data"]["order_id"]: minor(order["data"]["total"]) for order in orders}
    balance: dict[str, int] = defaultdict(int)
    for event in of_type(events, "points.earned", "points.redeemed", "points.expired"):
        data = event["data"]
        if event["type"] == "points.earned":
            assert data["points"] == totals[data["order_id"]] // 100
        balance[event["subject"]] += data["points"] * (1 if event["type"] == "points.earned" else -1)
        assert balance[event["subject"]] >= 0


def test_tiers_rise_and_fall(events):
    rank = ["basic", "silver", "gold", "platinum"]
    tiers: dict[str, int] = defaultdict(int)
    moves = []
    for event in of_type(events, "tier.changed"):
        tier = rank.index(event["data"]["tier"])
        moves.append(tier - tiers[event["subject"]])
        tiers[event["subject"]] = tier
    assert 0 not in moves
    assert min(moves) < 0 < max(moves)
