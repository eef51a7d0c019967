"""The map shows the tree as it is."""

import re

import pytest

from tests.docs.pages import ROOT, read_blocks
from tests.test_layers import ORDERS

MAP = ROOT / "docs" / "architecture.md"
RECIPES = re.split(r"^### ", MAP.read_text(), flags=re.MULTILINE)[1:]


def packages_shown(index):
    return [line.split()[0] for line in read_blocks(MAP)[index].text.splitlines()]


@pytest.mark.parametrize(("index", "root"), list(enumerate(ORDERS)))
def test_the_pictures_have_the_packages_in_their_order(index, root):
    assert tuple(packages_shown(index)) == ORDERS[root]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.splitlines()[0])
def test_a_recipe_names_few_files(recipe):
    named = set(re.findall(r"`((?:app|ml|migrations|docs)/[\w/.-]+|part\.py)`", recipe))
    assert 1 <= len(named) <= 4
