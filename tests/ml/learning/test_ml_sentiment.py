"""What is learned of the words that come with the product, and of a shop's own texts."""

import numpy as np
import pytest

from app.lifecycle.sentiment import Sentiment, SentimentTerms
from ml.data.reviews import LabelledTexts, make_texts
from ml.data.sentiment_words import find_lacking
from ml.evaluation.sentiment import evaluate_sentiment, judge, judge_folds
from ml.learning.sentiment import fit_sentiment


def judged(terms: SentimentTerms, text: str) -> Sentiment:
    found = terms.judge(text)
    assert isinstance(found, Sentiment)
    return found


def feeling_of(terms: SentimentTerms, text: str) -> str:
    return judged(terms, text).feeling


@pytest.fixture(scope="module")
def words():
    """Learned of nothing but what comes with the product."""
    return fit_sentiment(make_texts([]))


@pytest.mark.parametrize(
    ("text", "feeling"),
    [
        ("The staff were friendly and quick", "positive"),
        ("not good at all", "negative"),
        ("Terrible! Never again.", "negative"),
        ("I have never been disappointed", "positive"),
        ("Not bad", "positive"),
        ("It is okay, nothing special.", "neutral"),
        ("很满意", "positive"),
        ("不太满意", "negative"),
        ("一点都不贵，下次还来", "positive"),
        ("东西不新鲜", "negative"),
        ("还可以吧", "neutral"),
    ],
)
def test_a_shop_without_texts_knows_words_of_both_languages(words, text, feeling):
    assert feeling_of(words, text) == feeling


def test_good_beside_bad_is_mixed(words):
    assert judged(words, "great service but terrible food").is_mixed
    assert judged(words, "服务很好，但是价格太贵了").is_mixed


def test_a_language_that_the_data_lack_is_added():
    chinese = [f"第{number}次来" for number in range(2500)]
    assert find_lacking(chinese)
    assert all(text.isascii() for text, _ in find_lacking(chinese))


def test_what_the_shop_says_is_learned():
    told = [(f"{word} {number}", sign) for number in range(40) for word, sign in (("wunderbar", 1), ("furchtbar", -1))]
    terms = fit_sentiment(make_texts(told))
    assert feeling_of(terms, "wunderbar") == "positive"
    assert feeling_of(terms, "furchtbar") == "negative"


def test_of_the_same_texts_the_same_is_learned():
    told = [(f"text {number}", 1 if number % 3 else -1) for number in range(60)]
    assert fit_sentiment(make_texts(told)) == fit_sentiment(make_texts(told))


def test_texts_of_one_kind_teach_nothing():
    known = LabelledTexts(["good", "fine"], np.array([1, 1], np.int8))
    with pytest.raises(ValueError, match="good texts and bad"):
        fit_sentiment(known)


def test_judged_texts_had_no_part_in_learning():
    asked = [("a word of its own: quux", 1), ("another: quuz", -1)]
    found = evaluate_sentiment([*asked, ("fine", 1)], asked)
    assert (found["n"], found["known_before"]) == (2, 2)


def test_accuracy_counts_neutral_where_some_are(words):
    assert judge(words, [("good", 1), ("bad", -1), ("it is okay, nothing special", 0)])["accuracy"] == 1.0
    assert judge(words, [("good", 1), ("bad", 1)]) == {"n": 2, "accuracy": 0.5, "auc": None}


def test_folds_foretell_what_words_say():
    told = [(f"{word} no {number}", sign) for number in range(30) for word, sign in (("zag", 1), ("zig", -1))]
    found = judge_folds(told)
    assert found["n"] == 60
    assert found["accuracy"] > 0.9
