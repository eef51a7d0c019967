"""A feature's digest is of what it means: its own declaration, and those of the measures that it reads."""

from dataclasses import replace

import numpy as np
import pytest

from app.lifecycle.btyd import PARAMETERS
from app.lifecycle.definitions import DIGITS, FEATURE_DIGESTS, digest_feature, digest_together, measures_of
from app.lifecycle.events import DAY_US
from app.lifecycle.features import BASE, FEATURE_NAMES, FEATURES, READS, _base_columns
from app.lifecycle.measures import NUMERIC, REFERENCE, Measure, Merge

FEATURE = {feature.name: feature for feature in FEATURES}
MEASURE = {measure.name: measure for measure in NUMERIC}
AS_OF_US = 20_000.0 * DAY_US


def with_measure(name, **changes):
    return [replace(measure, **changes) if measure.name == name else measure for measure in NUMERIC]


def test_every_feature_has_a_digest_in_the_order_of_the_features():
    assert tuple(FEATURE_DIGESTS) == FEATURE_NAMES
    assert len(set(FEATURE_DIGESTS.values())) == len(FEATURES)
    assert {len(digest) for digest in FEATURE_DIGESTS.values()} == {DIGITS}


def test_the_digest_is_of_the_meaning_and_not_of_the_words():
    feature = FEATURE["store_share"]
    assert digest_feature(replace(feature, label="Something else")) == FEATURE_DIGESTS["store_share"]
    changed = [{"plus": "zero"}, {"minus": "one"}, {"per": "events"}, {"less": "one"}, {"name": "x"}, {"unit": "x"}]
    digests = {digest_feature(replace(feature, **change)) for change in changed}
    assert len({*digests, FEATURE_DIGESTS["store_share"]}) == 1 + len(changed)


@pytest.mark.parametrize("name", MEASURE)
def test_a_measure_of_another_meaning_changes_the_features_that_read_it_and_no_other(name):
    changed = with_measure(name, types=("something.else",))
    moved = {each.name for each in FEATURES if digest_feature(each, changed) != FEATURE_DIGESTS[each.name]}
    assert moved == {each.name for each in FEATURES if name in measures_of(each)}


def test_a_measure_more_and_another_order_change_nothing():
    more = [Measure("another", "events", Merge.SUM, "items"), *reversed(NUMERIC)]
    assert {each.name: digest_feature(each, more) for each in FEATURES} == FEATURE_DIGESTS


def test_constants_of_a_formula_are_part_of_what_it_says():
    other = {"lapse_chance": (*PARAMETERS[:-1], 91.0), "pace_orders": PARAMETERS}
    moved = [each.name for each in FEATURES if digest_feature(each, parameters=other) != FEATURE_DIGESTS[each.name]]
    assert moved == ["lapse_chance"]


def test_which_measures_a_feature_reads():
    read = {
        "recency_days": {"last_order_us"},
        "net_spend": {"spend_minor", "refunded_minor"},
        "silence_ratio": {"orders", "last_order_us", "first_order_us"},
        "pace_orders": {"orders", "last_order_us", "first_order_us"},
        "last_gap_days": {"second_last_order_us", "last_order_us"},
        "orders_15d_per_60d": {"orders_decayed_15d", "orders_decayed_60d", REFERENCE},
        "season_ahead": {"season_sin", "season_cos", "orders"},
    }
    assert {name: measures_of(FEATURE[name]) for name in read} == read


def test_a_time_is_read_with_the_one_that_it_stands_behind():
    alone = replace(FEATURE["last_gap_days"], minus="zero")
    assert measures_of(alone) == {"second_last_order_us", "last_order_us"}


def test_a_base_column_moves_with_the_measures_that_it_reads_and_with_no_other():
    """Each measure is moved in turn, of customers with one receipt a day."""
    draws, at_of = np.random.default_rng(5), {measure.name: at for at, measure in enumerate(NUMERIC)}
    states = draws.uniform(5.0, 50.0, (40, len(NUMERIC)))
    times = [at for at, measure in enumerate(NUMERIC) if measure.unit == "us"]
    states[:, times] = AS_OF_US - draws.uniform(10.0, 300.0, (40, len(times))) * DAY_US
    states[:, at_of["order_days"]] = 100.0
    states[:, at_of["first_order_us"]] = AS_OF_US - 400 * DAY_US
    before = _base_columns(states, AS_OF_US)
    moving: dict[str, set[str]] = {column: set() for column in BASE}
    for name, at in at_of.items():
        moved = states.copy()
        moved[:, at] += DAY_US if at in times else 1.0
        is_same = np.isclose(_base_columns(moved, AS_OF_US), before, rtol=1e-12, atol=0.0).all(axis=0)
        for column in np.array(BASE)[~is_same].tolist():
            moving[column].add(name)
    assert moving == {column: set(read) for column, read in READS.items()}


def test_together_they_have_one_that_knows_their_order():
    one, other = {"a": "1", "b": "2"}, {"b": "2", "a": "1"}
    assert digest_together(one) == digest_together(dict(one))
    assert len({digest_together(one), digest_together(other), digest_together({"a": "1"})}) == 3
