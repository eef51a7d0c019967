"""`GET /v1/kpis/stages`: the counts of `GET /v1/stages` at the ends of months."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

ZONE = ZoneInfo("Asia/Shanghai")
ADD = """
INSERT INTO stage_transitions (customer_id, at_us, from_stage, to_stage, rule, cause, recorded_us, is_computed)
VALUES (:who, :at, :from, :to, 'first_order_is_recent', 'event', :at, :computed)
"""


def us(day, clock="00:00:00"):
    return round(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZONE).timestamp()) * 1_000_000


@pytest.fixture
async def moved(sql, client):
    """A is new in January, grows at the very end of February, leaves the record in March; B is lost in March."""
    rows = [
        ("A", us("2025-01-10"), None, "new", True),
        ("A", us("2025-03-01"), "new", "growing", False),
        ("A", us("2025-03-01") + 1, "growing", None, False),
        ("B", us("2025-02-03"), None, "mature", False),
        ("B", us("2025-03-20"), "mature", "lost", False),
    ]
    for who, at, from_, to, computed in rows:
        await sql.rows(ADD, who=who, at=at, to=to, computed=computed, **{"from": from_})


async def ask(client, **query):
    response = await client.get("/v1/kpis/stages", params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_customers_are_where_their_last_change_led_at_the_end_of_each_month(client, moved):
    answer = await ask(client, **{"from": "2024-12-01", "to": "2025-04-01"})
    told = {each["month"][:7]: {k: n for k, n in each["stages"].items() if n} for each in answer["months"]}
    assert told == {
        "2024-12": {},
        "2025-01": {"new": 1},
        "2025-02": {"growing": 1, "mature": 1},  # a change at the very end is in it, as of `GET /v1/stages`
        "2025-03": {"lost": 1},
    }
    assert answer["computed_afterwards"] == 1
    flows = await client.get(
        "/v1/stages", params={"from": "2025-02-01T00:00:00+08:00", "to": answer["months"][2]["at"]}
    )
    assert {each["stage"]: each["customers_to"] for each in flows.json()["stages"]} == answer["months"][2]["stages"]


async def test_a_month_that_is_not_over_is_as_of_now(client):
    first = datetime.now(ZONE).date().replace(day=1)
    (month,) = (await ask(client, **{"from": first.isoformat()}))["months"]
    assert (month["is_complete"], set(month["stages"].values())) == (False, {0})


@pytest.mark.parametrize(
    "query", [{}, {"from": "2025-01-02"}, {"from": "2025-01-01", "to": "2999-01-01"}, {"from": "2015-01-01"}]
)
async def test_series_are_of_whole_months(client, query):
    response = await client.get("/v1/kpis/stages", params=query)
    assert (response.status_code, response.json()["code"]) == (422, "malformed")
