"""The demo shop keeps its promises: repeatable, ordered, told apart, and worth learning from."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from statistics import median

import pytest

from ml.demo.simulate import draw_shopper, simulate
from ml.demo.supermarket import CATEGORIES, PRODUCTS, find_peak, find_spring_festival

SEED, CUSTOMERS, DAYS = 7, 400, 730
UNTIL = datetime.fromisoformat("2026-11-22T15:30:00+08:00")
FIELDS = {  # of `data` by type: always there, sometimes there
    "order.completed": ({"order_id", "currency", "total", "discount", "channel", "products"}, set()),
    "order.refunded": ({"order_id", "total", "products"}, set()),
    "store.visited": ({"channel", "store"}, set()),
    "product.viewed": ({"product_id", "category", "channel"}, set()),
    "product.added": ({"product_id", "category", "channel"}, set()),
    "products.searched": ({"query", "channel"}, set()),
    "customer.identified": ({"identifiers"}, {"birthday"}),
    "consent.changed": ({"purpose", "channel", "granted"}, set()),
    "feedback.submitted": ({"metric", "score"}, {"text"}),
    "case.opened": ({"case_id", "kind", "cause"}, set()),
    "case.answered": ({"case_id"}, set()),
    "case.resolved": ({"case_id"}, set()),
    "points.earned": ({"points", "order_id"}, set()),
    "points.redeemed": ({"points", "order_id"}, set()),
    "points.expired": ({"points"}, set()),
    "tier.changed": ({"tier"}, set()),
}


@pytest.fixture(scope="module")
def events():
    return list(simulate(SEED, CUSTOMERS, UNTIL, DAYS))


@pytest.fixture(scope="module")
def orders(events):
    return of_type(events, "order.completed")


@pytest.fixture(scope="module")
def order_times(events):
    return find_order_times(events)


@pytest.fixture(scope="module")
def shoppers():
    return [draw_shopper(SEED, number, DAYS) for number in range(1, CUSTOMERS + 1)]


def of_type(events, *types):
    return [event for event in events if event["type"] in types]


def find_order_times(events):
    """Customer id → times of their orders, ascending; no entry for who never bought."""
    times = defaultdict(list)
    for order in of_type(events, "order.completed"):
        times[order["subject"]].append(datetime.fromisoformat(order["time"]))
    return dict(times)


def minor(amount):
    assert round(amount, 2) == amount
    return round(amount * 100)


def order_gaps_days(shoppers, order_times, rhythm):
    times = (order_times.get(s.customer_id, []) for s in shoppers if s.rhythm == rhythm)
    return [(later - earlier) / timedelta(days=1) for one in times for earlier, later in pairwise(one)]


def test_same_arguments_give_the_same_events(events):
    assert list(simulate(SEED, CUSTOMERS, UNTIL, DAYS)) == events


def test_another_seed_gives_another_shop():
    assert list(simulate(1, 5, UNTIL)) != list(simulate(2, 5, UNTIL))


def test_the_zone_of_until_does_not_matter():
    assert list(simulate(1, 5, UNTIL)) == list(simulate(1, 5, UNTIL.astimezone(UTC)))


def test_a_customer_does_not_change_when_the_shop_gets_more_of_them(events):
    def lives(some):
        return [(e["subject"], e["type"], e["time"], e["data"]) for e in some if e["subject"] <= "DEMO-000020"]

    assert lives(simulate(SEED, 20, UNTIL, DAYS)) == lives(events)


def test_events_are_in_time_order_within_the_window(events):
    times = [datetime.fromisoformat(event["time"]) for event in events]
    assert times == sorted(times)
    assert UNTIL - timedelta(days=DAYS) <= times[0]
    assert UNTIL - timedelta(days=1) < times[-1] <= UNTIL


def test_no_event_is_lost_or_added_at_the_end_of_the_window():
    evening = datetime.fromisoformat("2026-11-22T23:59:59+08:00")
    noon = evening.replace(hour=12)
    cut = [event for event in simulate(3, 40, evening) if datetime.fromisoformat(event["time"]) <= noon]
    assert list(simulate(3, 40, noon)) == cut


def test_source_and_id_identify_an_event(events):
    assert len({(event["source"], event["id"]) for event in events}) == len(events)


def test_envelope_is_a_cloud_event_of_plain_json(events):
    keys = {"specversion", "id", "source", "type", "subject", "time", "data"}
    for event in events:
        assert set(event) == keys
        assert event["specversion"] == "1.0"
        assert event["time"].endswith("+08:00")
        assert all(event[name].isascii() and 1 <= len(event[name]) <= 128 for name in ("source", "id"))
    assert json.loads(json.dumps(events, allow_nan=False)) == events


def test_everything_bears_the_mark_of_the_demo(events):
    assert all(event["source"].startswith("/demo/") for event in events)
    assert all(event["subject"].startswith("DEMO-") for event in events)
    for data in (event["data"] for event in events):
        named = [data.get("order_id"), data.get("case_id"), data.get("product_id")]
        named += [line["product_id"] for line in data.get("products", [])]
        assert all(name.startswith("DEMO-") for name in named if name is not None)


def test_identifiers_are_fictitious(events):
    given = [
        (one["kind"], one["value"])
        for event in of_type(events, "customer.identified")
        for one in event["data"]["identifiers"]
    ]
    assert {kind for kind, _ in given} == {"phone", "email"}
    assert all(value.startswith("+86100") for kind, value in given if kind == "phone")
    assert all(value.endswith("@example.com") for kind, value in given if kind == "email")
    assert len(set(given)) == len(given)


def test_exactly_the_promised_types_occur(events):
    assert {event["type"] for event in events} == set(FIELDS)


@pytest.mark.parametrize("kind", FIELDS)
def test_data_has_the_fields_of_its_type(events, kind):
    keys, optional = FIELDS[kind]
    found = [set(event["data"]) for event in of_type(events, kind)]
    assert all(keys <= fields <= keys | optional for fields in found)
    assert all(any(field in fields for fields in found) for field in optional)


def test_totals_are_the_products_less_the_discount_to_the_cent(orders):
    for data in (order["data"] for order in orders):
        subtotal = sum(minor(line["price"]) * line["quantity"] for line in data["products"])
        assert minor(data["total"]) == subtotal - minor(data["discount"])
        assert 0 <= data["discount"] < data["discount"] + data["total"]


def test_orders_carry_known_products_in_the_currency_asked_for(orders):
    known = {sold.product_id: sold for sold in PRODUCTS}
    for line in (line for order in orders for line in order["data"]["products"]):
        sold = known[line["product_id"]]
        assert (line["category"], line["name"]) == (sold.category, sold.name)
        assert minor(line["price"]) == sold.price_minor
        assert line["quantity"] >= 1
    assert {order["data"]["currency"] for order in orders} == {"CNY"}
    euros = of_type(simulate(SEED, 20, UNTIL, currency="EUR"), "order.completed")
    assert {order["data"]["currency"] for order in euros} == {"EUR"}


def test_order_ids_are_unique_and_channels_match_their_source(orders):
    assert len({order["data"]["order_id"] for order in orders}) == len(orders)
    prefixes = {"store": "/demo/pos/", "web": "/demo/web"}
    assert {order["data"]["channel"] for order in orders} == set(prefixes)
    assert all(order["source"].startswith(prefixes[order["data"]["channel"]]) for order in orders)


def test_refunds_undo_part_or_all_of_an_earlier_order_of_the_same_customer(events):
    paid, bought, owner = {}, {}, {}
    whole = 0
    for event in of_type(events, "order.completed", "order.refunded"):
        data = event["data"]
        order_id, total = data["order_id"], minor(data["total"])
        quantities = {line["product_id"]: line["quantity"] for line in data["products"]}
        if event["type"] == "order.completed":
            paid[order_id], bought[order_id], owner[order_id] = total, quantities, event["subject"]
            continue
        assert owner[order_id] == event["subject"]  # known by now, so the order came earlier
        assert total > 0
        whole += total == paid[order_id]
        paid[order_id] -= total
        assert paid[order_id] >= 0
        for product_id, quantity in quantities.items():
            bought[order_id][product_id] -= quantity
            assert bought[order_id][product_id] >= 0
    assert 0 < whole < len(of_type(events, "order.refunded"))


def test_cases_are_opened_then_answered_then_resolved_and_some_complaints_never(events):
    steps, kinds = defaultdict(list), {}
    for event in of_type(events, "case.opened", "case.answered", "case.resolved"):
        steps[event["data"]["case_id"]].append(event["type"])
        kinds.setdefault(event["data"]["case_id"], event["data"].get("kind"))
    full = ["case.opened", "case.answered", "case.resolved"]
    assert all(taken == full[: len(taken)] for taken in steps.values())
    assert set(kinds.values()) == {"complaint", "question"}
    resolved = [steps[case] == full for case, kind in kinds.items() if kind == "complaint"]
    assert 0.4 < sum(resolved) / len(resolved) < 0.85


def test_an_unresolved_complaint_ends_more_relations_than_a_resolved_one():
    stayed = defaultdict(list)
    events = list(simulate(11, 1_500, UNTIL))
    order_times = find_order_times(events)
    resolved = {event["data"]["case_id"] for event in of_type(events, "case.resolved")}
    regular = {
        s.customer_id
        for s in (draw_shopper(11, number, DAYS) for number in range(1, 1_501))
        if s.rhythm in {"weekly", "monthly"}
    }
    for event in of_type(events, "case.opened"):
        at = datetime.fromisoformat(event["time"])
        if event["data"]["kind"] == "complaint" and event["subject"] in regular and at < UNTIL - timedelta(days=90):
            came_back = any(at < time < at + timedelta(days=90) for time in order_times[event["subject"]])
            stayed[event["data"]["case_id"] in resolved].append(came_back)
    share = {known: sum(came) / len(came) for known, came in stayed.items()}
    assert share[True] > share[False] + 0.25


def test_feedback_is_on_its_scale_and_its_words_fit_the_score(events):
    scales = {"csat": range(1, 6), "nps": range(11)}
    words = defaultdict(set)
    for data in (event["data"] for event in of_type(events, "feedback.submitted")):
        assert data["score"] in scales[data["metric"]]
        low, high = {"csat": (2, 4), "nps": (6, 9)}[data["metric"]]
        tone = "negative" if data["score"] <= low else "positive" if data["score"] >= high else "neutral"
        words[tone].add(data.get("text"))
    words = {tone: texts - {None} for tone, texts in words.items()}
    assert all(words[tone] for tone in ("negative", "neutral", "positive"))
    assert not words["negative"] & words["positive"]
    assert not words["neutral"] & (words["positive"] | words["negative"])
    assert {text.isascii() for texts in words.values() for text in texts} == {True, False}


def test_points_are_earned_on_orders_and_never_spent_before(events, orders):
    totals = {order["data"]["order_id"]: minor(order["data"]["total"]) for order in orders}
    balance = defaultdict(int)
    for event in of_type(events, "points.earned", "points.redeemed", "points.expired"):
        data = event["data"]
        if event["type"] == "points.earned":
            assert data["points"] == totals[data["order_id"]] // 100
        balance[event["subject"]] += data["points"] * (1 if event["type"] == "points.earned" else -1)
        assert balance[event["subject"]] >= 0


def test_tiers_rise_and_fall(events):
    rank = ["basic", "silver", "gold", "platinum"]
    tiers, moves = defaultdict(int), []
    for event in of_type(events, "tier.changed"):
        tier = rank.index(event["data"]["tier"])
        moves.append(tier - tiers[event["subject"]])
        tiers[event["subject"]] = tier
    assert 0 not in moves
    assert min(moves) < 0 < max(moves)


def test_consent_is_given_and_withdrawn_by_channel(events):
    given = {(e["data"]["channel"], e["data"]["granted"]) for e in of_type(events, "consent.changed")}
    assert given == set(product(("email", "sms", "wechat", "phone", "push"), (True, False)))


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


def test_the_volume_of_events_suits_a_demo(events):
    assert 25 < len(events) / CUSTOMERS < 50


def test_refunds_are_small_beside_orders(events, orders):
    spent = sum(order["data"]["total"] for order in orders)
    returned = sum(refund["data"]["total"] for refund in of_type(events, "order.refunded"))
    assert 0 < returned < 0.1 * spent


def test_the_catalogue_is_a_shop_of_some_size():
    assert len(CATEGORIES) == 12
    assert len({sold.product_id for sold in PRODUCTS}) == len(PRODUCTS) == 120


@pytest.mark.parametrize("festival", ["2020-01-25", "2023-01-22", "2026-02-17", "2029-02-13", "2034-02-19"])
def test_spring_festival_is_right_to_a_day(festival):
    day = datetime.fromisoformat(festival).date()
    assert abs(find_spring_festival(day.year) - day) <= timedelta(days=1)


@pytest.mark.parametrize(("until", "days", "reason"), [(UNTIL.replace(tzinfo=None), 9, "zone"), (UNTIL, 1, "days")])
def test_a_window_without_zone_or_length_is_refused(until, days, reason):
    with pytest.raises(ValueError, match=reason):
        simulate(1, 1, until, days)


def test_a_shop_without_customers_is_empty():
    assert list(simulate(1, 0, UNTIL)) == []
