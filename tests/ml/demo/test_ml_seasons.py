"""The demo shop's calendar."""

from datetime import datetime, timedelta

import pytest

from ml.demo.seasons import find_spring_festival


@pytest.mark.parametrize("festival", ["2020-01-25", "2023-01-22", "2026-02-17", "2029-02-13", "2034-02-19"])
def test_spring_festival_is_right_to_a_day(festival):
    day = datetime.fromisoformat(festival).date()
    assert abs(find_spring_festival(day.year) - day) <= timedelta(days=1)
