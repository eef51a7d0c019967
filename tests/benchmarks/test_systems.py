"""Which model the benchmarks' service scores by."""

import json

import pytest

from benchmarks.systems import Unavailable, find_newest


def write(models, name, created_at, **told):
    (models / name).mkdir()
    (models / name / "manifest.json").write_text(json.dumps({"created_at": created_at, **told}))


def test_it_is_the_newest_of_scores_though_a_younger_one_recommends(tmp_path):
    write(tmp_path, "churn-old", "2026-11-01T00:00:00+00:00")
    write(tmp_path, "churn-new", "2026-11-02T00:00:00+00:00")
    write(tmp_path, "recommend", "2026-11-03T00:00:00+00:00", kind="recommend")
    assert find_newest(tmp_path) == tmp_path / "churn-new"


def test_without_any_it_says_so(tmp_path):
    write(tmp_path, "recommend", "2026-11-03T00:00:00+00:00", kind="recommend")
    with pytest.raises(Unavailable, match="no model of scores"):
        find_newest(tmp_path)
