"""What the pages name exists, and what exists is described."""

import ast
import json
import re
from importlib import import_module
from typing import get_args

import pytest
import typer

from app.commands.main import MODULES
from app.commands.main import app as commands
from app.customers.schemas import ProfileOut
from app.database.roles import Roles
from app.decisions.schemas import ActionChoiceOut, DecisionIn, DecisionOut
from app.foundation import errors, metrics
from app.foundation.exposition import GAUGES
from app.foundation.settings import PREFIX, Settings
from app.http.problems import _SLUGS_OF_HTTP
from app.lifecycle.actions import Action
from app.lifecycle.default_actions import DEFAULT_ACTIONS
from app.lifecycle.event_types import EVENT_TYPES
from app.lifecycle.features import FEATURE_NAMES
from app.lifecycle.looks import SuppressionCode
from app.lifecycle.targets import OTHERS
from app.scores.schemas import ScoreOut, ScoreReasonOut, SumOut
from tests.docs.pages import PAGES, ROOT

REFERENCE = ROOT / "docs" / "reference"
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text() for page in PAGES}
EVERYTHING = "\n".join(TEXTS.values())
SOURCES = {path: path.read_text() for path in sorted((ROOT / "app").rglob("*.py"))}


def first_column(page, row=r"(.+?)"):
    """What stands in code in the first column of a page's tables."""
    cells = re.findall(rf"^\| {row} \|", (REFERENCE / page).read_text(), re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_every_setting_is_described_with_its_default():
    row = re.compile(r"^\| `PERENNIAL_(\w+)` \| (\S+) \|", re.MULTILINE)
    described = {name.lower(): default.strip("`") for name, default in row.findall(TEXTS["docs/reference/settings.md"])}
    assert described.keys() == Settings.model_fields.keys()
    for name, field in Settings.model_fields.items():
        if described[name] in ("none", "{}"):
            assert field.default in (None, "") or name in ("stages", "offers")
        else:
            assert Settings.model_validate({name: described[name]}) == Settings(), name


def test_every_setting_that_is_named_exists():
    named = {name.lower() for name in re.findall(rf"\b{PREFIX}([A-Z_]+[A-Z])\b", EVERYTHING)}
    assert named - {"test"} <= Settings.model_fields.keys()


def all_commands(command, names=()):
    """Words of a command → its options, of those that are not hidden."""
    if command.hidden:
        return
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from all_commands(command.get_command(None, name), (*names, name))
    else:
        yield " ".join(names), {option for parameter in command.params for option in parameter.opts if "--" in option}


COMMANDS = dict(all_commands(typer.main.get_command(commands)))


def test_every_command_is_offered_by_the_module_that_it_is_sought_in():
    modules = {f"app.commands.{module}" for module in MODULES.values()}
    groups = [typer.main.get_group(import_module(module).commands) for module in modules]
    offered = [name for group in groups for name in ([group.name] if group.name else group.commands)]
    assert sorted(offered) == sorted(MODULES)


def test_every_command_and_option_is_described():
    """A target beyond the three has a command like theirs."""
    page = TEXTS["docs/reference/commands.md"]
    assert len(COMMANDS) > 20
    alike = {f"evaluate {target.name}" for target in OTHERS}
    for name, options in ((name, options) for name, options in COMMANDS.items() if name not in alike):
        assert f"`perennial {name}" in page, name
        for option in options - {"--help"}:
            assert re.search(rf"`{option}\b", page), (name, option)


def test_every_command_that_is_named_exists():
    named = re.findall(
        r"(?:`|^|^\$ |\.venv/bin/|'|python -m app )(?:perennial|app) ([a-z]+(?:-[a-z]+)*(?: [a-z]+)?)",
        EVERYTHING,
        re.MULTILINE,
    )
    assert len(named) > 50
    for words in named:
        assert words in COMMANDS or words.split()[0] in COMMANDS | {
            "train": {},
            "models": {},
            "evaluate": {},
            "keys": {},
            "audit": {},  # of a file, as it was called before
        }, words


def test_every_option_that_is_given_exists():
    lines = re.findall(r"\bperennial (.+)", EVERYTHING)
    for line in lines:
        words = line.split()
        options = next((COMMANDS[" ".join(words[:n])] for n in (2, 1) if " ".join(words[:n]) in COMMANDS), None)
        if options is not None:
            given = re.findall(r"^[^`|#]*", line)[0]
            assert set(re.findall(r"(?<= )--[a-z-]+", given)) <= options | {"--help"}, line


def bare(path):
    """A route without the names of its parameters, and without its query."""
    return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0])


def routes():
    paths = json.loads((ROOT / "tests" / "runtime" / "openapi.json").read_text())["paths"]
    return {(method.upper(), bare(path)) for path, methods in paths.items() for method in methods}


def named_routes(text):
    found = re.findall(r"`(GET|POST|PUT|DELETE) (/[^\s`]*)`", text)
    return {(method, bare(path)) for method, path in found}


def test_every_route_is_described():
    assert routes() - named_routes(TEXTS["docs/reference/api.md"]) == set()


def test_every_route_that_is_named_exists():
    assert named_routes(EVERYTHING) - routes() == set()


def described_metrics():
    """Name → its labels, by the tables of the page."""
    rows = re.findall(r"^\| (`.+?) \| (.*?) \|", TEXTS["docs/reference/metrics.md"], re.MULTILINE)
    pairs = [(name, labels) for names, labels in rows for name in re.findall(r"`(\w+)`", names)]
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in pairs if not name.startswith("Perennial")}


def exposed_metrics():
    counters = {f"{name}_total": set(counter.labels) for name, counter in metrics.COUNTERS.items()}
    histograms = {name: set(histogram.labels) for name, histogram in metrics.HISTOGRAMS.items()}
    return counters | histograms | {name: set(gauge.labels) for name, gauge in GAUGES.items()}


def test_every_metric_is_described_with_its_labels():
    assert described_metrics() == exposed_metrics()


def test_every_metric_that_is_named_exists():
    named = set(re.findall(r"`((?:perennial|http_server|db_client|process)_[a-z_]+)`", EVERYTHING))
    labels = set().union(*exposed_metrics().values())
    assert named - labels - {*Roles()} <= exposed_metrics().keys()


def test_every_alert_is_described_and_exists():
    rules = (ROOT / "deploy" / "prometheus" / "rules.yaml").read_text()
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    assert alerts == set(re.findall(r"`(Perennial[A-Z]\w+)`", TEXTS["docs/reference/metrics.md"]))


def test_every_health_check_is_described():
    checks = {name for text in SOURCES.values() for name in re.findall(r'"([a-z]+:[a-z]+(?:[A-Z]\w+)?)"', text)}
    assert len(checks) >= 10
    assert {name for name in first_column("health.md") if ":" in name} == checks - {"about:blank"}


def test_every_event_type_is_described():
    described = {name for name in first_column("events.md") if re.fullmatch(r"[a-z]+\.[a-z]+", name)}
    assert described == set(EVENT_TYPES)


def test_every_reason_to_suppress_is_described_in_the_order_in_which_they_apply():
    codes = get_args(SuppressionCode)
    assert len(codes) > 5
    assert [name for name in first_column("decisions.md") if name in codes] == [*codes]


def problems(kind):
    for below in kind.__subclasses__():
        yield str(below.status), below.slug
        yield from problems(below)


def test_every_problem_is_described():
    described = set(re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \|", TEXTS["docs/reference/api.md"], re.MULTILINE))
    others = {(str(status), slug) for status, slug in _SLUGS_OF_HTTP.items()}
    assert described == {("500", "internal"), *others, *problems(errors.Problem)}


def logged():
    """Names of log lines: first arguments of calls of the log, and of what is run periodically."""
    for text in (*SOURCES.values(), (ROOT / "migrations/env.py").read_text()):
        for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
            function = ast.unparse(call.func)
            first = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
            if not isinstance(first, str):
                continue
            if function.startswith("log.") or function == "log_line":
                yield first
            elif function == "run_periodically":
                yield from (f"{first}.done", f"{first}.failed")


def test_every_log_line_is_described():
    assert set(first_column("logs.md")) == set(logged())


@pytest.mark.parametrize(
    ("page", "model"),
    [
        ("scores.md", ScoreOut),
        ("scores.md", ScoreReasonOut),
        ("scores.md", SumOut),
        ("decisions.md", DecisionIn),
        ("decisions.md", DecisionOut),
        ("decisions.md", ActionChoiceOut),
        ("actions.md", Action),
        ("customers.md", ProfileOut),
    ],
)
def test_every_member_is_described(page, model):
    assert model.model_fields.keys() - set(first_column(page)) == set()


def test_actions_and_features_in_examples_exist():
    made = set(re.findall(r"/v1/actions/([a-z0-9-]+)", EVERYTHING))
    shown = set(re.findall(r'"action_id": ?"([a-z0-9-]+)"', EVERYTHING))
    assert shown <= made | {action.action_id for action in DEFAULT_ACTIONS}
    assert set(re.findall(r'"feature":"(\w+)"', EVERYTHING)) <= set(FEATURE_NAMES)
