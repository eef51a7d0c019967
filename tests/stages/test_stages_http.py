"""Histories, flows and warnings on the wire."""

import math

import pytest

from tests.stages.book import MONTHLY, iso_day

MALFORMED = "urn:perennial:problem:malformed"
HISTORY = ((0, None, "new"), (40, "new", "growing"), (90, "growing", "declining"), (200, "declining", "growing"))


async def get(client, path, **params):
    response = await client.get(path, params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def flows(client, from_day, to_day):
    told = await get(client, "/v1/stages", **{"from": iso_day(from_day), "to": iso_day(to_day)})
    counts = {row["stage"]: (row["customers_from"], row["customers_to"]) for row in told["stages"]}
    return counts, {(row["from"], row["to"]): row["customers"] for row in told["flows"]}


async def test_a_history_is_newest_first(client, book):
    await book.happen("C-1", *MONTHLY)
    await book.note(["C-1"], 220)
    await book.sweep(300)
    told = await get(client, "/v1/customers/C-1/stages")
    risk = (await book.stored())["churn_risk"]
    assert told == {
        "customer_id": "C-1",
        "transitions": [
            {
                "at": "2023-10-17T16:30:00.000Z",
                "recorded_at": "2023-10-28T00:00:00.000Z",
                "from": "mature",
                "to": "declining",
                "rule": "silent_beyond_own_rhythm",
                "cause": "silence",
                "churn_risk": round(risk, 6),
                "model_version": None,
                "computed_afterwards": False,
            },
            {
                "at": "2023-08-09T00:00:00.000Z",
                "recorded_at": "2023-08-09T00:00:00.000Z",
                "from": "none",
                "to": "mature",
                "rule": "frequent_and_stable",
                "cause": "event",
                "churn_risk": round(math.exp(-90 / 31.875), 6),
                "model_version": None,
                "computed_afterwards": False,
            },
        ],
        "next_cursor": None,
    }


async def test_a_history_as_of_a_time_ends_before_it(client, book):
    await book.happen("C-1", *MONTHLY)
    await book.note(["C-1"], 220)
    await book.sweep(300)
    for as_of, stages in (
        ("2023-10-18", ["declining", "mature"]),
        ("2023-10-17T16:30:00Z", ["mature"]),
        ("2023-08-09", []),
    ):
        told = await get(client, "/v1/customers/C-1/stages", as_of=as_of)
        assert [row["to"] for row in told["transitions"]] == stages, as_of
    paged = await get(client, "/v1/customers/C-1/stages", as_of="2023-10-18", limit=1)
    rest = await get(client, "/v1/customers/C-1/stages", as_of="2023-10-18", cursor=paged["next_cursor"])
    assert [row["to"] for row in rest["transitions"]] == ["mature"]
    assert (await client.get("/v1/customers/C-1/stages?as_of=1999-99-99")).status_code == 422


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
async def test_a_history_in_pages(client, book, limit):
    await book.enter("C-1", *HISTORY)
    await book.enter("C-2", (50, None, "lost"))
    seen: list[str] = []
    cursor: dict[str, str] | None = {}
    while cursor is not None:
        page = await get(client, "/v1/customers/C-1/stages", limit=limit, **cursor)
        assert len(page["transitions"]) <= limit
        seen += [row["to"] for row in page["transitions"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert seen == ["growing", "declining", "growing", "new"]


async def test_a_customer_of_a_name_like_a_path(client, book):
    await book.enter("a/b/stages", (0, None, "new"))
    told = await get(client, "/v1/customers/a%2Fb%2Fstages/stages")
    assert (told["customer_id"], len(told["transitions"])) == ("a/b/stages", 1)


async def test_the_history_of_a_person_under_each_of_their_ids(client, book):
    await book.enter("C-1", *HISTORY)
    await book.sql.rows("INSERT INTO persons VALUES ('C-1', 'C-1'), ('card-7', 'C-1')")
    told = await get(client, "/v1/customers/card-7/stages")
    assert [row["to"] for row in told["transitions"]] == ["growing", "declining", "growing", "new"]


async def test_nobody_and_somebody_not_judged_yet(client, book):
    await book.happen("C-1", 0)
    assert (await get(client, "/v1/customers/C-1/stages"))["transitions"] == []
    for unknown in ("C-2", "C-%01"):
        response = await client.get(f"/v1/customers/{unknown}/stages")
        assert (response.status_code, response.json()["type"]) == (404, "urn:perennial:problem:unknown-customer")


async def test_flows_between_two_times(client, book):
    """Seven customers: one stays, one goes there and back, one comes, one goes on, one leaves, two were joined."""
    await book.enter("stays", (0, None, "mature"))
    await book.enter("back", (0, None, "mature"), (20, "mature", "declining"), (30, "declining", "mature"))
    await book.enter("comes", (20, None, "new"), (25, "new", "growing"))
    await book.enter(
        "goes", (0, None, "new"), (5, "new", "growing"), (20, "growing", "declining"), (90, "declining", "lost")
    )
    await book.enter("leaves", (0, None, "declining"), (30, "declining", "lost"))
    await book.enter("joined", (0, None, "new"), (15, "new", None))
    await book.enter("fleeting", (15, None, "new"), (16, "new", None))
    counts, moved = await flows(client, 10, 40)
    assert counts == {
        "prospect": (0, 0),
        "new": (1, 0),
        "growing": (1, 1),
        "mature": (2, 2),
        "declining": (1, 1),
        "lost": (0, 1),
    }
    assert moved == {
        ("mature", "mature"): 2,
        ("none", "growing"): 1,
        ("growing", "declining"): 1,
        ("declining", "lost"): 1,
        ("new", "none"): 1,
    }


async def test_the_flows_of_every_pair_of_times_add_up_to_its_counts(client, book):
    await book.enter("C-1", *HISTORY)
    await book.enter("C-2", (40, None, "prospect"), (90, "prospect", "new"), (91, "new", None))
    await book.enter("C-3", (90, None, "new"))
    days = (0, 39.9, 40, 89, 90, 91, 250)
    for start in days:
        for end in (day for day in days if day >= start):
            counts, moved = await flows(client, start, end)
            for stage, (first, last) in counts.items():
                assert sum(n for (source, _), n in moved.items() if source == stage) == first, (start, end, stage)
                assert sum(n for (_, target), n in moved.items() if target == stage) == last, (start, end, stage)


async def test_a_transition_counts_from_its_own_moment_on(client, book):
    await book.enter("C-1", (0, None, "new"))
    assert (await flows(client, -0.001, 0))[1] == {("none", "new"): 1}
    assert (await flows(client, 0, 0))[1] == {("new", "new"): 1}


async def test_days_and_the_present(client, book):
    await book.enter("C-1", (0, None, "new"))
    told = await get(client, "/v1/stages", **{"from": "2023-01-01"})
    assert told["from"] == "2023-01-01T00:00:00.000Z"
    assert told["to"] > "2026"
    assert told["flows"] == [{"from": "new", "to": "new", "customers": 1}]


async def test_warnings_are_of_those_who_crossed_since_most_loss_first(client, book):
    for customer_id, loss, crossed in (("a", 10.0, 50), ("b", 99.5, 60), ("c", 70.125, 40), ("d", 500.0, None)):
        await book.warn(customer_id, loss, crossed)
    await book.warn("e", 300.0, 0)
    told = await get(client, "/v1/warnings", since=iso_day(50))
    assert [row["customer_id"] for row in told["warnings"]] == ["b", "a"]
    assert told["warnings"][0] == {
        "customer_id": "b",
        "stage": "declining",
        "stage_rule": "likely_to_leave",
        "churn_risk": 0.75,
        "expected_loss": 99.5,
        "crossed_at": iso_day(60).replace("+00:00", ".000Z"),
        "as_of": iso_day(100).replace("+00:00", ".000Z"),
        "model_version": "v1",
        "computed_afterwards": False,
    }
    assert (told["threshold"], told["currency"], told["swept_at"], told["next_cursor"]) == (0.5, "CNY", None, None)
    everybody = await get(client, "/v1/warnings", since="1970-01-01")
    assert [(row["customer_id"], row["crossed_at"] is None) for row in everybody["warnings"]] == [
        ("e", True),
        ("b", False),
        ("c", False),
        ("a", False),
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
async def test_warnings_in_pages(client, book, limit):
    """Equal losses too, and a row that is new while pages are read does not push another over."""
    for customer_id, loss in (
        ("a", 10.0),
        ("b", 99.1),
        ("c", 10.0),
        ("d", 10.0),
        ("客户", 0.1 + 0.2),
        ("f", 0.0),
        ("g", 99.1),
    ):
        await book.warn(customer_id, loss, 50)
    seen: list[str] = []
    cursor: dict[str, str] | None = {}
    while cursor is not None:
        page = await get(client, "/v1/warnings", since=iso_day(0), limit=limit, **cursor)
        seen += [row["customer_id"] for row in page["warnings"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
        await book.sql.rows("DELETE FROM stages WHERE customer_id = 'late'")
        await book.warn("late", 1000.0, 50)
    assert seen == ["g", "b", "d", "c", "a", "客户", "f"]


async def test_what_is_found_by_the_sweep_is_warned_of(client, book):
    await book.happen("C-1", *MONTHLY, minor=2000)
    await book.happen("C-2", *MONTHLY, minor=9000)
    await book.sweep(220)
    await book.sweep(280)
    told = await get(client, "/v1/warnings", since=iso_day(230))
    assert [row["customer_id"] for row in told["warnings"]] == ["C-2", "C-1"]
    risk = told["warnings"][0]["churn_risk"]
    assert told["warnings"][0]["expected_loss"] == pytest.approx(risk * 90 * 90 / 31.875, abs=0.01)
    assert told["swept_at"] == "2023-10-08T00:00:00.000Z"


BAD = [
    *("", "Kanarienvogel", "2025-01-01T00:00:00", "2025-1-1", "1735689600", "now", "2025-13-01", "0001-01-01"),
    *("9999-12-31", "1969-12-31T23:59:59Z", "2025-01-01T00:00:00Z\0", "9" * 5000),
]


@pytest.mark.parametrize("given", BAD)
async def test_a_time_that_is_none(client, given):
    for path, params in (
        ("/v1/stages", {"from": given}),
        ("/v1/stages", {"from": "2023-01-01", "to": given}),
        ("/v1/warnings", {"since": given}),
    ):
        response = await client.get(path, params=params)
        assert (response.status_code, response.json()["type"]) == (422, MALFORMED)
        assert "Kanarienvogel" not in response.text


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/v1/stages", {}),
        ("/v1/warnings", {}),
        ("/v1/stages", {"from": "2023-02-01", "to": "2023-01-01"}),
        *(("/v1/warnings", {"since": "2023-01-01", "limit": limit}) for limit in (0, 501, "many")),
        *(("/v1/warnings", {"since": "2023-01-01", "cursor": cursor}) for cursor in ("", "Zzz", "WzFd", "WyJhIiwxXQ")),
        *(
            ("/v1/customers/C-1/stages", {"cursor": cursor})
            for cursor in ("", "!", "WzEuNV0", "W3RydWVd", "Wy0xXQ", "e30")
        ),
        ("/v1/customers/C-1/stages", {"limit": 0}),
    ],
)
async def test_parameters_that_are_not_as_they_should(client, book, path, params):
    await book.enter("C-1", *HISTORY)
    response = await client.get(path, params=params)
    assert (response.status_code, response.json()["type"]) == (422, MALFORMED)


@pytest.mark.parametrize(
    "path", ["/v1/stages?from=2023-01-01", "/v1/warnings?since=2023-01-01", "/v1/customers/C-1/stages"]
)
async def test_reading_needs_a_key(client, path):
    response = await client.get(path, headers={"Authorization": "Bearer perennial_none"})
    assert response.status_code == 401
