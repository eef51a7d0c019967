"""The page for retailers says what the code does."""

import re
from pathlib import Path

from app.lifecycle import stages
from app.lifecycle.stages import StagePolicy

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "stages.md").read_text()


def test_the_page_has_every_threshold_with_its_default():
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", PAGE, re.MULTILINE)
    assert {name: float(default) for name, default in rows} == StagePolicy().model_dump()


def test_the_page_has_every_rule_once_with_its_stage():
    source = Path(stages.__file__).read_text()
    named = dict(re.findall(r"^\| \d+ \| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE))
    assert len(named) == 12
    for rule in named:
        assert f'"{rule}"' in source
