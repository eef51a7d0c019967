"""The page for retailers says what the code does."""

import re
from dataclasses import asdict
from pathlib import Path

from app.lifecycle import stages
from app.lifecycle.stages import STAGE_OF, StagePolicy

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "stages.md").read_text()


def test_the_page_has_every_threshold_with_its_default():
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", PAGE, re.MULTILINE)
    assert {name: float(default) for name, default in rows} == asdict(StagePolicy())


def test_the_page_has_every_rule_once_with_its_stage():
    source = Path(stages.__file__).read_text()
    named = dict(re.findall(r"^\| \d+ \| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE))
    assert len(named) == 12
    for rule in named:
        assert f'"{rule}"' in source


def test_the_page_has_the_rules_in_the_order_in_which_they_are_asked():
    assert re.findall(r"^\| \d+ \| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE) == list(STAGE_OF.items())
