"""Refunds whose order never came are told to whoever trains or evaluates."""

import pytest

from app.ingest.order_identity import OrderIdentity
from app.lifecycle.events import DAY_US
from ml.data.histories import find_oddities

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

SHOP = "/woocommerce/tea.example.com"


def refund_of(order_of, reference, **facts):
    return order_of(
        "C-1", 20_001 * DAY_US, type="order.refunded", reference=reference, **{"source": SHOP, "id": reference, **facts}
    )


def test_training_tells_of_them(table_of, order_of):
    order = order_of("C-1", 20_000 * DAY_US, reference="7", source=SHOP)
    events = [order, refund_of(order_of, "7"), refund_of(order_of, "8")]
    (sentence,) = find_oddities(table_of(events), "CNY", OrderIdentity())
    assert sentence.startswith(f"1 refund names an order that never came, the first on 2024-10-05 by {SHOP}: ")


@pytest.mark.parametrize("other", [{"source": "/till"}, {"reference": "20261001T101500/C-1"}])
def test_refunds_that_name_no_order_are_not_told(table_of, order_of, other):
    refund = refund_of(order_of, **{"reference": "8", **other})
    assert find_oddities(table_of([refund]), "CNY", OrderIdentity()) == []
