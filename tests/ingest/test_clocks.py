"""A wrong clock does not lose a sale, and a repeat of it is a duplicate whenever it comes."""

import pytest

from app.foundation.times import iso
from app.ingest.admission import admit, admit_or_reject, admit_with_warnings
from app.ingest.clocks import right_time
from app.ingest.refusals import Rejection
from app.ingest.repeats import is_same_content
from app.ingest.rules import Rules
from app.ingest.segment.admission import admit_message
from app.lifecycle.events import DAY_US, Event

RULES = Rules("CNY", 2, b"k")
NOW_US = 1_800_000_000_000_000
MINUTE_US = 60_000_000
AHEAD_US = 10 * DAY_US


def told(**times):
    """Names and times, as offsets from now in microseconds, → what stands in an event."""
    return {name: iso(NOW_US + offset) for name, offset in times.items()}


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        (told(timestamp=-5 * MINUTE_US), -5 * MINUTE_US),
        (told(timestamp=-5 * MINUTE_US, sentAt=AHEAD_US, receivedAt=-MINUTE_US), -5 * MINUTE_US),
        (told(sentAt=AHEAD_US + 3 * MINUTE_US), -3 * MINUTE_US),
        (told(sentat=AHEAD_US + 3 * MINUTE_US), -3 * MINUTE_US),
        (told(timestamp=AHEAD_US, sentAt=AHEAD_US + 3 * MINUTE_US), -3 * MINUTE_US),
        (told(sentAt=AHEAD_US + 3 * MINUTE_US, receivedAt=-DAY_US), -DAY_US - 3 * MINUTE_US),
        (told(sentAt=AHEAD_US - MINUTE_US), 0),
        (told(sentAt=-MINUTE_US), -MINUTE_US),
        (told(sentAt=-MINUTE_US, receivedAt=0), 0),
        (told(receivedAt=-2 * DAY_US), -2 * DAY_US),
        (told(timestamp=AHEAD_US), None),
        (told(receivedAt=AHEAD_US), None),
        ({"timestamp": "soon", "sentAt": None, "receivedAt": 7}, None),
        ({}, None),
    ],
)
def test_the_right_time_is_the_first_that_is_possible(beside, expected):
    found = right_time(NOW_US + AHEAD_US, beside, NOW_US, 5 * MINUTE_US)
    assert found == (None if expected is None else NOW_US + expected)


def test_a_clock_that_began_before_1970_is_put_right_too():
    assert right_time(-5 * MINUTE_US, told(), NOW_US, AHEAD_US) is None
    assert right_time(-5 * MINUTE_US, {"sentAt": iso(-2 * MINUTE_US)}, NOW_US, AHEAD_US) == NOW_US - 3 * MINUTE_US


def order(us=NOW_US + AHEAD_US, **more):
    data = {"order_id": "A-1", "total": 10}
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "/pos",
        "type": "order.completed",
        "subject": "C-1",
        "time": iso(us),
        "data": data,
        **more,
    }


def test_without_a_right_time_a_limit_says_what_is_counted():
    assert isinstance(admit_or_reject(order(), RULES, NOW_US), Rejection)
    wide = RULES._replace(ahead_us=AHEAD_US)
    event = admit(order(), wide, NOW_US)
    assert event.occurred_us == NOW_US
    assert isinstance(admit_or_reject(order(NOW_US + AHEAD_US + MINUTE_US), wide, NOW_US), Rejection)
    assert admit(order(NOW_US + 4 * MINUTE_US), wide, NOW_US).occurred_us == NOW_US + 4 * MINUTE_US


@pytest.mark.parametrize("later_us", [1, DAY_US, 20 * DAY_US])
def test_a_repeat_is_no_other_event(later_us):
    """Counted at another time, and once the clock has caught up, as it is."""
    wide = RULES._replace(ahead_us=30 * DAY_US)
    first, again = admit(order(), wide, NOW_US), admit(order(), wide, NOW_US + later_us)
    assert (first.occurred_us != again.occurred_us, first.digest == again.digest) == (True, True)
    assert is_same_content(first, again)
    relayed = admit(order(data={"order_id": "A-1", "total": 10.0}), wide, NOW_US + later_us)
    assert (is_same_content(first, relayed), relayed.digest == first.digest) == (True, False)
    assert not is_same_content(first, admit(order(NOW_US + AHEAD_US + 1), wide, NOW_US))
    assert not is_same_content(first, admit(order(subject="C-2"), wide, NOW_US))


def message(**times):
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m-1",
        "userId": "C-1",
        "properties": {"order_id": "A-1", "total": 10},
        **told(**times),
    }


def counted(sent, now_us=NOW_US):
    event, warnings = admit_message(sent, "/segment", RULES, now_us)
    assert isinstance(event, Event)
    return event, warnings


def test_a_message_of_a_device_whose_clock_is_ahead():
    sent = message(originalTimestamp=AHEAD_US, sentAt=AHEAD_US + 2 * MINUTE_US, timestamp=-2 * MINUTE_US)
    event, warnings = counted(sent)
    assert event.occurred_us == NOW_US - 2 * MINUTE_US
    assert [(warned.path, warned.code) for warned in warnings] == [(("time",), "clock")]
    later = message(originalTimestamp=AHEAD_US, sentAt=AHEAD_US + DAY_US, timestamp=-MINUTE_US, receivedAt=0)
    again, _ = counted(later, NOW_US + DAY_US)
    assert again.digest == event.digest
    assert is_same_content(event, again)


def test_a_message_whose_clock_is_right_has_its_own_time():
    sent = message(originalTimestamp=-DAY_US, timestamp=-MINUTE_US, sentAt=0, receivedAt=0)
    event, warnings = counted(sent)
    assert (event.occurred_us, len(warnings)) == (NOW_US - DAY_US, 0)


async def test_a_batch_tells_when_it_was_sent(client, sql, shop):
    ahead = {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m-1",
        "userId": "C-1",
        "properties": {"order_id": "A-1", "total": 10},
        "timestamp": shop.ago(days=-10, minutes=3),
    }
    for sent_at in (shop.ago(days=-10), shop.ago(days=-10, seconds=-40)):
        response = await client.post("/v1/segment/v1/batch", json={"batch": [ahead], "sentAt": sent_at})
        (result,) = response.json()["results"]
        assert [warning["code"] for warning in result["warnings"]] == ["clock"]
    assert result["status"] == "duplicate"
    assert await sql.value("SELECT now() - to_timestamp(occurred_us / 1e6) BETWEEN '170 s' AND '230 s' FROM events")


async def test_a_sale_from_the_future_is_kept_and_counted_when_the_limit_allows(client, serve, sql, shop):
    event = shop.order(at=shop.ago(days=-2))
    assert (await client.post("/v1/checkouts", json={"event": event})).status_code == 422
    rejected_id = await sql.value("SELECT rejected_id FROM rejected_events")
    async with serve(ahead_minutes=3 * 24 * 60) as service:
        beyond = await service.client.post("/v1/events", json=shop.order(at=shop.ago(days=-4)))
        assert "ahead of now by more than 4320 minutes" in beyond.text
        replayed = await service.client.post(f"/v1/events/rejected/{rejected_id}:replay")
        assert replayed.json()["status"] == "accepted"
        answer = (await service.client.post("/v1/checkouts", json={"event": event})).json()
        assert answer["event"]["status"] == "duplicate"
        assert [(warning["pointer"], warning["code"]) for warning in answer["event"]["warnings"]] == [
            ("/event/time", "clock")
        ]
    assert await sql.value("SELECT abs(extract(epoch FROM now()) - occurred_us / 1e6) < 60 FROM events")


async def test_a_conflict_of_a_corrected_event_is_kept_as_it_was_sent_and_compared_so(client, sql, shop):
    event = {**shop.order(at=shop.ago(days=-2)), "timestamp": shop.ago(minutes=5)}
    assert (await client.post("/v1/events", json=event)).json()["accepted"] == 1
    other = {**event, "data": {**event["data"], "total": 77}}
    assert (await client.post("/v1/events", json=other)).status_code == 409
    rejected_id = await sql.value("SELECT rejected_id FROM rejected_events")
    assert (await client.post(f"/v1/events/rejected/{rejected_id}:replay")).status_code == 409


@pytest.mark.parametrize(
    "placeholder",
    [f"{day}T00:00:00{zone}" for day in ("1970-01-01", "0001-01-02") for zone in ("Z", "-05:00", "+14:00")],
)
def test_1970_stands_for_no_time(placeholder):
    """A right time beside it counts; without one the sale does, as a stray time, and it is told."""
    raw = {**order(), "time": placeholder, "sentAt": iso(NOW_US - 7 * MINUTE_US)}
    assert dated(raw) == (NOW_US - 7 * MINUTE_US, [("clock", False)])
    received = {**raw, "receivedAt": iso(NOW_US - 6 * MINUTE_US)}
    assert dated(received) == (NOW_US - 6 * MINUTE_US, [("clock", False)])


def test_1970_alone_is_kept_and_told():
    assert dated({**order(), "time": "1970-01-01T00:00:00Z"}) == (0, [("clock", True)])


def dated(raw):
    """When, and of each warning its code and whether it tells of a stray time."""
    event, warnings = admit_with_warnings(raw, RULES, NOW_US)
    assert isinstance(event, Event)
    return event.occurred_us, [(each.code, "stray" in each.detail) for each in warnings]
