"""Customers of the demo shop differ as customers do, so that there is something to learn."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from ml.demo.catalogue import PRODUCTS
from ml.demo.seasons import find_peak
from tests.ml.demo.shop import DAYS, UNTIL


def order_gaps_days(shoppers, order_times, rhythm):
    times = (order_times.get(s.customer_id, []) for s in shoppers if s.rhythm == rhythm)
    return [(later - earlier) / timedelta(days=1) for one in times for earlier, later in pairwise(one)]


def test_prospects_look_and_never_buy(events, shoppers):
    prospects = {s.customer_id for s in shoppers if s.rhythm == "prospect"}
    types = {event["type"] for event in events if event["subject"] in prospects}
    assert "order.completed" not in types
    looks = {"store.visited", "product.viewed", "product.added", "products.searched"}
    assert types >= looks | {"customer.identified"}


def test_one_time_buyers_buy_once(order_times, shoppers):
    assert max(len(order_times.get(s.customer_id, [])) for s in shoppers if s.rhythm == "once") == 1


def test_weekly_shoppers_return_sooner_than_monthly_ones(order_times, shoppers):
    weekly = order_gaps_days(shoppers, order_times, "weekly")
    monthly = order_gaps_days(shoppers, order_times, "monthly")
    occasional = order_gaps_days(shoppers, order_times, "occasional")
    assert 4 < median(weekly) < 11
    assert 15 < median(monthly) < 45
    assert median(weekly) * 2 < median(monthly) < median(occasional)


def test_seasonal_shoppers_buy_mainly_in_their_season(order_times, shoppers):
    inside = [
        find_peak(time.date()) == shopper.season
        for shopper in shoppers
        if shopper.rhythm == "seasonal"
        for time in order_times.get(shopper.customer_id, [])
    ]
    assert sum(inside) / len(inside) > 0.7


def test_some_customers_return_after_a_long_silence(order_times, shoppers):
    weekly = [order_times.get(s.customer_id, []) for s in shoppers if s.rhythm == "weekly"]
    silent = [any(b - a > timedelta(days=95) for a, b in pairwise(times)) for times in weekly]
    assert 0.02 < sum(silent) / len(silent) < 0.3


def test_staples_are_bought_again_at_their_interval(orders, shoppers):
    bought = defaultdict(list)
    for order in orders:
        for line in order["data"]["products"]:
            bought[order["subject"], line["product_id"]].append(datetime.fromisoformat(order["time"]))
    ratios = [
        (later - earlier) / timedelta(days=interval_days)
        for shopper in shoppers
        if shopper.rhythm == "weekly"
        for staple, interval_days in shopper.taste.staples.items()
        if interval_days > 20  # a shorter one is bounded by the shopping trips
        for earlier, later in pairwise(bought[shopper.customer_id, PRODUCTS[staple].product_id])
    ]
    assert len(ratios) > 50
    assert sum(0.85 < ratio < 1.5 for ratio in ratios) / len(ratios) > 0.8


def test_the_price_sensitive_buy_on_discount_more_often(orders, shoppers):
    sensitivity = {shopper.customer_id: shopper.price_sensitivity for shopper in shoppers}
    middle = median(sensitivity[order["subject"]] for order in orders)
    shares = defaultdict(list)
    for order in orders:
        shares[sensitivity[order["subject"]] > middle].append(order["data"]["discount"] > 0)
    share = {above: sum(off) / len(off) for above, off in shares.items()}
    assert share[True] > 1.5 * share[False] > 0


def test_between_a_third_and_two_thirds_of_the_buyers_stay_away_for_90_days(order_times):
    cutoff = UNTIL - timedelta(days=DAYS / 2)
    known = [times for times in order_times.values() if times[0] < cutoff]
    gone = [not any(cutoff <= time < cutoff + timedelta(days=90) for time in times) for times in known]
    assert 0.35 <= sum(gone) / len(gone) <= 0.65


def test_the_silence_that_means_leaving_differs_between_rhythms(order_times, shoppers):
    """Recency alone is beatable: silent for 30 to 60 days, the weekly are gone and the occasional are not."""
    cutoffs = [UNTIL - timedelta(days=days) for days in (91, 181, 271, 361)]
    gone = defaultdict(list)
    for shopper in shoppers:
        times = order_times.get(shopper.customer_id, [])
        for cutoff in cutoffs:
            last = max((time for time in times if time < cutoff), default=None)
            if last and timedelta(days=30) <= cutoff - last < timedelta(days=60):
                back = any(cutoff <= time < cutoff + timedelta(days=90) for time in times)
                gone[shopper.rhythm].append(not back)
    share = {rhythm: sum(flags) / len(flags) for rhythm, flags in gone.items()}
    assert share["weekly"] > share["occasional"] + 0.2
