"""A measure that sees beyond its cut-off is found, and refused by name."""

import ibis
import pytest

import ml.data.leaks
import ml.data.states
from app.lifecycle.events import DAY_US as DAY
from ml.data.intervals import before_next
from ml.data.leaks import Leak, leaking_measures, refuse_leaks

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it


def test_an_honest_state_has_no_leak(shop, shop_events):
    ends = max(event.occurred_us for event in shop_events)
    assert leaking_measures(shop, ends - 90 * DAY) == []
    refuse_leaks(shop, ends - 90 * DAY)


def test_a_planted_leak_is_caught(shop, shop_events, monkeypatch):
    """A column that tells of each order what the next one came to."""

    def look_ahead(events, bounds_us):
        following = ibis.window(group_by=[events.customer_id, events.type], order_by=[events.occurred_us, events.id])
        return before_next(
            events.mutate(amount_minor=events.amount_minor.lead().over(following).fill_null(0)), bounds_us
        )

    cutoff_us = max(event.occurred_us for event in shop_events) - 90 * DAY
    monkeypatch.setattr(ml.data.states, "before_next", look_ahead)
    leaking = leaking_measures(shop, cutoff_us)
    assert {"spend_minor", "spend_decayed_30d"} <= set(leaking)
    assert not {"orders", "items", "last_order_us"} & set(leaking)
    with pytest.raises(Leak, match="spend_minor"):
        refuse_leaks(shop, cutoff_us)


def test_a_leaking_window_is_caught(shop, shop_events, monkeypatch):
    """States at a cut-off that are really those of a month later."""
    honest = ml.data.states.states

    def late(events, cutoffs_us):
        found = honest(events, [cutoff_us + 30 * DAY for cutoff_us in cutoffs_us])
        return found.mutate(cutoff_us=found.cutoff_us - 30 * DAY)

    cutoff_us = max(event.occurred_us for event in shop_events) - 90 * DAY
    monkeypatch.setattr(ml.data.leaks, "states", late)
    assert {"orders", "last_order_us", "spend_decayed_30d"} <= set(leaking_measures(shop, cutoff_us))
