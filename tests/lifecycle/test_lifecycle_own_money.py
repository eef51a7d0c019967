"""Own money: by hand, one like many, and through an archive or refused."""

from math import log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.own_money import OwnMoney

OWN = OwnMoney(1_000.0, np.array([0.5, 0.75, 1.0]), np.array([0.25, 0.5, 1.0]), 0.25)


def row_of(orders, gross_order, refund_share):
    given_values = {"orders": orders, "gross_order": gross_order, "refund_share": refund_share}
    return [given_values.get(name, 7.0) for name in FEATURE_NAMES]


BY_HAND = {
    "as all": ((1, 1_000, 0), (0.0, 0.0)),
    "one order": ((1, 4_000, 0), (0.5 * log(4), 0.0)),
    "two": ((2, 4_000, 0.5), (0.75 * log(4), 0.5 * log(1 - 0.75 * 0.5))),
    "more than there are weights of": ((9, 250, 1), (log(1 / 4), log(0.25))),
    "more given back than bought": ((3, 1_000, 1.5), (0.0, log(0.25))),
    "nothing paid": ((3, 0, nan), (log(1 / 1_000), 0.0)),
    "never bought": ((0, nan, nan), (0.0, 0.0)),
}


@pytest.mark.parametrize(("known", "terms"), BY_HAND.values(), ids=BY_HAND)
def test_terms_by_hand(known, terms):
    assert OWN.of_one(row_of(*known)) == pytest.approx(terms)


amounts = st.one_of(st.just(nan), st.floats(0, 1e15))


@given(st.lists(st.tuples(st.integers(0, 99), amounts, amounts), min_size=1, max_size=20))
def test_one_has_the_terms_it_has_among_many(known):
    rows = [row_of(*each) for each in known]
    many = np.column_stack(OWN.of_each(np.array(rows, np.float64)))
    assert many.tolist() == [list(OWN.of_one(row)) for row in rows]


def test_what_is_packed_comes_back():
    back = OwnMoney.unpack(OWN.pack())
    assert (back.centre_minor, back.least_kept) == (OWN.centre_minor, OWN.least_kept)
    np.testing.assert_array_equal(back.weights, OWN.weights)
    np.testing.assert_array_equal(back.keeping, OWN.keeping)


@pytest.mark.parametrize(
    "changes",
    [
        {"own.weights": np.array([0.5, 0.75])},
        {"own.weights": np.array([0.5, nan, 1.0])},
        {"own.keeping": np.array([0.5, 0.7, 1.5])},
        {"own.weights": np.empty(0), "own.keeping": np.empty(0)},
        {"own.centre_minor": np.array([0.0])},
        {"own.centre_minor": np.array([np.inf])},
        {"own.centre_minor": np.array([nan])},
        {"own.least_kept": np.array([0.0])},
        {"own.least_kept": np.array([0.5, 0.5])},
    ],
    ids=str,
)
def test_weights_that_are_none_are_refused(changes):
    with pytest.raises(ValueError, match="own money"):
        OwnMoney.unpack({**OWN.pack(), **changes})


@pytest.mark.parametrize("name", OWN.pack())
def test_a_missing_array_is_refused(name):
    arrays = OWN.pack()
    del arrays[name]
    with pytest.raises(KeyError):
        OwnMoney.unpack(arrays)
