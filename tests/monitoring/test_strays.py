"""Events dated far before the shop began are named."""

import pytest

from app.lifecycle.events import DAY_US
from app.lifecycle.strays import find_strays

YEAR_US = 365 * DAY_US
NOW_US = 56 * YEAR_US
CASES = {
    "nothing": ([], None),
    "a shop": ([50 * YEAR_US, 51 * YEAR_US], None),
    "one stray": ([0, 50 * YEAR_US, 51 * YEAR_US], (1, 0, 50 * YEAR_US)),
    "strays apart": ([-70 * YEAR_US, 0, 30 * YEAR_US, 50 * YEAR_US], (3, -70 * YEAR_US, 50 * YEAR_US)),
    "one customer, who has one": ([0], (1, 0, NOW_US)),
    "a shop that closed": ([40 * YEAR_US + day * DAY_US for day in range(20)], None),
    "a shop of long ago": ([day * 1_000 * DAY_US for day in range(20)], None),
}


@pytest.mark.parametrize(("earliest_us", "found"), CASES.values(), ids=CASES)
def test_strays_are_those_before_a_silence_of_years(earliest_us, found):
    assert find_strays(earliest_us, NOW_US) == found


async def test_health_names_them(client, shop):
    for number in range(6):
        await client.post("/v1/events", json=shop.order(f"C-{number}", at=shop.ago(days=30 + number)))
    told = (await client.get("/health")).json()["checks"]["events:times"][0]
    assert (told["status"], told["observedValue"]) == ("pass", 0)
    await client.post("/v1/events", json=shop.order("C-3", at="1970-01-01T00:00:00Z"))
    told = (await client.get("/health")).json()["checks"]["events:times"][0]
    assert (told["status"], told["observedValue"], told["observedUnit"]) == ("warn", 1, "customers")
    assert "the first at 1970-01-01T00:00:00.000Z" in told["output"]
