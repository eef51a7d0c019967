"""Orders that seem to be told twice, by a source whose orders have no identity."""

import pytest

from app.ingest.order_identity import OrderIdentity
from app.lifecycle.events import DAY_US
from ml.data.histories import find_oddities

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

START_US = 20_000 * DAY_US
MINUTE_US = 60_000_000


def test_an_order_told_twice_is_named(table_of, order_of):
    """A till that sends again after ten minutes at most; under another id it counts again."""
    table = table_of(
        [
            order_of("C-1", START_US, reference="7"),
            order_of("C-1", START_US + 10 * MINUTE_US, reference="7"),
            order_of("C-1", START_US + 12 * MINUTE_US, reference="7"),
            order_of("C-2", START_US + DAY_US, reference="7"),
        ]
    )
    (sentence,) = find_oddities(table, "CNY", OrderIdentity())
    assert sentence.startswith("2 orders seem to be told twice, the first on 2024-10-04 by /till: ")
    assert "PERENNIAL_ORDER_IDENTITY" in sentence


@pytest.mark.parametrize(
    "other",
    [
        {"occurred_us": START_US + 11 * MINUTE_US},
        {"reference": "8"},
        {"amount_minor": 999},
        {"source": "/other"},
        {"customer_id": "C-2"},
        {"reference": None},
        {"type": "order.refunded"},
    ],
)
def test_orders_that_are_two(table_of, order_of, other):
    second = {"customer_id": "C-1", "occurred_us": START_US + MINUTE_US, "reference": "7", "id": "other", **other}
    assert (
        find_oddities(table_of([order_of("C-1", START_US, reference="7"), order_of(**second)]), "CNY", OrderIdentity())
        == []
    )


def test_orders_without_a_number_are_not_compared(table_of, order_of):
    assert (
        find_oddities(
            table_of([order_of("C-1", START_US), order_of("C-1", START_US + MINUTE_US)]), "CNY", OrderIdentity()
        )
        == []
    )


def test_what_was_given_away_is_not_compared(table_of, order_of):
    gifts = [order_of("C-1", START_US + minutes * MINUTE_US, reference="7", amount_minor=0) for minutes in (0, 1)]
    assert find_oddities(table_of(gifts), "CNY", OrderIdentity()) == []
