"""`GET /v1/kpis` on the history that is worked out by hand (`tests.kpis.history`)."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

MARCH = ("2025-03-01", "2025-04-01")
BY_HAND = {
    # A 120 + 80, C 40, D 200, E 10, I 30 + 30, J 300, nobody known 25; G's was cancelled, F's is of April
    "sales": (835, 835, None),
    "net_sales": (735, 735, None),  # less the 100 that J got back
    "orders": (9, 9, None),
    "basket_value": (835 / 9, 835, 9),
    "discount_share": (30 / 865, 30, 865),
    "return_rate": (100 / 835, 100, 835),
    "crr": (0.75, 3, 4),  # A, B, G, I at the start; A, G, I still at the end
    "churn_rate": (0.25, 1, 4),  # B
    "customers": (6, 6, None),  # A, C, D, E, I, J
    "new_customers": (3, 3, None),  # D, E, J; C comes back, F is of April, I2 is I1
    "repurchase_rate": (2 / 6, 2, 6),  # A and I
    "frequency": (8 / 6, 8, 6),
    "clv": (75, 150, 2),  # a quarter of 400 and of 200
    "cac": (310, 930, 3),
    "conversion": (1 / 3, 1, 3),  # D; neither H, nor A who visited after the last order
    "active_members": (2, 2, None),  # A and I; B has a tier and did nothing
    "points_liability": (120, 120, None),  # 100 − 30 + 50
    "csat": (2 / 3, 2, 3),
    "nps": (25, 1, 4),  # 100 · (2 − 1) / 4
    "atp": (30, 60, 2),  # 10 h and 50 h
    "frr": (0.5, 1, 2),  # after 2 h, and after 48 h
    "complaint_rate": (1 / 9, 1, 9),
}


def told(row):
    return {name: (kpi["value"], kpi["numerator"], kpi["denominator"]) for name, kpi in row["kpis"].items()}


def values(rows, kpi):
    """Key → value, of the rows that have one."""
    return {row["key"]: row["kpis"][kpi]["value"] for row in rows if row["kpis"][kpi]["value"]}


@pytest.fixture
async def filled(history, send, put_cost, sql):
    """The shop of the history, its scores published in the middle of March, 930 spent in March."""
    await send(*history.everything())
    await put_cost("2025-03-01", "2025-04-01", 930)
    published = "INSERT INTO scores (customer_id, as_of_us, stage, expected_spend_minor) VALUES (:id, :at, 'new', :m)"
    for customer_id, minor in (("A", 40_000), ("D", 20_000)):
        await sql.rows(published, id=customer_id, at=1_742_000_000_000_000, m=minor)


async def test_each_kpi_is_as_worked_out_by_hand(filled, ask):
    answer = await ask(*MARCH)
    (row,) = answer["rows"]
    for name, (value, numerator, denominator) in BY_HAND.items():
        assert told(row)[name] == (pytest.approx(value, abs=1e-6), numerator, denominator), name
    assert row["kpis"].keys() == BY_HAND.keys()
    assert {answer[name] for name in ("time_zone", "currency", "by", "week_start")} == {
        *("Asia/Shanghai", "CNY", "all", "monday")
    }


async def test_each_kpi_is_beside_the_period_before_and_the_year_before(filled, ask):
    (row,) = (await ask(*MARCH))["rows"]
    assert (row["previous"], row["year_before"]) == (
        {"from": "2025-02-01", "to": "2025-03-01"},
        {"from": "2024-03-01", "to": "2024-04-01"},
    )
    previous = {name: kpi["previous"]["value"] for name, kpi in row["kpis"].items()}
    assert previous["sales"] == 100  # G 70, I 30
    assert previous["new_customers"] == 2
    assert previous["points_liability"] == 100
    assert row["kpis"]["cac"]["previous"] == {"value": None, "numerator": None, "denominator": 2, "reason": "no_costs"}
    assert row["kpis"]["clv"]["previous"]["reason"] == "not_scored_then"
    assert row["kpis"]["csat"]["previous"]["reason"] == "no_answers"
    before = {kpi["year_before"]["reason"] for kpi in row["kpis"].values()}
    assert before == {"before_the_first_event"}


async def test_days_begin_at_local_midnight(filled, ask):
    days = (await ask("2025-03-30", "2025-04-02", by="day"))["rows"]
    assert values(days, "sales") == {"2025-03-31": 10, "2025-04-01": 999}
    assert [row["previous"]["from"] for row in days] == ["2025-03-29", "2025-03-30", "2025-03-31"]
    assert days[2]["kpis"]["sales"]["previous"]["value"] == 10


@pytest.mark.parametrize(
    ("week_start", "expected"),
    [
        ("monday", {"2025-03-03": 150, "2025-03-10": 565, "2025-03-17": 80, "2025-03-31": 10, "2025-03-01": 30}),
        ("sunday", {"2025-03-02": 150, "2025-03-09": 595, "2025-03-16": 80, "2025-03-30": 10}),
    ],
)
async def test_weeks_begin_where_they_are_to(filled, ask, week_start, expected):
    rows = (await ask(*MARCH, by="week", week_start=week_start))["rows"]
    assert values(rows, "sales") == expected
    assert rows[0]["from"] == "2025-03-01"
    assert sum(values(rows, "orders").values()) == BY_HAND["orders"][0]


async def test_months_are_cut_where_the_time_ends(filled, ask):
    rows = (await ask("2025-01-01", "2025-03-12", by="month"))["rows"]
    assert values(rows, "sales") == {"2025-01-01": 100, "2025-02-01": 100, "2025-03-01": 520}
    assert rows[2]["previous"] == {"from": "2025-02-01", "to": "2025-02-12"}
    assert rows[2]["kpis"]["sales"]["previous"]["value"] == 30


async def test_channels_and_stores(filled, ask):
    channels = (await ask(*MARCH, by="channel"))["rows"]
    assert values(channels, "sales") == {"store": 635, "web": 200}
    assert values(channels, "new_customers") == {"store": 2, "web": 1}
    assert values(channels, "conversion") == {"web": 1}
    assert values(channels, "atp") == {"phone": 10, "app": 50}
    assert {row["kpis"]["clv"]["reason"] for row in channels} == {"not_by_this"}
    stores = (await ask(*MARCH, by="store"))["rows"]
    assert values(stores, "sales") == {"store-1": 595, None: 200, "store-2": 40}
    assert values(stores, "net_sales") == {"store-1": 495, None: 200, "store-2": 40}


async def test_categories_are_of_lines(filled, ask):
    rows = (await ask(*MARCH, by="category"))["rows"]
    assert values(rows, "sales") == {"dairy": 40, "bakery": 40, None: 755}  # all that was sold is of some
    assert values(rows, "customers") == {"dairy": 1, "bakery": 1, None: 6}
    assert values(rows, "discount_share")["bakery"] == 0.2


async def test_tiers_and_stages_are_of_the_beginning(filled, ask, sql, history, send):
    await send(history.tell("tier.changed", "A", "2025-03-02", {"tier": "silver"}))
    moved = (
        "INSERT INTO stage_transitions (customer_id, at_us, from_stage, to_stage, rule, cause, recorded_us)"
        " VALUES (:id, :at, NULL, :stage, 'r', 'event', 1)"
    )
    for customer_id, day, stage in (("A", 28, "growing"), ("A", 70, "mature"), ("J", 1, "prospect")):
        at_us = 1_735_689_600_000_000 + day * 86_400_000_000
        await sql.rows(moved, id=customer_id, at=at_us, stage=stage)
    tiers = (await ask(*MARCH, by="tier"))["rows"]
    assert values(tiers, "crr") == {None: 1}
    assert {row["key"]: row["kpis"]["churn_rate"]["value"] for row in tiers} == {None: 0, "gold": 1}
    stages = (await ask(*MARCH, by="stage"))["rows"]
    assert values(stages, "sales") == {None: 335, "prospect": 300, "growing": 200}
    assert values(stages, "points_liability") == {"growing": 70, None: 50}


async def test_a_shop_without_anything_tells_nothing(client, ask):
    (row,) = (await ask(*MARCH))["rows"]
    assert {kpi["reason"] for kpi in row["kpis"].values()} == {"before_the_first_event"}


async def test_nobody_at_the_start_has_no_rate(ask, send, history):
    await send(history.order("A", "2025-03-05", 10))
    (row,) = (await ask(*MARCH))["rows"]
    assert row["kpis"]["crr"] | {"previous": 0, "year_before": 0} == {
        "value": None,
        "numerator": 0,
        "denominator": 0,
        "reason": "no_customers_at_start",
        "previous": 0,
        "year_before": 0,
    }
    assert row["kpis"]["return_rate"]["value"] == 0


async def test_more_may_be_given_back_than_sold(ask, send, history):
    await send(
        history.order("A", "2025-02-20", 100, order_id="A-1"),
        history.order("A", "2025-03-20", 10),
        history.tell("order.refunded", "A", "2025-03-01", {"order_id": "A-1", "total": 60.0}),
    )
    (row,) = (await ask(*MARCH))["rows"]
    assert (row["kpis"]["net_sales"]["value"], row["kpis"]["return_rate"]["value"]) == (-50, 6)


async def test_who_comes_back_does_not_make_churn_negative(ask, send, history):
    """One at the start, two at the end who are not new: (3 − 0) / 1 would be 3, and churn −2."""
    await send(
        *(history.order(who, "2024-06-01", 10) for who in ("B", "C")),
        history.order("A", "2025-02-01", 10),
        *(history.order(who, "2025-03-05", 10) for who in ("B", "C")),
    )
    (row,) = (await ask(*MARCH))["rows"]
    assert (row["kpis"]["crr"]["value"], row["kpis"]["churn_rate"]["value"]) == (1, 0)


async def test_an_order_given_back_whole_is_none_but_was_sold(ask, send, history):
    source = "/import/shop"
    await send(
        history.order("A", "2025-03-05", 80, source=source, order_id="A-1"),
        history.tell("order.refunded", "A", "2025-03-06", {"order_id": "A-1", "total": 80.0}, source=source),
    )
    (row,) = (await ask(*MARCH))["rows"]
    assert [row["kpis"][name]["value"] for name in ("sales", "net_sales", "orders", "customers")] == [80, 0, 0, 0]


async def test_who_is_erased_is_gone(filled, ask, client):
    assert (await client.delete("/v1/customers/J")).status_code in (200, 204)
    (row,) = (await ask(*MARCH))["rows"]
    assert told(row)["sales"][0] == 535
    assert told(row)["new_customers"][0] == 2
    assert told(row)["return_rate"][0] == 0


async def test_what_has_left_the_log_is_not_told_of(filled, ask, sql):
    """Points of a person who is known by the base alone are still owed."""
    left_us = 1_740_000_000_000_000  # in February
    await sql.rows("INSERT INTO bases VALUES ('K', :at, :at, 3)", at=left_us)
    await sql.rows("INSERT INTO left_kinds VALUES ('order', :at), ('points', :at)", at=left_us)
    columns = "customer_id, first_event_us, last_event_us, last_order_us, points"
    await sql.rows(f"INSERT INTO base_customer_states ({columns}) VALUES ('K', 1, :at, :at, 7)", at=left_us)
    kpis = (await ask(*MARCH))["rows"][0]["kpis"]
    assert (kpis["sales"]["value"], kpis["points_liability"]["value"]) == (835, 127)
    assert {kpis[name]["reason"] for name in ("crr", "churn_rate")} == {"events_have_left"}
    assert {kpis[name]["previous"]["reason"] for name in ("sales", "cac", "points_liability")} == {"events_have_left"}
    assert kpis["atp"]["previous"]["reason"] == "no_cases"


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"from": "2025-04-01", "to": "2025-04-01"}, "to: "),
        ({"from": "2025-04-02", "to": "2025-04-01"}, "to: "),
        ({"from": "2025-02-30"}, "from: "),
        ({"from": "2025-W09-1"}, "from: "),
        ({"from": "1970-01-01"}, "from: "),
        ({"from": "2025-01-01", "to": "2999-01-01"}, "to: "),
        ({"from": "2025-01-01", "to": "2025-05-01", "by": "day"}, "to: By day"),
        ({"from": "2023-01-01", "to": "2025-05-01", "by": "week"}, "to: By week"),
        ({"from": "2015-01-01", "to": "2025-05-01"}, "to: "),
        ({"from": "2025-01-01", "by": "segment"}, "/by"),
        ({"from": "2025-01-01", "by": "week", "week_start": "someday"}, "/week_start"),
        ({}, "/from"),
    ],
)
async def test_what_cannot_be_asked_is_a_problem(client, query, where):
    response = await client.get("/v1/kpis", params=query)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert where in response.json()["detail"]


async def test_definitions_are_told_in_both_languages(client):
    answer = (await client.get("/v1/kpis/definitions")).json()
    assert [each["kpi"] for each in answer["kpis"]] == list(BY_HAND)
    by_name = {each["kpi"]: each for each in answer["kpis"]}
    assert by_name["crr"]["formula"] == "retained / customers_at_start"
    assert by_name["discount_share"]["formula"] == "discount_minor / (sales_minor + discount_minor)"
    assert by_name["nps"]["formula"] == "100 * (nps_promoters - nps_detractors) / nps_answers"
    assert by_name["basket_value"]["zh"]["label"] == "客单价"


async def test_orders_of_nobody_known_are_sales_before_anybody_was(shop, send, ask):
    order = shop.order("x", total=10, at=shop.ago(days=3))
    del order["subject"]
    await send(order)
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    (row,) = (await ask((today - timedelta(9)).isoformat(), today.isoformat()))["rows"]
    assert (row["kpis"]["sales"]["value"], row["kpis"]["orders"]["value"]) == (10.0, 1.0)
    assert row["kpis"]["customers"]["value"] == 0.0
