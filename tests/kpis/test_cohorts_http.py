"""`GET /v1/kpis/cohorts` on the history that is worked out by hand (`tests.kpis.history`)."""

from datetime import UTC, datetime

import pytest

FIRST = {"from": "2024-11-01", "to": "2025-04-01"}


async def ask(client, **query):
    response = await client.get("/v1/kpis/cohorts", params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_cohort_is_who_first_ordered_in_the_month(client, send, history):
    await send(*history.everything())
    answer = await ask(client, **FIRST)
    told = {each["month"][:7]: [month["customers"] for month in each["months"]] for each in answer["cohorts"]}
    assert told == {
        "2024-11": [1, 0, 0, 0, 1],  # C comes back in March
        "2024-12": [1, 0, 0, 0],  # B
        "2025-01": [1, 0, 1],  # A
        "2025-02": [2, 1],  # G, whose order of March was cancelled, and I
        "2025-03": [3],  # D, E and J; F is of April
    }
    second = answer["cohorts"][3]["months"][1]
    assert second == {
        "month": "2025-03-01",
        "after": 1,
        "customers": 1,
        "retention": 0.5,
        "sales": 60,
        "is_complete": True,
    }


async def test_of_nobody_there_is_no_retention_and_what_has_not_begun_is_left_out(client):
    this_month = datetime.now(UTC).date().replace(day=1)
    answer = await ask(client, **{"from": this_month.replace(year=this_month.year - 1).isoformat()})
    assert {each["customers"] for each in answer["cohorts"]} == {0}
    assert len(answer["cohorts"]) in (12, 13)
    last = answer["cohorts"][-1]["months"]
    assert (len(last), last[0]["retention"], last[0]["is_complete"]) == (1, None, False)


async def test_what_has_left_the_log_makes_no_cohort(client, sql):
    await sql.rows("INSERT INTO left_kinds VALUES ('order', :at)", at=1_740_000_000_000_000)
    response = await client.get("/v1/kpis/cohorts", params=FIRST)
    assert (response.status_code, response.json()["code"]) == (410, "not-kept")
    assert (await client.get("/v1/kpis/cohorts", params={**FIRST, "from": "2025-03-01"})).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2025-01-02"},
        {"from": "2025-01-01", "to": "2025-02-02"},
        {"from": "2025-01-01", "to": "2999-01-01"},
        {"from": "2020-01-01", "to": "2023-02-01"},
        {"from": "2025-02-01", "to": "2025-02-01"},
    ],
)
async def test_cohorts_are_of_whole_months(client, query):
    response = await client.get("/v1/kpis/cohorts", params=query)
    assert (response.status_code, response.json()["code"]) == (422, "malformed")
