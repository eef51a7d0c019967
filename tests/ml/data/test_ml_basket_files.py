"""Files of baskets: what is read, and what came next."""

import numpy as np
import pytest

from ml.data.baskets import last_left_out, next_after, read_baskets
from ml.data.columns import UnusableTransactions


def read(path, targets=None):
    return read_baskets(path, targets, lambda _: None)


def pairs(targets, baskets):
    rows = np.repeat(targets.customers, np.diff(targets.starts))
    return [
        (str(baskets.customer_ids[row]), str(baskets.item_ids[item]))
        for row, item in zip(rows, targets.items, strict=True)
    ]


def lines(baskets):
    columns = (baskets.customers, baskets.baskets, baskets.items)
    return [
        (str(baskets.customer_ids[customer]), int(basket), str(baskets.item_ids[item]))
        for customer, basket, item in zip(*columns, strict=True)
    ]


@pytest.fixture
def numbered(tmp_path):
    path = tmp_path / "baskets.csv"
    path.write_text(
        "customer_id,basket_index,item_id,part\n"
        "b,4,milk,history\nb,9,milk,history\nb,9,milk,history\nb,9,bread,history\nb,10,eggs,target\n"
        "a,1,tea,history\n007,0,tea,history\n007,3,milk,target\n"
    )
    return path


def test_baskets_are_numbered_anew_and_an_item_counts_once(numbered):
    history, told, _ = read(numbered)
    assert lines(history) == [
        ("007", 0, "tea"), ("a", 0, "tea"), ("b", 0, "milk"), ("b", 1, "bread"), ("b", 1, "milk"),
    ]  # fmt: skip
    assert pairs(told, history) == [("007", "milk"), ("b", "eggs")]
    assert not history.is_timed


def test_targets_of_a_file_of_their_own(numbered, tmp_path):
    other = tmp_path / "targets.csv"
    other.write_text("customer_id,basket_index,item_id\na,2,butter\na,2,tea\n")
    history, told, wanted = read(numbered, other)
    assert pairs(wanted, history) == [("a", "butter"), ("a", "tea")]
    assert pairs(told, history) == [("007", "milk"), ("b", "eggs")]


@pytest.mark.parametrize("line", ["b,x,milk,history", "b,1,,history", ",1,milk,history", "b,1,milk,future"])
def test_a_line_that_says_too_little_is_refused(numbered, line):
    numbered.write_text(numbered.read_text() + line + "\n")
    with pytest.raises(UnusableTransactions, match="1 lines"):
        read(numbered)


def test_targets_alone_are_no_history(tmp_path):
    path = tmp_path / "baskets.csv"
    path.write_text("customer_id,basket_index,item_id,part\na,1,tea,target\n")
    with pytest.raises(UnusableTransactions, match="no history"):
        read(path)


@pytest.fixture
def timed(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text(
        "customer_id,timestamp,order_id,item_id,quantity,unit_price\n"
        "a,2026-01-01 10:00,1,tea,1,5\na,2026-01-01 10:00,1,milk,2,1\na,2026-01-01 11:00,1,milk,-2,1\n"
        "a,2026-02-01 10:00,2,milk,1,1\na,2026-02-20 10:00,3,bread,1,1\nb,2026-02-03 10:00,4,tea,1,5\n"
    )
    return path


def test_transactions_are_baskets_less_what_was_brought_back(timed):
    history, told, _ = read(timed)
    assert lines(history) == [("a", 0, "tea"), ("a", 1, "milk"), ("a", 2, "bread"), ("b", 0, "tea")]
    assert history.is_timed
    assert not len(told.customers)


def test_the_next_basket_after_a_day(timed):
    """The first in the horizon, of whoever bought before: `b` was not known, and the bread came later."""
    history, _, _ = read(timed)
    day = history.days[0] + 20
    split = next_after(history, day, day + 60)
    assert lines(split.history) == [("a", 0, "tea")]
    assert pairs(split.targets, history) == [("a", "milk")]
    assert not len(next_after(history, day, day + 5).targets.customers)


def test_the_last_basket_of_whoever_has_several(timed):
    history, _, _ = read(timed)
    split = last_left_out(history)
    assert lines(split.history) == [("a", 0, "tea"), ("a", 1, "milk"), ("b", 0, "tea")]
    assert pairs(split.targets, history) == [("a", "bread")]


def test_targets_need_numbered_baskets(timed, numbered):
    with pytest.raises(UnusableTransactions, match="basket_index"):
        read(timed, numbered)
    with pytest.raises(UnusableTransactions, match="lacks one of the columns"):
        read(numbered, timed)
