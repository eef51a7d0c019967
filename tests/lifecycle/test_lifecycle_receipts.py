"""What is left of visits, told from what is left of their receipts: near to the truth, in arrays as of one."""

import numpy as np
import pytest

from app.lifecycle import events as e
from app.lifecycle.events import DAY_US, Event
from app.lifecycle.measures import DECAYED, NUMERIC, fold, numbers_of
from app.lifecycle.receipts import join_receipts, join_receipts_of_one

BARE = Event("C-1", "/pos", "1", "", 0, None, None, None, 0, 0, 0, 0, None, b"", "{}")
LEFT = [at for at, measure in enumerate(NUMERIC) if measure in DECAYED and measure.unit == "orders"]
RECEIPTS = 10


def state_of(days, receipts):
    """The numbers of a customer who bought on days, so many receipts each."""
    times = [(day + n / 86_400, 600) for day, count in zip(days, receipts, strict=True) for n in range(count)]
    orders = [
        BARE._replace(id=str(n), type=e.ORDER_COMPLETED, occurred_us=round(day * DAY_US), amount_minor=amount)
        for n, (day, amount) in enumerate(times)
    ]
    return [state if state is not None else np.nan for state in numbers_of(fold(orders))]


def histories(seed, size=300):
    """Whole days with an order, uneven gaps, of so many customers."""
    random = np.random.default_rng(seed)
    for _ in range(size):
        gaps = random.gamma(2.0, random.uniform(2, 60) / 2.0, random.integers(2, 25))
        yield 1000 + np.append(0, np.cumsum(np.maximum(np.round(gaps), 1)))


def errors(pairs):
    """(n, half-lives): how far the logarithm of what is left of the receipts is from that of the visits."""
    states, truth = (np.array(each, float) for each in zip(*pairs, strict=True))
    join_receipts(states)
    return np.abs(np.log(states[:, LEFT] / truth[:, LEFT]))


def with_receipts(days, place):
    counts = np.ones(len(days), int)
    counts[place] = RECEIPTS
    return state_of(days, counts), state_of(days, np.ones(len(days), int))


def test_a_last_visit_of_ten_receipts_is_seen_to_be_one():
    off = errors([with_receipts(days, -1) for days in histories(1)])
    assert (np.quantile(off, 0.9) < 0.02, np.quantile(off, 0.95) < 0.05) == (True, True)


def test_a_visit_of_ten_receipts_some_day_is_nearly_one():
    random = np.random.default_rng(2)
    off = errors([with_receipts(days, random.integers(len(days))) for days in histories(3)])
    assert (np.median(off) < 0.1, np.quantile(off, 0.9) < 0.3) == (True, True)


def test_one_customer_is_read_as_many_are():
    random = np.random.default_rng(4)
    states = [state_of(days, random.integers(1, 4, len(days))) for days in histories(5, 100)]
    together = np.array(states, float)
    join_receipts(together)
    for state, joined in zip(states, together, strict=True):
        one = join_receipts_of_one([None if np.isnan(value) else value for value in state])
        assert [np.nan if value is None else value for value in one] == pytest.approx(joined, rel=1e-9, nan_ok=True)
