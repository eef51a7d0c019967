"""Ranked lists, judged by hand."""

import numpy as np
import pytest

from ml.data.baskets import Targets
from ml.evaluation.ranked import DEPTH, Lists, judge_lists


def padded(*lists):
    table = np.full((len(lists), DEPTH), -1)
    for row, items in enumerate(lists):
        table[row, : len(items)] = items
    return table


def judged(items, discover, bought, known):
    targets = Targets.of(np.zeros(len(bought), np.int64), np.array(bought))
    found = judge_lists(Lists(padded(items), padded(discover)), targets, np.isin(bought, known))
    return {name: values[0] for name, values in found.items()}


def test_a_list_by_hand():
    """Of 1, 2, 3 and 4, bought next, 1 stands first, 3 third and 4 twelfth; 1 and 2 were known."""
    found = judged([1, 7, 3, *range(20, 28), 4], [3, 7, 4], [1, 2, 3, 4], known=[1, 2])
    ideal = sum(1 / np.log2(place + 1) for place in (1, 2, 3, 4))
    assert found == pytest.approx(
        {
            "recall_at_10": 2 / 4,
            "ndcg_at_10": (1 + 1 / np.log2(4)) / ideal,
            "phr_at_10": 1.0,
            "recall_at_20": 3 / 4,
            "repeat_recall_at_10": 1 / 2,
            "explore_recall_at_10": 1 / 2,
            "discover_recall_at_10": 2 / 2,
        }
    )


def test_the_ideal_list_is_not_cut():
    """Twelve items bought next and the ten of the list among them: still not perfect."""
    found = judged(range(10), [], range(12), known=range(12))
    gains = [1 / np.log2(place + 1) for place in range(1, 13)]
    assert found["ndcg_at_10"] == pytest.approx(sum(gains[:10]) / sum(gains))
    assert found["recall_at_10"] == pytest.approx(10 / 12)


def test_what_cannot_be_judged_is_not_counted():
    found = judged([5], [], [1], known=[1])
    assert (found["recall_at_10"], found["ndcg_at_10"], found["phr_at_10"]) == (0, 0, 0)
    assert np.isnan(found["explore_recall_at_10"])
    assert np.isnan(found["discover_recall_at_10"])


def test_customers_are_judged_apart():
    targets = Targets.of(np.array([3, 3, 8]), np.array([1, 2, 1]))
    found = judge_lists(Lists(padded([1], [2]), padded([], [])), targets, np.array([True, True, True]))
    assert found["recall_at_10"].tolist() == [0.5, 0.0]
