"""How texts are taken apart and summed up, with weights set by hand."""

from math import exp

import pytest

from app.lifecycle.sentiment import MOST_CHARACTERS, Sentiment, SentimentTerms, count_terms, plain_text, tell_language

BY_HAND = SentimentTerms(
    {
        **dict.fromkeys(("good", "fresh", "kind", "tasty", "clean", "好", "快"), (1.0, 2.0)),
        **dict.fromkeys(("bad", "rude", "stale", "late", "dirty", "差", "慢"), (1.0, -2.0)),
        **dict.fromkeys(("the", "was", "shop"), (1.0, 0.0)),
        "不好": (1.0, -6.0),
    },
    intercept=0.0,
    slope=1.0,
    shift=0.0,
    low=0.4,
    high=0.6,
)


def judged(text: str, most_terms: int = 5) -> Sentiment:
    found = BY_HAND.judge(text, most_terms)
    assert isinstance(found, Sentiment)
    return found


@pytest.mark.parametrize(
    ("text", "feeling"),
    [
        ("good", "positive"),
        ("GOOD", "positive"),
        ("ｇｏｏｄ", "positive"),
        ("rude", "negative"),
        ("the shop was", "neutral"),
        ("not good", "negative"),
        ("wasn't good", "negative"),
        ("wasn\u2019t good", "negative"),
        ("never rude", "positive"),
        ("not here. good", "positive"),
        ("not on a single day good", "positive"),
        ("好", "positive"),
        ("不好", "negative"),
        ("差", "negative"),
    ],
)
def test_a_text_is_what_its_words_say(text, feeling):
    assert judged(text).feeling == feeling


@pytest.mark.parametrize("text", ["", "   ", "\n", "!!! ...", "。。", "\ufeff"])
def test_where_there_is_no_word_nothing_is_said(text):
    assert BY_HAND.judge(text) == "no_words"


@pytest.mark.parametrize("text", ["xyzzy", "👍", "42", "ひ"])
def test_where_no_word_is_known_nothing_is_guessed(text):
    assert BY_HAND.judge(text) == "unknown_words"


def test_terms_add_up_to_the_log_odds():
    terms = BY_HAND._replace(intercept=0.1, slope=2.0, shift=0.3)
    found = terms.judge("good good late", most_terms=100)
    assert isinstance(found, Sentiment)
    log_odds = 2.0 * 0.1 + 0.3 + sum(term.effect for term in found.terms)
    assert found.positive == pytest.approx(1.0 / (1.0 + exp(-log_odds)))
    assert [term.text for term in found.terms] == ["good", "late"]


def test_a_negated_word_that_no_text_taught_counts_for_half_of_the_opposite():
    (negated,) = judged("not good").terms
    (plain,) = judged("good").terms
    assert (negated.text, negated.effect) == ("¬good", -plain.effect / 2)


def test_one_clause_against_another_is_mixed():
    found = judged("the food was fresh and good, but the shop was dirty and bad")
    assert found.is_mixed
    assert found.feeling == "neutral"
    assert not judged("the food was fresh and good, and the shop was clean and kind").is_mixed


def test_confidence_is_that_of_what_is_told():
    good, bad = judged("good"), judged("bad")
    assert (good.confidence, bad.confidence) == (good.positive, 1.0 - bad.positive)
    assert judged("the shop was").confidence == 1.0


def test_of_a_long_text_beginning_and_end_are_read():
    middle = "xyz " * MOST_CHARACTERS
    assert judged(f"good {middle}").feeling == "positive"
    assert judged(f"{middle} bad").feeling == "negative"
    assert BY_HAND.judge(f"{middle} bad {middle}") == "unknown_words"


def test_a_letter_that_stands_for_many_is_no_way_round_the_bound():
    assert len(plain_text("\ufdfa" * 2 * MOST_CHARACTERS)) <= MOST_CHARACTERS + 1


def test_words_do_not_join_over_the_end_of_a_clause():
    assert "good bad" in count_terms("good bad")
    assert "good bad" not in count_terms("good. bad")
    assert "好吃" not in count_terms("好 吃")


def test_what_is_shouted_counts_as_if_said_three_times():
    assert plain_text("好好好好好好!!!!!!") == "好好好!!!"


@pytest.mark.parametrize(("text", "language"), [("服务 very good 好", "zh"), ("good 👍", "en"), ("", "en")])
def test_the_language_is_told_by_its_letters(text, language):
    assert tell_language(text) == language
