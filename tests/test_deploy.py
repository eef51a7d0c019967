"""What is deployed beside the service fits it: every metric, label and setting that is named there exists."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from app.foundation import metrics
from app.foundation.exposition import GAUGES
from app.foundation.settings import Settings

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yaml"
TESTS = DEPLOY / "prometheus" / "rules.test.yaml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "perennial.json"
RECORDED = "perennial:"
"""What the names of recorded series begin with."""
TOLD_BY_PROMETHEUS = {"job", "instance"}


def exposed():
    """Name of a series → its labels."""
    names = {f"{name}_total": set(counter.labels) for name, counter in metrics.COUNTERS.items()}
    for name, histogram in metrics.HISTOGRAMS.items():
        labels = set(histogram.labels)
        names |= {f"{name}_count": labels, f"{name}_sum": labels, f"{name}_bucket": labels | {"le"}}
    return names | {name: set(gauge.labels) for name, gauge in GAUGES.items()}


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def rule_expressions():
    return [rule["expr"] for rule in rules()]


def dashboard_expressions():
    """With a time in the place of the dashboard's variables."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    told = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [expression.replace("$__rate_interval", "5m") for expression in told]


EXPRESSIONS = pytest.mark.parametrize(
    "expressions", [rule_expressions(), dashboard_expressions()], ids=["rules", "dashboard"]
)


def nodes_of(expressions):
    """Of each expression, as Prometheus reads it: selectors of series, and aggregations. Fails where it is none."""
    found: list[Any] = []
    for expression in expressions:
        promql_parser.walk(promql_parser.parse(expression), pre_visit=found.append)
    return found


def selectors(expressions):
    """Name of a series and the labels that it is selected by, of every place in expressions."""
    nodes = [getattr(node, "vector_selector", node) for node in nodes_of(expressions)]
    named = {id(node): node for node in nodes if isinstance(node, promql_parser.VectorSelector)}
    return [(node.name, {matcher.name for matcher in node.matchers.matchers}) for node in named.values()]


@EXPRESSIONS
def test_every_metric_that_is_named_is_exposed_or_recorded(expressions):
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    named = {name for name, _ in selectors(expressions)}
    assert len(named) > 15
    assert {name for name in named if name.startswith(RECORDED)} <= recorded
    assert {name for name in named if not name.startswith(RECORDED)} <= {*exposed(), "up"}


@EXPRESSIONS
def test_every_label_that_is_selected_is_one_of_its_metric(expressions):
    known = exposed()
    for name, labels in selectors(expressions):
        if name in known:
            assert labels <= known[name] | TOLD_BY_PROMETHEUS, (name, labels)


@EXPRESSIONS
def test_every_label_that_is_grouped_by_is_one_of_a_metric_inside(expressions):
    known = exposed()
    for node in nodes_of(expressions):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            inside = [known.get(name, set(node.modifier.labels)) for name, _ in selectors([node.expr.prettify()])]
            assert {*node.modifier.labels} <= set().union(TOLD_BY_PROMETHEUS, *inside), node.prettify()


def test_every_alert_is_shown_to_sound():
    """By the tests that promtool runs, with what it says."""
    told = [each for test in yaml.safe_load(TESTS.read_text())["tests"] for each in test["alert_rule_test"]]
    sounds = {each["alertname"] for each in told if each.get("exp_alerts")}
    assert sounds == {rule["alert"] for rule in rules() if "alert" in rule}


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


def services():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


def test_what_compose_starts_listens_to_its_machine_alone_and_has_bounds():
    for name, service in services().items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert service["mem_limit"], name
        assert service["restart"] == ("no" if name == "owner" else "unless-stopped"), name


def test_the_service_has_no_way_to_the_owner_of_the_database():
    """One that ends before it begins migrates, and makes the roles."""
    started = services()
    assert started["perennial"]["depends_on"] == {"owner": {"condition": "service_completed_successfully"}}
    assert started["owner"]["command"] == ["roles", "--apply"]
    assert started["perennial"]["environment"]["PERENNIAL_DATABASE_URL"].startswith("postgresql://perennial_app:")
    assert "PERENNIAL_DATABASE_OWNER_URL" not in started["perennial"]["environment"]
    assert "POSTGRES_PASSWORD" not in json.dumps(started["perennial"])


def test_metrics_are_closed_and_prometheus_has_a_key():
    started = services()
    assert "PERENNIAL_METRICS_OPEN" not in started["perennial"]["environment"]
    (scraped,) = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())["scrape_configs"]
    assert scraped["authorization"]["credentials_file"] == f"/run/secrets/{started['prometheus']['secrets'][0]}"


def test_a_service_that_hangs_is_ended_so_that_it_is_started_again():
    """The probe, with a `kill` and a `python` of ours in the place of theirs."""
    perennial = services()["perennial"]
    assert perennial["init"] is True, "else the first process could not be ended from within"
    kind, probe = perennial["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    for answers, told in (("exit 0", "0 "), ("exit 1", "1 killed -s KILL -1")):
        script = f"python() {{ {answers}; }}\nkill() {{ echo killed $*; }}\nsleep() {{ :; }}\n".replace(
            "exit", "return"
        )
        run = subprocess.run(["/bin/sh", "-c", script + probe], capture_output=True, text=True, check=False)
        assert f"{run.returncode} {run.stdout.strip()}" == told


def promtool():
    found = os.environ.get("PERENNIAL_TEST_PROMTOOL") or shutil.which("promtool")
    return found or pytest.skip("promtool is not here: install Prometheus, or set PERENNIAL_TEST_PROMTOOL")


@pytest.mark.parametrize("arguments", [("check", "rules", "rules.yaml"), ("test", "rules", "rules.test.yaml")])
def test_the_alert_rules_do_what_they_say(arguments):
    run = subprocess.run([promtool(), *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
