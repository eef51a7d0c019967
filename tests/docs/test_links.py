"""Every link of the documents leads somewhere, and every page is found from the index."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, links

LINKING = [*PAGES, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs" / "adr").glob("*.md"))]
INDEX = ROOT / "docs" / "index.md"
NAMED = re.compile(r"`((?:app|ml|tests|docs|deploy|examples|benchmarks|migrations)/[\w/.-]+)`")


def name(page):
    return page.relative_to(ROOT).as_posix()


def broken(page):
    """Targets that are not there, and anchors that their page does not have."""
    for target in links(page):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and found.suffix == ".md" and anchor not in anchors(found)):
            yield target


@pytest.mark.parametrize("page", LINKING, ids=name)
def test_links_lead_somewhere(page):
    assert list(broken(page)) == []


@pytest.mark.parametrize("target", ["docs/nowhere.md", "docs/quickstart.md#nowhere", "#nowhere"])
def test_a_broken_link_would_be_found(target, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n[text]({target.replace('docs', str(ROOT / 'docs'))}) [good](#page)\n")
    assert len(list(broken(page))) == 1


def test_every_page_is_in_the_index():
    linked = {(INDEX.parent / target.partition("#")[0]).resolve() for target in links(INDEX)}
    assert set(PAGES) - linked - {INDEX, ROOT / "README.md"} == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_named_exist(page):
    text = re.sub(r"\s+", " ", page.read_text())
    assert [path for path in NAMED.findall(text) if not (ROOT / path).exists()] == []


def test_code_that_names_a_page_names_one_that_is_there():
    sources = [
        path
        for top in ("app", "ml", "examples", "deploy", "benchmarks", "tests")
        for path in (ROOT / top).rglob("*.py")
    ]
    named = {found for path in sources for found in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text())}
    assert {found for found in named if not Path(ROOT / found).exists()} <= {"docs/nowhere.md"}
