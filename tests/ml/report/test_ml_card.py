"""The card says what the manifest says, and what it does not."""

from copy import deepcopy
from typing import Any

import pytest

from ml.evaluation.metrics import churn_metrics, orders_metrics, spend_metrics
from ml.report.card import LEFT_OUT, LEFT_OUT_BY_NOBODY, render_card

MANIFEST: dict[str, Any] = {
    "version": "churn-20110914T000000-0a1b2c3d",
    "created_at": "2011-09-14T00:00:00+00:00",
    "horizon_days": 90,
    "inner_horizon_days": 90,
    "method": "additive_trees",
    "features": ["recency_days", "orders"],
    "feature_digest": "f" * 64,
    "population": {"rhythm_days": 31.5, "customers": 4800},
    "training": {
        "cutoffs": ["2010-12-01T00:00:00+00:00", "2011-01-01T00:00:00+00:00"],
        "rows": 52000,
        "base_rate": 0.61,
        "data_from": "2009-12-01T00:00:00+00:00",
        "data_until": "2011-09-14T00:00:00+00:00",
    },
    "level": {
        "expected_share": 0.552,
        "expected_orders": 0.91,
        "expected_spend": 312.5,
        "deviation": 0.21,
        "worst_deviation": 0.44,
        "worst_on": "2011-12-12T00:00:00+00:00",
    },
    "data": {"source": "orders.parquet", "simulated": False},
    "metrics": {
        "cutoff": "2011-06-12T00:00:00+00:00",
        "n": 4321,
        "churn": {
            "models": {"perennial": {"auc": 0.8312, "ece": 0.021}, "recency": {"auc": 0.79, "ece": None}},
            "left_out": {"rfm_logit": "There is no earlier cut-off."},
        },
        "orders": {"models": {"perennial": {"mae": 0.91, "bias": -0.03}, "pareto_nbd": {"mae": 0.97, "bias": 0.2}}},
        "spend": {"models": {"perennial": {"normalised_gini": 0.88}}},
    },
    "libraries": {"numpy": "2.4.0"},
    "files": {"tables.npz": "a" * 64},
}


def section(card, title):
    return card.split(f"## {title}\n\n", 1)[1].split("\n## ", 1)[0]


def changed(**members):
    return {**deepcopy(MANIFEST), **members}


def test_it_names_the_version_and_every_digest():
    card = render_card(MANIFEST)
    assert card.startswith("# Model card: churn-20110914T000000-0a1b2c3d\n")
    assert f"| tables.npz | `{'a' * 64}` |" in section(card, "Digests")
    assert "f" * 64 in section(card, "Digests")
    assert "numpy 2.4.0" in section(card, "Digests")


def test_the_data_are_told_with_their_span():
    data = section(render_card(MANIFEST), "Data")
    for row in (
        "| Source | orders.parquet |",
        "| Kind | real events |",
        "| From | 2009-12-01 |",
        "| Until | 2011-09-14 |",
        "| Days | 652 |",
        "| Customers | 4,800 |",
        "| Cut-offs | 2 |",
        "| Rows (a customer at a cut-off) | 52,000 |",
    ):
        assert row in data


def test_each_target_stands_beside_its_comparators():
    measured = section(render_card(MANIFEST), "Measured")
    assert "| perennial | 0.8312 | 0.0210 |\n| recency | 0.7900 | – |" in measured
    assert "| perennial | 0.9100 | −0.0300 |\n| pareto_nbd | 0.9700 | 0.2000 |" in measured
    assert "| Normalised Gini |" in measured
    assert "- `rfm_logit` is left out: There is no earlier cut-off." in measured
    assert measured.count("At 2011-06-12, 4,321 customers not learned from.") == 3


def test_every_figure_has_its_proper_name():
    figures = {
        **churn_metrics([0, 1], [0.2, 0.7]),
        **orders_metrics([0, 1], [0.1, 1.2]),
        **spend_metrics([0, 5], [1, 4]),
    }
    measured = section(render_card(changed(metrics={"churn": {"models": {"perennial": figures}}})), "Measured")
    heads = [head.strip() for head in measured.split("\n")[4].split("|")[2:-1]]
    assert len(heads) == len(figures)
    assert {"AUC", "Brier score", "Pearson correlation", "Spearman rank correlation"} <= set(heads)
    assert all(head[0].isupper() and head not in figures for head in heads)


def test_a_model_that_was_not_measured_says_so():
    card = render_card(changed(metrics={}))
    assert section(card, "Measured").startswith("Not measured")
    assert "has not been measured" in section(card, "Limits")


def test_calibration_is_told_of_every_target():
    assert section(render_card(MANIFEST), "Calibration").strip() == (
        "Risks missed the share that left by 0.0210 on average over ten groups of equal size. "
        "Expected orders were 3.0% below what came."
    )
    assert section(render_card(changed(metrics={})), "Calibration").strip() == "Not measured."
    dear = changed(metrics={"spend": {"models": {"perennial": {"bias": 0.078}}}})
    assert section(render_card(dear), "Calibration").strip() == "Expected spend was 7.8% above what came."


def test_the_level_tells_how_well_it_is_known():
    level = section(render_card(MANIFEST), "Season and level")
    assert "0.5520 not to order, 0.9100 orders each, 312.5000 spend each" in level
    assert "±0.2100 in log-odds" in level
    assert "±0.4400, at 2011-12-12" in level


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"data": {"source": "the database", "simulated": True}}, "demo shop's simulated events"),
        ({"training": {**MANIFEST["training"], "data_from": "2010-01-01T00:00:00+00:00"}}, "no second year"),
        ({"training": {**MANIFEST["training"], "data_from": "2011-01-01T00:00:00+00:00"}}, "less than a year"),
        ({"population": {"rhythm_days": 9.0, "customers": 240}}, "It knows 240 customers"),
        ({"inner_horizon_days": 30}, "carried over"),
        ({"metrics": {"churn": {"models": {"perennial": {"ece": 0.081}}}}}, "rank better than they count"),
        ({"training": {}}, "was not recorded"),
    ],
)
def test_each_limit_is_said_where_it_holds(members, sentence):
    assert sentence in section(render_card(changed(**members)), "Limits")


@pytest.mark.parametrize(
    ("data", "row", "sentence"),
    [
        (
            {"source": "database", "simulated": False, "refusing": 12},
            "| Persons left out, who refuse profiling | 12 |",
            LEFT_OUT,
        ),
        ({"source": "orders.csv", "simulated": False, "refusing": None}, "| not given |", LEFT_OUT_BY_NOBODY),
    ],
)
def test_it_says_who_was_left_out(data, row, sentence):
    card = render_card(changed(data=data))
    assert row in next(line for line in section(card, "Data").splitlines() if "left out" in line)
    assert f"- {sentence}\n" in section(card, "Limits")


def test_no_limit_is_said_where_it_does_not_hold():
    long = {**MANIFEST["training"], "data_from": "2008-01-01T00:00:00+00:00"}
    limits = section(render_card(changed(training=long)), "Limits")
    assert limits.count("- ") == 3
    assert "prices, assortment, competitors" in limits


def test_a_source_with_a_bar_does_not_break_the_table():
    card = render_card(changed(data={"source": "a|b", "simulated": False}))
    assert "| Source | a\\|b |" in card


def test_an_empty_manifest_has_a_card_that_claims_nothing():
    card = render_card({})
    assert "Model card: not given" in card
    assert "real events" not in card
    assert "Not measured" in card
