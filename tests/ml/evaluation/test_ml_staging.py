"""Stages against what customers did next."""

import numpy as np

from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.stages import StagePolicy
from ml.evaluation.staging import ORDERED_STAGES, StageShare, describe_order, judge_stages, realised_repurchase


def test_the_share_of_each_stage_that_bought():
    stages = np.array(["mature", "mature", "lost", "new"])
    found = realised_repurchase(stages, np.array([False, True, True, False]))
    assert [(each.stage, each.customers, each.repurchased) for each in found] == [
        ("mature", 2, 0.5),
        ("growing", 0, None),
        ("new", 1, 1.0),
        ("declining", 0, None),
        ("lost", 1, 0.0),
    ]


def shares(*rates):
    return [
        StageShare(stage, 0 if rate is None else 10, rate) for stage, rate in zip(ORDERED_STAGES, rates, strict=True)
    ]


def test_an_order_that_falls_and_one_that_does_not():
    assert describe_order(shares(0.7, 0.4, 0.3, 0.2, 0.1)) == "falls"
    assert describe_order(shares(0.7, 0.4, 0.2, 0.2, 0.1)) == "new ≤ declining"
    assert describe_order(shares(0.7, 0.4, None, 0.5, 0.1)) == "growing ≤ declining, no new"


def test_the_risk_decides_where_it_is_given():
    """Silent for three of the usual gaps: declining if the model believes it, kept if it does not."""
    row = dict.fromkeys(FEATURE_NAMES, 0.0) | {"recency_days": 90.0, "tenure_days": 400.0, "orders": 11.0}
    row |= {"known_days": 400.0, "last_gap_days": 31.0}
    vectors = np.array([[row[name] for name in FEATURE_NAMES]] * 2)
    found = list(judge_stages(vectors, np.array([0.7, 0.1]), 30.0, 90, StagePolicy(fading_orders=100)))
    assert found == [("declining", "silent_beyond_own_rhythm"), ("mature", "frequent_and_stable")]
    presumed = list(judge_stages(vectors, None, 30.0, 90, StagePolicy(fading_orders=100)))
    assert presumed[0] == presumed[1]
