"""`GET /v1/kpis/revenue-tree` on the history that is worked out by hand (`tests.kpis.history`), and that it adds up."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kpis.revenue import NOTHING, Sold, decompose, shapley

MARCH = {"from": "2025-03-01", "to": "2025-04-01"}


async def ask(client, **query):
    response = await client.get("/v1/kpis/revenue-tree", params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_what_moved_sales_from_february_to_march(client, send, history):
    await send(*history.everything())
    answer = await ask(client, **MARCH)
    assert answer["compared"] == {"from": "2025-02-01", "to": "2025-03-01"}
    assert answer["sales"] == {"before": 100, "value": 835, "change": 735}
    branches = {each["branch"]: each for each in answer["branches"]}
    # In February G and I were new, an order each: 2 · 1 · 50. In March D, E and J: 3 · 1 · 170.
    assert branches["new"] == {
        "branch": "new",
        "before": 100,
        "value": 510,
        "change": 410,
        "drivers": [
            {"driver": "customers", "before": 2, "value": 3, "change": 110},  # 1 · (50 + 170) / 2
            {"driver": "frequency", "before": 1, "value": 1, "change": 0},
            {"driver": "basket_value", "before": 50, "value": 170, "change": 300},  # 120 · (2 + 3) / 2
        ],
    }
    # A and I had ordered since December, and C not: it came back.
    assert branches["retained"]["drivers"] == [
        {"driver": "customers", "before": 0, "value": 2, "change": 260},
        {"driver": "frequency", "before": None, "value": 2, "change": 0},
        {"driver": "basket_value", "before": None, "value": 65, "change": 0},
    ]
    assert (branches["returned"]["value"], branches["anonymous"]["value"]) == (40, 25)
    assert branches["given_back"] == {"branch": "given_back", "before": 0, "value": 0, "change": 0, "drivers": []}


async def test_an_order_given_back_whole_is_a_branch_of_its_own(client, send, history):
    refund = history.tell("order.refunded", "J", "2025-03-25", {"order_id": "J-1", "total": 300.0})
    await send(*history.orders(), refund)
    answer = await ask(client, **MARCH)
    branches = {each["branch"]: each["value"] for each in answer["branches"]}
    kpis = (await client.get("/v1/kpis", params=MARCH)).json()["rows"][0]["kpis"]
    assert branches["given_back"] == 300
    assert sum(branches.values()) == answer["sales"]["value"] == kpis["sales"]["value"]


async def test_what_is_not_known_is_not_compared(client, send, history, sql):
    await send(*history.orders())
    answer = await ask(client, **MARCH, compared_with="year_before")
    assert (answer["reason"], answer["sales"], answer["branches"]) == ("before_the_first_event", None, [])
    await sql.rows("INSERT INTO left_kinds VALUES ('order', :at)", at=1_733_200_000_000_000)  # of 3 December
    assert (await ask(client, **MARCH))["reason"] == "events_have_left"
    assert (await ask(client, **{"from": "2025-05-01", "to": "2025-06-01"}))["reason"] is None


@pytest.mark.parametrize(
    "query", [{}, {"from": "2025-02-30"}, {**MARCH, "compared_with": "x"}, {"from": "2000-01-01", "to": "2025-01-01"}]
)
async def test_what_cannot_be_asked_is_refused(client, query):
    response = await client.get("/v1/kpis/revenue-tree", params=query)
    assert (response.status_code, response.json()["code"]) == (422, "malformed")


sold = st.tuples(st.integers(1, 500), st.integers(0, 500), st.integers(0, 10**9)).map(
    lambda told: Sold(told[0], told[0] + told[1], told[2])
) | st.just(NOTHING)


@given(sold, sold)
def test_what_drivers_moved_adds_up_to_the_minor_unit(before, now):
    assert sum(each.minor for each in decompose("retained", before, now)) == now.minor - before.minor


fractions = st.lists(st.fractions(0, 1000, max_denominator=50), min_size=3, max_size=3)


@given(fractions, fractions)
def test_there_and_back_again_moves_nothing(before, now):
    there, back = shapley(before, now), shapley(now, before)
    assert there == [-each for each in back]
    assert sum(there) == now[0] * now[1] * now[2] - before[0] * before[1] * before[2]


def test_a_driver_that_stays_moves_nothing():
    assert shapley([Fraction(2), Fraction(3), Fraction(5)], [Fraction(4), Fraction(3), Fraction(5)]) == [30, 0, 0]
