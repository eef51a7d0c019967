"""What the comparators are told of the past is counted in the unit that they forecast."""

import numpy as np
import pytest

from app.lifecycle import events as e
from ml.data.states import labelled_states
from ml.evaluation.judging import recent_purchases

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

DAY = e.DAY_US
START = 1_600_000_000_000_000
CUTOFF = START + 600 * DAY


def test_recent_orders_of_one_moment_count_once_and_all_their_spend(table_of, order_of):
    lately = CUTOFF - 10 * DAY
    events = [
        order_of("ann", lately, id="1"),
        order_of("ann", lately, id="2", amount_minor=500),
        order_of("ann", lately + 1, id="3"),
        order_of("ann", lately, id="4", type=e.ORDER_REFUNDED, amount_minor=300),
        order_of("ann", CUTOFF, id="5"),  # after it
        order_of("bob", START),  # more than a year before
        order_of("cyd", START),
        order_of("cyd", lately, type=e.ORDER_REFUNDED, amount_minor=200),
    ]
    table = table_of(events)
    rows = labelled_states(table, [CUTOFF], 90)
    recent = recent_purchases(table, rows)
    assert recent.window_days == 365
    assert dict(zip(rows.customer_ids, recent.orders, strict=True)) == {"ann": 2, "bob": 0, "cyd": 0}
    assert dict(zip(rows.customer_ids, recent.spend, strict=True)) == {"ann": 2200, "bob": 0, "cyd": -200}


def test_recent_orders_are_counted_as_the_orders_ahead_are(table_of, order_of):
    """The same days lie before one cut-off and after an earlier one."""
    moments = [CUTOFF - day * DAY for day in (5, 5, 5, 9, 30)]
    events = [order_of("ann", START), *(order_of("ann", at, id=str(n)) for n, at in enumerate(moments))]
    table = table_of(events)
    ahead = labelled_states(table, [CUTOFF - 365 * DAY], 365).orders_ahead
    recent = recent_purchases(table, labelled_states(table, [CUTOFF], 365))
    assert np.array_equal(recent.orders, ahead)
    assert ahead.tolist() == [3]
