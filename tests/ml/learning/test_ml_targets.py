"""Three targets from one history: equal to their estimators, right in sum, and blind to what comes after."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from app.lifecycle.events import DAY_US
from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.targets import SPEND, TARGET_NAMES
from ml.data.cutoffs import Untrainable, to_us
from ml.data.states import labelled_states
from ml.learning import targets as targets_module
from ml.learning.targets import RECIPES, Targets, fit_targets, outcome_of

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls it

HORIZON_DAYS = 60
AT_US = to_us(datetime(2026, 4, 1, tzinfo=UTC))
CUTOFFS_US = [AT_US - days * DAY_US for days in (180, 150, 120, 90, 60)]


@pytest.fixture(scope="module")
def rows(shop):
    return labelled_states(shop, [*CUTOFFS_US, AT_US], HORIZON_DAYS)


@pytest.fixture(scope="module")
def past(rows):
    return rows.at(rows.cutoffs_us < AT_US)


@pytest.fixture(scope="module")
def present(rows):
    return rows.at(rows.cutoffs_us == AT_US)


@pytest.fixture(scope="module")
def targets(past, present):
    return fit_targets(past, present, HORIZON_DAYS)


def test_tables_equal_the_estimators_up_to_the_level(targets, present):
    for target in TARGET_NAMES:
        model = targets.models[target]
        apart = model.score(present.features()) - model.estimate(present.features())
        assert np.ptp(apart) < 1e-10


def test_predictions_are_the_links_of_the_sums_of_terms(targets, present):
    vectors, later_us = present.features(), AT_US + 45 * DAY_US
    predicted = targets.predict(vectors, later_us)
    links = {
        target: targets.models[target].score(vectors)
        + np.interp(later_us / DAY_US, targets.level_days, targets.levels[target])
        for target in TARGET_NAMES
    }
    assert predicted.churn == pytest.approx(1 / (1 + np.exp(-links["churn"])))
    assert predicted.orders == pytest.approx(np.exp(links["orders"]))
    assert predicted.spend_minor == pytest.approx(np.exp(links["spend"]))


def test_they_are_calibrated_in_a_shop_never_seen_ahead(targets, present):
    """What 500 customers did in the two months after the last event that was read."""
    predicted = targets.predict(present.features(), AT_US)
    assert predicted.churn.mean() == pytest.approx(present.churned.mean(), abs=0.08)
    assert predicted.orders.sum() == pytest.approx(present.orders_ahead.sum(), rel=0.25)
    assert predicted.spend_minor.sum() == pytest.approx(present.spend_ahead_minor.sum(), rel=0.25)


def test_they_tell_the_best_customers_from_the_rest(targets, present):
    predicted = targets.predict(present.features(), AT_US)
    best = predicted.spend_minor >= np.quantile(predicted.spend_minor, 0.8)
    assert present.spend_ahead_minor[best].mean() > 2 * present.spend_ahead_minor[~best].mean()
    risky = predicted.churn >= np.quantile(predicted.churn, 0.8)
    assert present.churned[risky].mean() > present.churned.mean() + 0.15
    busy = predicted.orders >= np.quantile(predicted.orders, 0.8)
    assert present.orders_ahead[busy].mean() > 2 * present.orders_ahead[~busy].mean()


def test_what_comes_after_the_present_is_not_read(past, present, targets):
    blind = replace(
        present, orders_ahead=present.orders_ahead * 0 + 7, spend_ahead_minor=present.spend_ahead_minor * 0 - 1
    )
    again = fit_targets(past, blind, HORIZON_DAYS)
    ours, theirs = (fitted.predict(present.features(), AT_US + 9 * DAY_US) for fitted in (targets, again))
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one, other)


def test_the_level_begins_at_zero_is_linear_between_and_held_at_the_ends(targets):
    days = targets.level_days
    assert days[0] == AT_US // DAY_US
    assert days[-1] - days[0] >= 365
    shaped = replace(targets, levels={target: np.arange(len(days), dtype=float) for target in TARGET_NAMES})
    assert all(targets.levels[target][0] == 0 for target in TARGET_NAMES)
    assert all((targets.deviations[target] > 0).all() for target in TARGET_NAMES)
    middle_us = (int(days[3]) + int(days[4])) / 2 * DAY_US
    assert shaped.level("orders", middle_us) == pytest.approx(3.5)
    assert shaped.level("spend", 0.0) == 0
    assert shaped.level("churn", float(days[-1] + 1000) * DAY_US) == len(days) - 1


def test_a_higher_level_of_spend_is_more_spend_of_everybody(targets, present):
    vectors = present.features()[:20]
    raised = Targets(
        targets.models,
        targets.level_days,
        {target: shifts + np.log(2) for target, shifts in targets.levels.items()},
        HORIZON_DAYS,
    )
    before, after = (made.predict(vectors, AT_US) for made in (targets, raised))
    assert after.spend_minor == pytest.approx(2 * before.spend_minor)
    assert after.orders == pytest.approx(2 * before.orders)
    assert (after.churn > before.churn).all()


def test_spend_leans_on_what_the_classics_say(past, present, targets, monkeypatch):
    """Half of the score of spend beside own money is BG/NBD, stretched: so far what it says of someone moves it."""
    said, vectors = targets_module._say, present.features()
    early = vectors[:, FEATURE_NAMES.index("season_same")] > 0

    def say_more(expected):
        found = said(expected)
        return found | {"spend": found["spend"] + early}

    monkeypatch.setattr(targets_module, "_say", say_more)
    again = fit_targets(past, present, HORIZON_DAYS)
    moved = again.models["spend"].score(vectors) - targets.models["spend"].score(vectors)
    assert moved[early].mean() - moved[~early].mean() == pytest.approx(0.5 * RECIPES["spend"].stretch, abs=0.1)
    assert np.array_equal(again.models["orders"].score(vectors), targets.models["orders"].score(vectors))


def test_more_silence_raises_the_risk_and_never_what_is_expected():
    silence = FEATURE_NAMES.index("recency_days")
    assert RECIPES["churn"].directions[silence] == 1
    assert RECIPES["orders"].directions[silence] == RECIPES["spend"].directions[silence] == -1


def test_spend_is_learnt_net_and_not_below_nothing(past):
    spend = outcome_of(SPEND, replace(past, spend_ahead_minor=np.full(len(past.churned), -5.0)))
    assert not spend.any()


def test_where_nobody_spends_there_is_no_model(past, present):
    with pytest.raises(Untrainable, match="spent"):
        fit_targets(replace(past, spend_ahead_minor=0 * past.spend_ahead_minor), present, HORIZON_DAYS)
