"""What the rush of `make chaos` calls a broken promise."""

import pytest

from benchmarks.askers import BUDGETED, CAPPED, PLAIN, WRITTEN, Heard
from benchmarks.rush import Counted, Plan, find_breaches

PLAN = Plan(asks=9, budget=2)
RECEIPTS = {"d-1": {BUDGETED}, "d-2": {BUDGETED, CAPPED}, "d-3": {PLAIN}, "d-4": {WRITTEN}, "d-5": set()}
CONTACTS = {"d-1": {BUDGETED}, "d-2": {BUDGETED, CAPPED}, "d-4": {WRITTEN}}
HONEST = Counted(CONTACTS, RECEIPTS, 1, {BUDGETED: (2, 500), CAPPED: (1, 0)}, 0)


def broken(counted, *heard, unexpected=()):
    told = Heard({decision_id: [] for decision_id in heard}, unexpected=list(unexpected))
    return {promise: found for promise, found in find_breaches(PLAN, told, counted).items() if found}


def test_a_budget_spent_to_the_last_breaks_nothing():
    assert broken(HONEST, "d-1", "d-3") == {}, "what was kept need not have been heard"


OTHERWISE = "limited actions given otherwise than they may be"
COUNTERS = "counters that say otherwise"
HALVES = "receipts without their contacts, or contacts without theirs"


@pytest.mark.parametrize(
    ("changes", "promises"),
    [
        ({"contacts": {**CONTACTS, "d-3": {BUDGETED}}}, {OTHERWISE, HALVES}),
        ({"contacts": {"d-1": {BUDGETED}, "d-2": {BUDGETED}, "d-4": {WRITTEN}}}, {OTHERWISE, HALVES}),
        ({"receipts": {**RECEIPTS, "d-1": {PLAIN}}}, {HALVES}),
        ({"receipts": {key: told for key, told in RECEIPTS.items() if key != "d-4"}}, {HALVES}),
        ({"counters": {BUDGETED: (2, 501), CAPPED: (1, 0)}}, {COUNTERS}),
        ({"counters": {BUDGETED: (2, 500), CAPPED: (2, 0)}}, {COUNTERS}),
        ({"written_to": 2}, {"customers of a cap of one told otherwise"}),
        ({"written_to": 0}, {"customers of a cap of one told otherwise"}),
        ({"deadlocks": 1}, {"deadlocks"}),
    ],
)
def test_each_promise_is_looked_at(changes, promises):
    assert broken(HONEST._replace(**changes)).keys() == promises


def test_what_was_heard_is_looked_at_too():
    assert broken(HONEST, "d-9") == {"answers without their receipts": ["d-9"]}
    assert broken(HONEST, unexpected=["500 "]) == {"answers that nobody should get": ["500 "]}
