"""What `make chaos` calls a broken promise."""

import pytest

from benchmarks.chaos import Counted, find_breaches
from benchmarks.tills import Book

HONEST = Counted([("e-1", "C-1"), ("e-2", "C-1"), ("e-3", "C-2")], {"C-1": 2, "C-2": 1})


@pytest.fixture
def book():
    """Three events sent and counted; of the third no answer was heard."""
    return Book(sent={"e-1": "C-1", "e-2": "C-1", "e-3": "C-2"}, acknowledged={"e-1": {}, "e-2": {}})


def broken(book, counted):
    return {promise: found for promise, found in find_breaches(book, counted).items() if found}


def test_what_was_sent_once_and_counted_once_breaks_nothing(book):
    assert broken(book, HONEST) == {}


def test_what_was_not_acknowledged_need_not_be_counted(book):
    assert broken(book, Counted(HONEST.rows[:2], {"C-1": 2})) == {}


def test_each_promise_is_looked_at(book):
    rows = HONEST.rows
    assert broken(book, Counted(rows[1:], {"C-1": 1, "C-2": 1})) == {"acknowledged and lost": ["e-1"]}
    assert broken(book, Counted([*rows, rows[2]], {"C-1": 2, "C-2": 2})) == {"counted twice": ["e-3"]}
    assert broken(book, Counted([*rows, ("e-9", "C-2")], {"C-1": 2, "C-2": 2})) == {"counted and never sent": ["e-9"]}
    states = "states that count otherwise than their events"
    assert broken(book, Counted(rows, {"C-1": 3, "C-2": 1})) == {states: ["C-1"]}
    assert broken(book, Counted(rows, {"C-1": 2})) == {states: ["C-2"]}
    book.otherwise.append("e-1")
    book.unexpected.append("500 ")
    assert broken(book, HONEST) == {"repeats answered otherwise": ["e-1"], "answers that no till should get": ["500 "]}
