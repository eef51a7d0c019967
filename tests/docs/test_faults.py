"""The table of faults names what provokes each, and that is there."""

import ast
import importlib.util
import re

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/faults.md").read_text()
GROUPS = {"Crash and database": 11, "Events": 13, "Input": 11, "Model": 5, "Load and hostile": 7}


def rows(group):
    """Cells of the rows of a group's table."""
    (found,) = re.findall(rf"^### {group}\n\n(.*?)\n\n", PAGE, re.MULTILINE | re.DOTALL)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found.splitlines()[2:]]


def functions_in(path):
    return {
        node.name
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_each_group_has_its_faults_each_under_a_name_of_its_own():
    assert {group: len(rows(group)) for group in GROUPS} == GROUPS
    names = [row[0] for group in GROUPS for row in rows(group)]
    assert len(set(names)) == sum(GROUPS.values()) == 47


def test_each_says_what_the_till_sees_and_what_mends_it():
    assert [row for group in GROUPS for row in rows(group) if len(row) != 4 or not all(row)] == []


def test_what_provokes_each_is_there():
    for row in (row for group in GROUPS for row in rows(group)):
        provoked = re.findall("`([^`]+)`", row[1])
        assert any("::" in each for each in provoked), row[0]
        for each in provoked:
            path, _, name = each.partition("::")
            if name:
                assert name in functions_in(path), each
            else:
                assert importlib.util.find_spec(path) is not None, each
