"""One catalogue: nothing is missing in either language, and templates have no words of their own."""

import re
from html.parser import HTMLParser
from typing import get_args

import pytest

from app.console.navigation import PLACES
from app.console.rendering import DIRECTORY, make_environment
from app.console.sentences import LANGUAGES, SENTENCES, say
from app.console.terms import TERMS
from app.kpis.definitions import BYS
from app.kpis.revenue import Branch, Driver
from app.lifecycle.arms import ARMS
from app.lifecycle.event_types import EVENT_TYPES
from app.lifecycle.looks import SuppressionCode
from app.lifecycle.measures import Channel
from app.lifecycle.stages import STAGE_OF
from app.lifecycle.value import TIERS
from app.stages.service import STAGES

TEMPLATES = sorted(DIRECTORY.glob("*.html"))
SPOKEN = ("title", "aria-label", "placeholder", "alt")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
UNTRANSLATED = {"brand", "tag", "tag.en", "tag.zh", "language.en"}


class Words(HTMLParser):
    """What a template says itself, outside of code."""

    def __init__(self):
        super().__init__()
        self.said, self._code = [], 0

    def handle_starttag(self, tag, attrs):
        self._code += tag in ("code", "style", "script")
        self.said += [value for name, value in attrs if name in SPOKEN and value]

    def handle_endtag(self, tag):
        self._code -= tag in ("code", "style", "script")

    def handle_data(self, data):
        if not self._code:
            self.said.append(data)


def words_of(source):
    """The data of a template, with a mark where it is told something."""
    marked = "".join(
        value if kind == "data" else "\u25a1" if kind == "variable_begin" else ""
        for _, kind, value in make_environment().lex(source)
    )
    parser = Words()
    parser.feed(marked)
    return [each for each in parser.said if re.search(r"\w", each)]


def flat(kind):
    return {name for each in get_args(kind) for name in (flat(each) if get_args(each) else {each})}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_words_of_their_own(path):
    assert words_of(path.read_text()) == []


def test_words_of_a_template_would_be_found():
    assert words_of("<p>Hello {{ say('x') }}</p>") == ["Hello \u25a1"]
    assert words_of("{% if x %}<input placeholder='Find'>{% endif %}") == ["Find"]


def test_every_sentence_is_there_in_both_languages():
    for key, both in SENTENCES.items():
        assert len(both) == len(LANGUAGES)
        assert all(each.strip() for each in both), key
        places = [set(re.findall(r"{(\w+)}", each)) for each in both]
        assert places[0] == places[1], key
        assert key in UNTRANSLATED or CHINESE.search(both[1]) or both[0] == both[1], key
        assert not CHINESE.search(both[0]) or key == "language.zh", key


def test_every_sentence_that_is_asked_for_exists_and_each_is_asked_for():
    text = "\n".join(path.read_text() for path in TEMPLATES)
    asked = set(re.findall(r"say\('([\w.-]+)'", text)) | set(re.findall(r"'([\w-]+\.[\w-]+)'(?: if| else|\))", text))
    families = set(re.findall(r"say\('([\w.-]+\.)' ~", text))
    asked = {key for key in asked if not key.endswith(".")}
    assert asked - SENTENCES.keys() == set()
    assert set(re.findall(r"say\('([\w.-]+)'[,)]", text)) <= SENTENCES.keys()
    unused = {key for key in SENTENCES if key not in asked and not key.startswith(tuple(families))}
    assert unused == set()
    assert {f"nav.{place.name}" for place in PLACES} <= SENTENCES.keys()
    with pytest.raises(KeyError):
        say("en", "none such")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("stage", {*STAGES, "none"}),
        ("rule", STAGE_OF.keys()),
        ("tier", set(TIERS)),
        ("arm", set(ARMS)),
        ("by", set(BYS)),
        ("branch", set(get_args(Branch))),
        ("driver", set(get_args(Driver))),
        ("event", set(EVENT_TYPES)),
        ("channel", flat(Channel)),
        ("suppression", flat(SuppressionCode)),
    ],
)
def test_the_words_of_the_api_are_said_in_both_languages(kind, words):
    assert set(words) - TERMS[kind].keys() == set()
