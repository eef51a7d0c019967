"""Ten receipts within ten seconds are one visit, whatever else the customer bought."""

import numpy as np
import pytest

from app.lifecycle.stages import StagePolicy, judge_stage, measure_rhythm
from tests.ml.properties.histories import AMOUNT_MINOR, ITEMS, draw_histories, feature, order, state_of

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

POLICY = StagePolicy()


SECOND = 1 / 86_400


def visits_of(days, at):
    """Orders on these days, that at a place dear as ten: its state as one receipt, and as ten within ten seconds."""
    dear = order(days[at])._replace(amount_minor=10 * AMOUNT_MINOR, items=10 * ITEMS)
    others = [order(day) for day in np.delete(days, at)]
    return state_of([*others, dear]), state_of([*others, *(order(days[at] + n * SECOND) for n in range(10))])


def look_at_both(served, days, at=-1):
    """Features by one receipt, and by ten; (1, features) each."""
    return [served.look_at([state]) for state in visits_of(days, at)]


def stage_of(served, rows):
    (row,), risk = rows.tolist(), float(served.foretell(rows).churn_risk[0])
    return judge_stage(row, measure_rhythm(row, POLICY, POLICY.rhythm_days), risk, POLICY).stage


@pytest.mark.parametrize("before", [[], [20.25], [25.25, 13.25]], ids=["alone", "after an order", "after two"])
def test_who_is_new_stays_so_by_receipts(served, before):
    """With two orders before, the third ends being new: as it does without receipts."""
    visits = [served.day - days for days in (*before, 1.75)]
    whole, parts = look_at_both(served, visits)
    assert feature(parts, "orders") == len(visits)
    assert stage_of(served, parts) == stage_of(served, whole) == ("new" if len(visits) < 3 else "growing")
    assert_alike(served, whole, parts)


def assert_alike(served, whole, parts):
    one, ten = served.foretell(whole), served.foretell(parts)
    np.testing.assert_allclose(ten.orders, one.orders, rtol=0.15)
    np.testing.assert_allclose(ten.churn_risk, one.churn_risk, atol=0.05)


@pytest.mark.parametrize("place", [0, 5, 11])
def test_a_weekly_buyer_s_receipts_are_no_orders(served, place):
    whole, parts = look_at_both(served, served.day - 3.75 - 7 * np.arange(12), place)
    assert (feature(whole, "orders"), feature(parts, "orders")) == (12, 12)
    assert_alike(served, whole, parts)


def test_of_any_history_a_visit_of_ten_receipts_changes_little(served):
    histories = [np.unique(np.floor(days)) + 0.25 for days in draw_histories(11, 200, served.day - 1)]
    pairs = [visits_of(days, -1) for days in histories]
    whole, parts = (served.foretell(served.look_at(list(states))) for states in zip(*pairs, strict=True))
    changed, moved = np.abs(np.log(parts.orders / whole.orders)), np.abs(parts.churn_risk - whole.churn_risk)
    assert (np.quantile(changed, 0.9) < 0.15, np.quantile(moved, 0.9) < 0.05, moved.max() < 0.1) == (True, True, True)
