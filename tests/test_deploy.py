"""What is deployed beside the service fits it: every metric, label and setting that is named there exists."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.foundation import metrics
from app.foundation.exposition import GAUGES
from app.foundation.settings import Settings

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yaml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "perennial.json"
METRIC = re.compile(r"\b(?:perennial|http_server|db_client|process)_[a-z_]+(?![a-z_]*=)")
RECORDED = re.compile(r"\bperennial:[a-z0-9_:]+")
SELECTOR = re.compile(r"([a-z_]+)\{([^{}]*(?:\{[^{}]*:path\}[^{}]*)?)\}")
LABEL = re.compile(r"(\w+)(?:=~|!~|!=|=)\"")
TOLD_BY_PROMETHEUS = {"job", "instance"}


def exposed():
    """Name of a series → its labels."""
    names = {f"{name}_total": set(counter.labels) for name, counter in metrics.COUNTERS.items()}
    for name, histogram in metrics.HISTOGRAMS.items():
        labels = set(histogram.labels)
        names |= {f"{name}_count": labels, f"{name}_sum": labels, f"{name}_bucket": labels | {"le"}}
    return names | {name: set(gauge.labels) for name, gauge in GAUGES.items()}


def rule_expressions():
    """The text of the rules without their annotations and names."""
    text = re.sub(r"^ +(?:summary|description|- record|- alert):.*$", "", RULES.read_text(), flags=re.MULTILINE)
    return [text]


def dashboard_expressions():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


EXPRESSIONS = pytest.mark.parametrize(
    "expressions", [rule_expressions(), dashboard_expressions()], ids=["rules", "dashboard"]
)


def without_labels(expression):
    """The expression without label names, which look like metrics: what is in braces and after `by`."""
    bare = SELECTOR.sub(r"\1", expression)
    return re.sub(r"\b(?:by|on|without|ignoring) \([^)]*\)", "", bare)


@EXPRESSIONS
def test_every_metric_that_is_named_is_exposed(expressions):
    named = {name for expression in expressions for name in METRIC.findall(without_labels(expression))}
    assert len(named) > 15
    assert named <= set(exposed())


@EXPRESSIONS
def test_every_label_that_is_selected_is_one_of_its_metric(expressions):
    known = exposed()
    for expression in expressions:
        for metric, selector in SELECTOR.findall(expression):
            if metric in known:
                assert set(LABEL.findall(selector)) <= known[metric] | TOLD_BY_PROMETHEUS, (metric, selector)


@EXPRESSIONS
def test_every_recorded_series_that_is_named_is_recorded(expressions):
    recorded = set(re.findall(r"- record: (\S+)", RULES.read_text()))
    assert {name for expression in expressions for name in RECORDED.findall(expression)} <= recorded


def test_the_dashboard_is_one():
    dashboard = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    datasource = re.search(r"uid: (\S+)", (DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    assert datasource is not None
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"] if panel["type"] != "row"} == {datasource[1]}


def test_every_setting_of_the_compose_file_is_one_of_the_service():
    named = re.findall(r"^ +PERENNIAL_(\w+):", (DEPLOY / "compose.yaml").read_text(), re.MULTILINE)
    assert len(named) >= 4
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def promtool():
    found = os.environ.get("PERENNIAL_TEST_PROMTOOL") or shutil.which("promtool")
    return found or pytest.skip("promtool is not here: install Prometheus, or set PERENNIAL_TEST_PROMTOOL")


@pytest.mark.parametrize("arguments", [("check", "rules", "rules.yaml"), ("test", "rules", "rules.test.yaml")])
def test_the_alert_rules_do_what_they_say(arguments):
    run = subprocess.run([promtool(), *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
