"""Moments in a query, and the limits they have."""

from datetime import UTC, datetime, timedelta

import pytest

from app.foundation.errors import Malformed
from app.foundation.times import iso
from app.http.times import check_past, read_moment

NOW_US = 1_795_344_000_000_000
"""2026-11-22T10:40:00Z."""
MINUTE_US = 60_000_000


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("2026-11-22", NOW_US - 640 * MINUTE_US),
        ("1970-01-01", 0),
        ("2026-11-22T10:40:00Z", NOW_US),
        ("2026-11-22T18:40:00+08:00", NOW_US),
        ("2026-11-22T18:40:00 08:00", NOW_US),
        ("2026-11-22T10:39:59.999999Z", NOW_US - 1),
    ],
)
def test_a_day_or_a_time_is_read(text, us):
    assert read_moment(text, "since", NOW_US) == us


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "20261122", "2026-13-01", "2026-11-31", "2026-11-22T10:40:00", "1795344000", "22.11.2026"),
        *(
            "1969-12-31",
            "2026-11-23",
            "2026-11-22T10:46:00Z",
            "9999-12-31T23:59:59Z",
            "2026-W47-7",
            "2026-W47-7x",
            "0000-01-01",
        ),
    ],
)
def test_anything_else_is_refused_by_the_name_of_the_parameter(text):
    with pytest.raises(Malformed, match=r"^since: Give a "):
        read_moment(text, "since", NOW_US)


def test_a_clock_may_be_ahead_by_five_minutes():
    now = datetime.fromtimestamp(NOW_US / 1e6, UTC)
    ahead_us = NOW_US + 5 * MINUTE_US
    assert check_past(now + timedelta(minutes=5), "as_of", NOW_US) == ahead_us
    with pytest.raises(Malformed, match=r"^as_of: "):
        check_past(now + timedelta(minutes=5, microseconds=1), "as_of", NOW_US)


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (NOW_US, "2026-11-22T10:40:00.000Z"),
        (NOW_US + 1000, "2026-11-22T10:40:00.001Z"),
        (NOW_US + 1, "2026-11-22T10:40:00.000001Z"),
        (0, "1970-01-01T00:00:00.000Z"),
    ],
)
def test_a_moment_is_written_to_the_millisecond_or_finer_where_it_is(us, text):
    assert iso(us) == text
