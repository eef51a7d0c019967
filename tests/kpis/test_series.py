"""What is read once for many spans is what it is when each is counted by itself."""

import random
from datetime import date, timedelta

import pytest

FIRST = date(2025, 3, 1)
PARTS = ("value", "numerator", "denominator")
COMPARED = ("crr", "customers", "repurchase_rate", "new_customers")


@pytest.fixture
async def busy(history, send):
    """Twelve persons who order now and then over a year and a half, so that many are lost and come back."""
    chance = random.Random(7)
    days = [FIRST - timedelta(chance.randrange(-20, 500)) for _ in range(160)]
    clocks = ["00:00:00", "23:59:59", "12:30:00"]
    orders = [
        history.order(f"P-{chance.randrange(12)}", day.isoformat(), 10, clock=chance.choice(clocks)) for day in days
    ]
    points = [
        history.tell("points.earned", f"P-{chance.randrange(12)}", day.isoformat(), {"points": 5}, clock="00:00:00")
        for day in days[:60]
    ]
    await send(*orders, *points, history.tell("customer.merged", "P-1", "2025-03-10", {"merged": "P-2"}))


@pytest.mark.parametrize("by", ["day", "week", "month"])
async def test_a_series_is_what_each_of_its_spans_is_by_itself(busy, ask, by):
    """By channel, of one alone, each span's customers are counted by themselves."""
    until = FIRST + timedelta(20 if by == "day" else 75)
    series = (await ask(FIRST.isoformat(), until.isoformat(), by=by))["rows"]
    assert any(row["kpis"]["crr"]["value"] not in (None, 0, 1) for row in series) or by == "day"
    for row in series[:6]:
        for period, of in ((row, lambda kpi: kpi), (row["year_before"], lambda kpi: kpi["year_before"])):
            rows = (await ask(period["from"], period["to"], by="channel"))["rows"]
            alone = next(each["kpis"] for each in rows if each["key"] == "store")
            for name in COMPARED:
                told, wanted = of(row["kpis"][name]), alone[name]
                assert [told[each] for each in PARTS] == [wanted[each] for each in PARTS], (period, name)


async def test_points_are_owed_up_to_each_end(busy, ask, history, send):
    before = (await ask("2025-03-01", "2025-03-04", by="day"))["rows"]
    await send(history.tell("points.redeemed", "P-3", "2025-03-02", {"points": 3}, clock="00:00:00"))
    after = (await ask("2025-03-01", "2025-03-04", by="day"))["rows"]
    moved = [
        b["kpis"]["points_liability"]["value"] - a["kpis"]["points_liability"]["value"]
        for a, b in zip(before, after, strict=True)
    ]
    assert moved == [0, -3, -3]
    stages = (await ask("2025-03-01", "2025-03-04", by="stage"))["rows"]
    total = sum(row["kpis"]["points_liability"]["value"] for row in stages)
    assert total == after[2]["kpis"]["points_liability"]["value"]


async def test_who_leaves_and_comes_back_within_a_span_is_retained(ask, send, history):
    """Lost on 10 February, and back on the 20th: no customer on the 12th, with which a part of March is compared."""
    await send(history.order("A", "2024-11-12", 10), history.order("A", "2025-02-20", 10))
    february, march = (await ask("2025-02-01", "2025-03-12", by="month"))["rows"]
    assert (february["kpis"]["crr"]["value"], march["kpis"]["crr"]["previous"]["value"]) == (1, 0)
