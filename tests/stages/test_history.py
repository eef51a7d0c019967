"""What past times say of a customer: moves dated after the look before, and when a risk crossed the threshold."""

from typing import Any

import numpy as np
import pytest

from app.lifecycle.events import DAY_US, Event
from app.lifecycle.measures import NUMERIC, fold, numbers_of
from app.stages.history import History, Move, Past, find_histories
from tests.stages.book import MONTHLY, rules, us

LOOKS = [us(day) for day in (1, 31, 62, 121, 211, 290, 300, 402, 420)]
"""Days after 1 January 2023: the customer of MONTHLY turns declining on day 289.6875, lost on day 401.25."""


def order(day):
    facts: dict[str, Any] = dict.fromkeys(Event._fields) | dict.fromkeys(("discount_minor", "points"), 0)
    facts |= {"customer_id": "C-1", "source": "/till", "id": str(day), "type": "order.completed"}
    return Event(**facts | {"occurred_us": us(day), "channel": "store", "amount_minor": 1000, "items": 1})


def vector(days, before_us):
    told = [order(day) for day in days if us(day) < before_us]
    numbers = numbers_of(fold(told, NUMERIC))
    return [np.nan if number is None else float(number) for number in numbers]


def past(**customers):
    """Rows of each customer from the first look after their first order on."""
    rows = [
        (owner, place, vector(days, look))
        for owner, days in enumerate(customers.values())
        for place, look in enumerate(LOOKS)
        if us(min(days)) < look
    ]
    owners, times, states = zip(*rows, strict=True)
    return Past(list(customers), np.array(owners), np.array(times), np.array(states, np.float64))


def told(histories):
    """(day, from, to, cause) of each move."""
    return {
        customer_id: [
            ((move.at_us - us(0)) / DAY_US, move.from_stage, move.to_stage, move.cause) for move in history.moves
        ]
        for customer_id, history in histories
    }


def test_silence_is_dated_by_the_day_on_which_it_became_too_long():
    moves = told(find_histories(past(monthly=MONTHLY), LOOKS, rules()))["monthly"]
    assert moves[-2:] == [(289.6875, "mature", "declining", "silence"), (401.25, "declining", "lost", "silence")]


def test_a_history_begins_with_the_first_look_that_knew_the_customer():
    histories = dict(find_histories(past(early=[0], late=[295]), LOOKS, rules()))
    assert [histories[name].moves[0].from_stage for name in ("early", "late")] == [None, None]
    assert histories["early"].moves[0].to_stage == histories["late"].moves[0].to_stage == "new"
    assert histories["late"].moves[0].at_us == us(295)  # between two looks: since the order itself
    assert histories["late"].looks_us == LOOKS[6:]


def test_whoever_was_known_before_the_first_look_is_dated_by_it():
    rows = past(monthly=MONTHLY)
    later = rows._replace(owners=rows.owners[4:], times=rows.times[4:] - 4, states=rows.states[4:])
    assert told(find_histories(later, LOOKS[4:], rules()))["monthly"][0] == (211.0, None, "mature", "event")


def test_an_order_brings_a_customer_back():
    moves = told(find_histories(past(back=(*MONTHLY, 410)), LOOKS, rules()))["back"]
    assert moves[-1][1] == "lost"
    assert moves[-1][3] == "event"
    assert 402 < moves[-1][0] <= 420


@pytest.mark.parametrize(
    ("above", "begins", "crossed"),
    [
        ([False, True, True], 9, 2),
        ([True, False, True], 9, 3),
        ([True, True, False], 9, 9),  # rose after the last look
        ([True, True, True], 9, 1),
        ([True, True, True], 3, 1),  # a look at which the record had begun says nothing
        ([False, False, True], 3, 3),
        ([True, True, True], 1, None),
    ],
)
def test_a_warning_is_dated_by_the_first_look_since_when_the_risk_was_above(above, begins, crossed):
    assert History([], [], [1, 2, 3], above).crossed_us(begins) == crossed


def test_moves_before_a_record_begins():
    moves = [Move("C-1", at, None, "new", "first_order_is_recent", "event", None, None) for at in (1, 2, 3)]
    assert History(moves, [1, 2, 3], [], []).before(3) == moves[:2]
    assert History(moves, [1, 4, 9], [], []).before(3) == moves[:1]  # of a look when it had begun
