"""Targets are declared once; tables, commands, learning and measuring follow."""

import json
import shutil
import subprocess
import sys
from math import exp, log
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from app.commands.evaluation import commands
from app.lifecycle.measures import SUMS
from app.lifecycle.targets import OTHERS, TARGET_NAMES, TARGETS, Link, Unit, target_of
from app.scores.schemas import ScoreOut
from ml.data.states import LabelledStates
from ml.evaluation.metrics import MEASURERS
from ml.learning.targets import EXPECTATIONS, RECIPES

ROOT = Path(__file__).resolve().parent.parent.parent


def test_links_are_inverted():
    assert Link.LOG_ODDS.invert_one(log(3.0)) == pytest.approx(0.75)
    assert Link.LOG.invert_one(2.0) == exp(2.0)
    at = np.linspace(-800.0, 5.0, 50)
    for link in Link:
        assert link.invert(at).tolist() == pytest.approx([link.invert_one(one) for one in at.tolist()])


def test_every_target_is_learnt_measured_against_its_outcome_answered_and_offered_as_a_command():
    assert tuple(RECIPES) == TARGET_NAMES
    assert set(get_args(Unit)) == MEASURERS.keys()
    assert [RECIPES[target.name].link for target in TARGETS] == [target.link for target in TARGETS]
    assert {target.outcome for target in TARGETS} <= {*dir(LabelledStates), *(measure.name for measure in SUMS)}
    assert {target.answer for target in TARGETS} <= ScoreOut.model_fields.keys()
    assert EXPECTATIONS.keys() == {target.name for target in OTHERS}
    offered = {command.name: command.help for command in commands.registered_commands}
    assert tuple(offered)[: len(TARGET_NAMES)] == TARGET_NAMES
    told = [offered[name] for name in TARGET_NAMES]
    assert all(str(help_).startswith(target.summary) for target, help_ in zip(TARGETS, told, strict=True))


def test_a_probability_adds_up_in_log_odds_and_nothing_else_does():
    assert all(target.is_probability == (target.link is Link.LOG_ODDS) for target in TARGETS)


def test_what_is_no_target_is_refused():
    with pytest.raises(ValueError, match="not in tuple"):
        target_of("visits")


FOURTH = """
import json
import numpy as np
from app.lifecycle.packing import pack, unpack
from app.lifecycle.scorer import StepTables, combine, place
from app.lifecycle.targets import TARGET_NAMES

draws = np.random.default_rng(4)
tables = {}
for name in TARGET_NAMES:
    edges = (np.sort(draws.normal(size=5)), np.sort(draws.normal(size=3)))
    tables[name] = StepTables(float(draws.normal()), edges, tuple(draws.normal(size=len(edge) + 2) for edge in edges))
levels = {name: draws.normal(size=2) for name in TARGET_NAMES}
card = unpack(pack(combine(tables, np.array([10, 20]), levels)), 2)
rows, at_us = np.random.default_rng(5).normal(size=(30, 2)), 14.5 * 86_400e6
card = place(card, [1, None, 0])
rows = np.column_stack([rows[:, 1], np.full(30, np.nan), rows[:, 0]])
each = [card.forecast_one(row, at_us) for row in rows.tolist()]
for told, terms in ((3, 0), (4, 1)):
    assert [list(one[told]) for one in each] == card.terms(rows)[terms].tolist()
print(json.dumps({"links": card.links(rows, at_us).tolist(), "each": each,
                  "columns": [column.tolist() for column in card.forecast(rows, at_us)]}))
"""


def test_a_target_more_is_a_column_more_of_the_tables_and_the_others_stay(tmp_path):
    """It is added to the declaration in a copy of the program; what is told of the three is the same."""
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    declaration = tmp_path / "app" / "lifecycle" / "targets.py"
    fourth = 'Target("refunds", Link.LOG, "orders", "refunds", "Expected refunds", "expected_refunds")'
    text = declaration.read_text()
    assert text.count("= (CHURN, ORDERS, SPEND") == 1
    declaration.write_text(text.replace("= (CHURN, ORDERS, SPEND", f"= (CHURN, ORDERS, SPEND, {fourth}"))

    def ask(version):
        told = subprocess.run([sys.executable, "-c", FOURTH], cwd=version, capture_output=True, text=True, check=True)
        return json.loads(told.stdout)

    assert np.shape(ask(ROOT)["links"]) == (30, len(TARGETS))
    more = ask(tmp_path)
    assert np.shape(more["links"]) == (30, len(TARGETS) + 1)
    links = np.array(more["links"])
    assert [one[5][0] for one in more["each"]] == [exp(link) for link in links[:, 3]]
    assert [one[:3] for one in more["each"]] == pytest.approx(np.column_stack(more["columns"]))
    np.testing.assert_allclose(more["columns"][0], 1 / (1 + np.exp(-links[:, 0])))
    np.testing.assert_allclose(more["columns"][1:], np.exp(links[:, 1:3]).T)
