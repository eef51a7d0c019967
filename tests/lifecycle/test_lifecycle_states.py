"""States by their keys: which events make one, and what it is then."""

import pytest

from app.lifecycle import events as e
from app.lifecycle.identifiers import make_basket
from app.lifecycle.measures import MEASURES, fold
from app.lifecycle.states import CASE, CUSTOMER, STATES, StateSpec, fold_states


def event(type_, at_us, customer_id="C", **facts):
    usual = dict.fromkeys(e.Event._fields) | {"source": "s", "id": str(at_us), "lines": None}
    counts = dict.fromkeys(("amount_minor", "discount_minor", "items", "points"), 0)
    return e.Event(**{**usual, **counts, "type": type_, "occurred_us": at_us, "customer_id": customer_id, **facts})


def case_of(**times):
    return {"opened_us": None, "complained_us": None, "answered_us": None, "resolved_us": None, **times}


def test_a_case_is_what_its_events_say_in_any_order():
    told = [
        event(e.CASE_RESOLVED, 40, reference="1"),
        event(e.CASE_OPENED, 10, reference="1", kind="question"),
        event(e.CASE_ANSWERED, 30, reference="1"),
        event(e.CASE_OPENED, 20, reference="1", kind="complaint"),
        event(e.CASE_ANSWERED, 25, reference="1"),
    ]
    expected = {("C", "1"): case_of(opened_us=10, complained_us=20, answered_us=25, resolved_us=40)}
    assert fold_states(CASE, told) == fold_states(CASE, told[::-1]) == expected


def test_cases_of_customers_are_apart_and_other_events_make_none():
    told = [
        event(e.CASE_OPENED, 1, reference="1"),
        event(e.CASE_OPENED, 2, "D", reference="1"),
        event(e.ORDER_COMPLETED, 3, reference="1"),
        event(e.CASE_OPENED, 4, reference=None),
        event(e.CASE_OPENED, 5, make_basket("s", "1"), reference="1"),
    ]
    assert fold_states(CASE, told) == {("C", "1"): case_of(opened_us=1), ("D", "1"): case_of(opened_us=2)}


def test_every_event_makes_a_customer():
    told = [event("shop.renamed", 1), event(e.ORDER_COMPLETED, 2, amount_minor=5), event(e.CASE_OPENED, 3, "D")]
    assert fold_states(CUSTOMER, told) == {("C",): fold(told[:2]), ("D",): fold(told[2:])}


def test_states_are_of_one_customer_and_have_tables_of_their_own():
    assert all(next(iter(spec.keys)) == "customer_id" for spec in STATES)
    assert len({spec.table for spec in STATES}) == len(STATES)
    assert CUSTOMER.types == ()
    assert set(CASE.types) == {e.CASE_OPENED, e.CASE_ANSWERED, e.CASE_RESOLVED}


def test_decayed_sums_need_their_reference_beside_them():
    decayed = tuple(measure for measure in MEASURES if measure.name == "spend_decayed_30d")
    with pytest.raises(AssertionError):
        StateSpec("item", "customer_items", {"customer_id": "customer_id"}, decayed)
