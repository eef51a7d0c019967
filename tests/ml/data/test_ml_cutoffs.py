"""The cut-offs that a horizon is learnt from."""

import numpy as np
import pytest

from app.lifecycle.events import DAY_US
from ml.data.cutoffs import HISTORY_DAYS, MOST_CLOSE, Span, learning_cutoffs, monthly_cutoffs

FIRST_US, LAST_US = 14_610 * DAY_US, 15_340 * DAY_US
SPAN = Span(FIRST_US, LAST_US)


@pytest.mark.parametrize("horizon_days", [22, 30, 90])
def test_a_horizon_of_about_a_month_or_more_has_the_monthly_ones(horizon_days):
    assert learning_cutoffs(SPAN, LAST_US, horizon_days) == monthly_cutoffs(SPAN, LAST_US)


@pytest.mark.parametrize(("horizon_days", "step"), [(1, 7), (7, 7), (14, 14), (21, 21)])
def test_shorter_ones_have_the_latest_a_horizon_apart(horizon_days, step):
    cutoffs = learning_cutoffs(SPAN, LAST_US, horizon_days)
    close = cutoffs[-MOST_CLOSE:]
    assert cutoffs[-1] == LAST_US
    assert set(np.diff(close)) == {step * DAY_US}
    assert set(cutoffs[:-MOST_CLOSE]) < set(monthly_cutoffs(SPAN, LAST_US))
    assert min(cutoffs) - FIRST_US >= HISTORY_DAYS * DAY_US
    assert min(np.diff(cutoffs)) > step * DAY_US / 2


def test_none_without_enough_history():
    assert learning_cutoffs(SPAN, FIRST_US + (HISTORY_DAYS - 1) * DAY_US, 7) == []
