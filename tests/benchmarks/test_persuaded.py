"""Orders that actions bring in the days of the demo shop: as often as was said, each once."""

from datetime import UTC, datetime, timedelta

import pytest

from app.lifecycle.default_actions import DEFAULT_ACTIONS
from benchmarks.persuaded import LIFTS, REDEEMED, WINDOW_DAYS, Persuaded, Shown

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1e6)
WINDOW_US = WINDOW_DAYS * 86_400_000_000
ORDERS = [
    {"id": "1", "source": "/demo/web", "type": "order.completed", "subject": f"C-{number}", "time": NOW.isoformat()}
    | {"data": {"order_id": f"O-{number}", "total": 10.0 + number, "channel": "web"}}
    for number in range(2)
]


def shown(number, action_id="second-order-coupon"):
    return Shown(f"d-{number}", action_id, NOW_US + WINDOW_US, True)


def test_actions_and_stages_are_those_of_the_catalogue():
    stages = {action.action_id: set(action.stages) for action in DEFAULT_ACTIONS}
    assert all(set(lifts) <= stages[action_id] for action_id, lifts in LIFTS.items())


def test_so_many_orders_are_brought_each_once_and_within_the_window():
    persuaded, count = Persuaded(1, ORDERS), 4000
    for number in range(count):
        persuaded.show("C-1", "new", shown(number), NOW_US)
    persuaded.show("C-1", "mature", shown(count), NOW_US)
    taken = persuaded.take_until(NOW_US + WINDOW_US)
    assert len(taken) / count == pytest.approx(LIFTS["second-order-coupon"]["new"], abs=0.02)
    assert len(taken) == len(persuaded.brought) == len({event["data"]["order_id"] for event in taken})
    assert persuaded.take_until(NOW_US + 10 * WINDOW_US) == []
    times = [datetime.fromisoformat(event["time"]) for event in taken]
    assert times == sorted(times)
    assert min(times) > NOW
    assert max(times) < NOW + timedelta(days=WINDOW_DAYS)
    assert {event["data"]["total"] for event in taken} == {11.0}
    assert set(persuaded.brought.values()) == {11.0}


def test_what_was_shown_is_redeemed_at_most_once_and_in_its_window():
    persuaded, told = Persuaded(1, ORDERS), []
    for number in range(1000):
        persuaded.show(f"C-{number}", "lost", shown(number, "membership-invitation"), NOW_US)
        told.append(persuaded.answer(f"C-{number}", NOW_US + 1))
    assert sum(map(len, told)) / 1000 == pytest.approx(REDEEMED, abs=0.05)
    assert {each["outcome"] for some in told for each in some} == {"redeemed"}
    for number, before in enumerate(told):
        assert not before or persuaded.answer(f"C-{number}", NOW_US + 2) == []
        assert persuaded.answer(f"C-{number}", NOW_US + WINDOW_US + 1) == []
