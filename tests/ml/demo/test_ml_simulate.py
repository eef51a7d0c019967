"""The demo shop keeps its promises: repeatable, ordered, told apart."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from ml.demo.simulate import simulate
from tests.ml.demo.shop import CUSTOMERS, DAYS, SEED, UNTIL, of_type

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


def test_exactly_the_promised_types_occur(events):
    assert {event["type"] for event in events} == set(FIELDS)


@pytest.mark.parametrize("kind", FIELDS)
def test_data_has_the_fields_of_its_type(events, kind):
    keys, optional = FIELDS[kind]
    found = [set(event["data"]) for event in of_type(events, kind)]
    assert all(keys <= fields <= keys | optional for fields in found)
    assert all(any(field in fields for fields in found) for field in optional)


def test_order_ids_are_unique_and_channels_match_their_source(orders):
    assert len({order["data"]["order_id"] for order in orders}) == len(orders)
    prefixes = {"store": "/demo/pos/", "web": "/demo/web"}
    assert {order["data"]["channel"] for order in orders} == set(prefixes)
    assert all(order["source"].startswith(prefixes[order["data"]["channel"]]) for order in orders)


def test_the_volume_of_events_suits_a_demo(events):
    assert 25 < len(events) / CUSTOMERS < 50


@pytest.mark.parametrize(("until", "days", "reason"), [(UNTIL.replace(tzinfo=None), 9, "zone"), (UNTIL, 1, "days")])
def test_a_window_without_zone_or_length_is_refused(until, days, reason):
    with pytest.raises(ValueError, match=reason):
        simulate(1, 1, until, days)


def test_a_shop_without_customers_is_empty():
    assert list(simulate(1, 0, UNTIL)) == []
