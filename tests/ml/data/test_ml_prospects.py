"""Who is a prospect at a cut-off, and what became of them: hand-made histories."""

import pytest

from app.lifecycle.events import DAY_US, ORDER_RETURNED
from ml.data.prospects import prospect_states

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

CUTOFF_DAY, HORIZON_DAYS = 20_000, 30


@pytest.fixture
def at(order_of):
    """Makes an event so many days from the cut-off."""

    def make(customer, days, type_="order.completed", **columns):
        return order_of(customer, int((CUTOFF_DAY + days) * DAY_US), type=type_, **columns)

    return make


@pytest.fixture
def read(table_of):
    def run(*events, cutoffs=(0,)):
        found = prospect_states(table_of(events), [(CUTOFF_DAY + day) * DAY_US for day in cutoffs], HORIZON_DAYS)
        days = (found.cutoffs_us // DAY_US - CUTOFF_DAY).tolist()
        labels = zip(found.has_first_order.tolist(), found.is_best.tolist(), strict=True)
        return dict(zip(zip(found.customer_ids.tolist(), days, strict=True), labels, strict=True))

    return run


def viewed(at, customer, days):
    return at(customer, days, "product.viewed", amount_minor=None, items=None)


def test_prospects_are_seen_and_have_not_bought(at, read):
    found = read(
        viewed(at, "looked", -5),
        viewed(at, "bought", -9),
        at("bought", -5),
        at("straight", 1),
        viewed(at, "later", 0.1),
        viewed(at, "gave back", -9),
        at("gave back", -8, ORDER_RETURNED),
        viewed(at, "refunded", -9),
        at("refunded", -8, "order.refunded"),
    )
    assert found == {("looked", 0): (False, False)}


def test_a_first_order_counts_within_the_horizon(at, read):
    looked = [viewed(at, name, -5) for name in ("first day", "last day", "too late")]
    orders = [at("first day", 0), at("last day", HORIZON_DAYS - 0.001), at("too late", HORIZON_DAYS)]
    found = read(*looked, *orders)
    assert {name: came for (name, _), (came, _) in found.items()} == {
        "first day": True,
        "last day": True,
        "too late": False,
    }


def test_the_best_are_the_fewest_who_hold_most_of_all_spend(at, read):
    """Of 100 spent by everybody in the horizon 60 are held by who spent 50 and 20; refunds are taken off."""
    found = read(
        *(viewed(at, name, -5) for name in ("fifty", "ten", "refunded", "none")),
        at("fifty", 1, amount_minor=5000),
        at("ten", 1, amount_minor=1000),
        at("refunded", 1, amount_minor=9000),
        at("refunded", 2, "order.refunded", amount_minor=7000 + 2000),
        at("regular", -50),
        at("regular", 1, amount_minor=2000),
        at("regular too", 2, amount_minor=2000),
    )
    assert [name for (name, _), (_, is_best) in found.items() if is_best] == ["fifty"]


def test_each_cutoff_has_its_own_prospects_and_labels(at, read):
    found = read(viewed(at, "C", -5), at("C", 40), cutoffs=(0, 20, 41))
    assert {day: came for (_, day), (came, _) in found.items()} == {0: False, 20: True}


def test_a_history_of_orders_alone_has_none(at, read):
    assert read(at("C", -5), at("D", 5)) == {}
