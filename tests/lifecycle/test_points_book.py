"""The book of points: nothing is lost, made or negative, whatever happens to it."""

from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.points_book import KEPT, Book, Lot, fold

ENTITLED = st.tuples(st.integers(0, 4), st.integers(0, 50))
HAPPENINGS = st.lists(st.tuples(st.integers(0, 30), ENTITLED), max_size=30)


def lot(name, *, active_us=0, expires_us=None):
    return Lot("/shop", name, "order", name, 1, 0, active_us, expires_us)


def happen(happenings):
    book, now_us = Book(), 0
    for passed_us, (name, points) in happenings:
        now_us += passed_us
        book.advance(now_us)
        key = ("/shop", str(name))
        theirs = book.lots.get(key) or lot(str(name), active_us=now_us + 10, expires_us=now_us + 40)
        book.entitle(theirs, points, now_us)
    return book


@given(HAPPENINGS)
def test_what_is_kept_is_the_sum_of_the_transfers(happenings):
    book = happen(happenings)
    lots, owed = fold(book.transfers)
    assert owed == book.owed
    assert lots == {key: {name: getattr(book.lots[key], name) for name in KEPT} for key in lots}
    assert all(transfer.points > 0 for transfer in book.transfers)


@given(HAPPENINGS)
def test_nothing_is_negative_and_nothing_active_while_something_is_owed(happenings):
    book = happen(happenings)
    for each in book.lots.values():
        assert min(each.points, each.promised, each.active, each.reserved, each.expired) >= 0
    assert book.owed >= 0
    assert not (book.owed and book.total("active"))


@given(HAPPENINGS)
def test_all_that_was_issued_is_somewhere(happenings):
    book = happen(happenings)
    issued = sum(each.points for each in book.lots.values())
    kept = sum(book.total(account) for account in ("promised", "active", "reserved", "expired"))
    assert kept - book.owed == issued  # nothing is spent here


def test_points_become_active_then_expire_in_the_order_of_time():
    book = Book()
    book.entitle(lot("A", active_us=10, expires_us=50), 7, 0)
    book.entitle(lot("B", active_us=5, expires_us=20), 3, 0)
    book.advance(9)
    assert (book.total("promised"), book.total("active")) == (7, 3)
    assert book.due_us() == 10
    book.advance(100)
    assert [(each.lot[1], each.at_us, each.cause) for each in book.transfers[2:]] == [
        ("B", 5, "activated"),
        ("A", 10, "activated"),
        ("B", 20, "expired"),
        ("A", 50, "expired"),
    ]


def test_what_expired_and_is_given_back_is_taken_from_what_expired():
    book = Book()
    book.entitle(lot("A", expires_us=5), 7, 0)
    book.entitle(lot("B"), 3, 0)
    book.advance(10)
    book.entitle(book.lots["/shop", "A"], 0, 11)
    assert (book.owed, book.total("active"), book.total("expired")) == (0, 3, 0)
