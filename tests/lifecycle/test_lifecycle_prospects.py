"""What is foretold of who never bought: by rule, by tables, of one and of many alike."""

import math

import numpy as np
import pytest

from app.lifecycle.events import DAY_US
from app.lifecycle.features import FEATURE_NAMES, features
from app.lifecycle.measures import EMPTY, NUMERIC, numbers_of
from app.lifecycle.prospects import (
    ProspectCard,
    has_bought,
    have_bought,
    pack_prospects,
    unpack_prospects,
)
from app.lifecycle.scorer import StepTables

NOW_US = 1_800_000_000_000_000
AS_IT_IS = range(len(FEATURE_NAMES))
VISITS = FEATURE_NAMES.index("visits_decayed_15d")


def prospect(*, days_ago, visits=1):
    """The state vector of so many visits, all at once, and nothing else."""
    at_us = NOW_US - days_ago * DAY_US
    state = EMPTY | {"events": visits, "visits": visits, "last_visit_us": at_us}
    state |= {"first_event_us": at_us, "last_event_us": at_us}
    state |= {"visits_decayed_15d": float(visits), "visits_decayed_60d": float(visits)}
    return numbers_of(state)


def rows_of(*states):
    return features(np.array(states, np.float64), float(NOW_US))


def tables_of(seed):
    """Some features have a say, the unknown value too."""
    rng = np.random.default_rng(seed)
    edges = [np.sort(rng.normal(size=3)) if at % 3 == 0 else np.empty(0) for at in range(len(FEATURE_NAMES))]
    steps = [rng.normal(size=len(edge) + 2) if len(edge) else np.zeros(2) for edge in edges]
    return StepTables(float(rng.normal()), tuple(edges), tuple(steps))


def again(card, places=AS_IT_IS):
    """The card, packed and unpacked."""
    unpacked = unpack_prospects(pack_prospects(card), places)
    assert unpacked is not None
    return unpacked


def test_by_rule_first_orders_come_with_touches_of_late():
    """Seen today with two visits: three touches. 60 days on half of each is left."""
    first, likeness = ProspectCard(90, rate=0.2, best_share=0.25).expect(
        rows_of(prospect(days_ago=0, visits=2), prospect(days_ago=60, visits=2))
    )
    assert first.tolist() == pytest.approx([1 - math.exp(-0.6), 1 - math.exp(-0.3)])
    assert likeness.tolist() == pytest.approx((0.25 * first).tolist())


def test_by_rule_a_horizon_of_a_third_has_a_third_of_the_orders():
    row = rows_of(prospect(days_ago=0))
    (longer,), (shorter,) = (ProspectCard(days, rate=0.01).expect(row)[0] for days in (90, 30))
    assert math.log(1 - longer) == pytest.approx(3 * math.log(1 - shorter))


def test_by_rule_yesterdays_cart_ranks_above_a_look_a_year_ago():
    """A page looked at and put into the cart are two visits."""
    card = ProspectCard(90)
    yesterday, long_ago = card.expect(rows_of(prospect(days_ago=1, visits=2), prospect(days_ago=365)))[0]
    assert yesterday > 20 * long_ago


@pytest.mark.parametrize(
    "card", [ProspectCard(90), ProspectCard(60, tables_of(1), None), ProspectCard(60, tables_of(1), tables_of(2))]
)
def test_one_is_told_what_many_are(card):
    rows = np.random.default_rng(3).normal(size=(50, len(FEATURE_NAMES)))
    rows[::7] = np.nan
    first, likeness = card.expect(rows)
    told = [card.forecast_one(row) for row in rows.tolist()]
    assert [one.first_order for one in told] == pytest.approx(first.tolist(), rel=1e-12)
    assert [one.likeness for one in told] == pytest.approx(likeness.tolist(), rel=1e-12)


def test_terms_add_up_to_the_log_odds():
    tables = tables_of(4)
    row = np.random.default_rng(5).normal(size=len(FEATURE_NAMES)).tolist()
    told = ProspectCard(90, tables).forecast_one(row)
    link = tables.intercept + sum(told.first_order_terms)
    assert math.log(told.first_order / (1 - told.first_order)) == pytest.approx(link)
    assert told.likeness_terms == []


def test_a_card_is_the_same_after_packing():
    card = ProspectCard(60, tables_of(1), None, 0.03, 0.4, True)
    unpacked = again(card)
    rows = np.random.default_rng(6).normal(size=(20, len(FEATURE_NAMES)))
    assert np.array_equal(unpacked.expect(rows), card.expect(rows))
    assert (unpacked.horizon_days, unpacked.rate, unpacked.best_share, unpacked.likeness) == (60, 0.03, 0.4, None)
    assert unpacked.data_sufficiency == "enough"


def test_a_feature_that_the_card_does_not_know_has_no_say():
    """The last of this version was the first then, and is not there any more."""
    then, places = tables_of(1), [*reversed(range(1, len(FEATURE_NAMES))), None]
    now = again(ProspectCard(60, then), places).first_order
    assert now is not None
    assert not now.steps[-1].any()
    assert np.array_equal(now.steps[0], then.steps[-1])
    assert np.array_equal(now.edges[0], then.edges[-1])


@pytest.mark.parametrize(
    ("member", "spoil"),
    [
        ("prospects.first_order.steps", lambda array: array[1:]),
        ("prospects.first_order.steps", lambda array: array * np.nan),
        ("prospects.first_order.edges", lambda array: array[::-1]),
        ("prospects.first_order.intercept", lambda array: array + 1e9),
        ("prospects.numbers", lambda array: array * -1),
    ],
)
def test_what_does_not_fit_is_refused(member, spoil):
    arrays = pack_prospects(ProspectCard(60, tables_of(1)))
    with pytest.raises(ValueError, match="prospects"):
        unpack_prospects({**arrays, member: spoil(arrays[member])}, range(len(FEATURE_NAMES)))


def test_arrays_of_before_have_no_card():
    assert unpack_prospects({}, range(len(FEATURE_NAMES))) is None


@pytest.mark.parametrize("measure", ["orders", "spend_minor", "refunds"])
def test_who_bought_and_gave_it_back_has_bought(measure):
    at = [known.name for known in NUMERIC].index(measure)
    bought = prospect(days_ago=1)
    bought[at] = 1
    assert has_bought(bought)
    assert not has_bought(prospect(days_ago=1))
    both = np.array([bought, prospect(days_ago=1)], np.float64)
    assert have_bought(both).tolist() == [True, False]
