"""How the writer of a text feels: positive, neutral or negative, with the words behind it.

A text is a bag of terms: n-grams of 1 to 4 characters of Chinese and whatever else is written without blanks; words,
pairs and threes of words of what is written with them, and n-grams of 3 to 5 characters inside these. Its log-odds are
a sum over the terms, so that each term's share can be shown:

    z = intercept + sum(tf * scale * weight) / norm,   tf = 1 + ln(count),   norm = sqrt(sum((tf * scale)^2))

Words after a negation, up to three and no further than their clause, are terms of their own (S. Das, M. Chen, Yahoo!
for Amazon, 2007); one that no text taught counts for half of the opposite. Terms weigh by how differently good and bad
texts use them (S. Wang, C. Manning, Baselines and Bigrams, 2012).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import exp, log, sqrt
from typing import Final, Literal, NamedTuple

Feeling = Literal["positive", "neutral", "negative"]
Unread = Literal["no_words", "unknown_words"]
MOST_CHARACTERS: Final = 2000
"""Of a longer text the first and the last thousand are read."""
MIXED_SURE: Final = 0.8
"""A text is mixed where one of its clauses is so surely positive, and another so surely negative."""
MIXED_DOUBT: Final = 0.25
"""A mixed text is neutral unless it is as a whole this sure to be one of both."""
_LEAST_TERMS: Final = 3
"""Known terms of a clause that is judged by itself."""
LONGEST_RUN: Final = 4
PIECE_SIZES: Final = (3, 4, 5)
NEGATION_REACH: Final = 3
"""Words after a negation."""
_NEGATIONS: Final = (
    "not no never none nobody nothing neither nor without hardly barely cannot cant dont doesnt didnt isnt"
    " wasnt arent werent wont wouldnt couldnt shouldnt havent hasnt hadnt"
)
_NEGATORS: Final = frozenset(_NEGATIONS.split())
NEGATED: Final = "¬"
PIECE: Final = "~"
_TOKENS: Final = re.compile(
    r"(?P<word>[a-z0-9\u00c0-\u024f\u0400-\u04ff]+(?:'[a-z]+)?)|(?P<space>\s+)|(?P<sign>.)", re.DOTALL
)
_CLAUSE_ENDS: Final = frozenset(".,;:!?。，；：！？…\n()（）")
_CLAUSES: Final = re.compile(r"[.,;!?。，；！？…\n]+|\bbut\b|\bhowever\b|\balthough\b|但是|可是|不过|然而|就是|但")
_REPEATED: Final = re.compile(r"(.)\1{3,}", re.DOTALL)


class Term(NamedTuple):
    """What a term of a text adds to its log-odds of being positive."""

    text: str
    effect: float


class Sentiment(NamedTuple):
    """`positive`: the probability that the writer is rather content than not. `confidence`: that of the side it is on,
    or, where that is neutral, how near it is to the middle, in [0, 1]. `terms`: the strongest first."""

    feeling: Feeling
    positive: float
    confidence: float
    is_mixed: bool
    terms: tuple[Term, ...]


class SentimentTerms(NamedTuple):
    """What was learned. `weights`: term → (scale, weight). `slope` and `shift` bring z to calibrated log-odds.

    Neutral is what lies between `low` and `high`, probabilities of being positive.
    """

    weights: Mapping[str, tuple[float, float]]
    intercept: float
    slope: float
    shift: float
    low: float
    high: float

    def judge(self, text: str, most_terms: int = 5) -> Sentiment | Unread:
        """How the writer feels, or why that is not known."""
        plain = plain_text(text)
        counts = count_terms(plain)
        if not counts:
            return "no_words"
        z, raw = self._add(counts)
        if not raw:
            return "unknown_words"
        effects = [Term(each.text, self.slope * each.effect) for each in raw]
        positive = self._calibrate(z)
        is_mixed = self._is_mixed(plain)
        feeling = self._feel(positive, is_mixed)
        return Sentiment(
            feeling, positive, self._sureness(feeling, positive), is_mixed, _strongest(effects, most_terms)
        )

    def log_odds(self, text: str) -> float:
        """Calibrated; 0 of a text that nothing is known of."""
        z, effects = self._add(count_terms(plain_text(text)))
        return self.slope * z + self.shift if effects else 0.0

    def _add(self, counts: Mapping[str, int]) -> tuple[float, list[Term]]:
        found = []
        for term, count in counts.items():
            known = self._look_up(term)
            if known is not None:
                found.append((term, (1.0 + log(count)) * known[0], known[1]))
        norm = sqrt(sum(value * value for _, value, _ in found))
        if norm == 0.0:
            return self.intercept, []
        effects = [Term(term, value * weight / norm) for term, value, weight in found]
        return self.intercept + sum(each.effect for each in effects), effects

    def _look_up(self, term: str) -> tuple[float, float] | None:
        known = self.weights.get(term)
        if known is None and term[0] == NEGATED and (plain := self.weights.get(term[1:])) is not None:
            return plain[0], -plain[1] / 2
        return known

    def _calibrate(self, z: float) -> float:
        return 1.0 / (1.0 + exp(-max(-40.0, min(40.0, self.slope * z + self.shift))))

    def _is_mixed(self, plain: str) -> bool:
        clauses = [clause for clause in _CLAUSES.split(plain) if clause.strip()]
        if len(clauses) < 2:
            return False
        judged = [
            self._calibrate(z)
            for z, effects in map(self._add, map(count_terms, clauses))
            if len(effects) >= _LEAST_TERMS
        ]
        return bool(judged) and max(judged) >= MIXED_SURE and min(judged) <= 1.0 - MIXED_SURE

    def _feel(self, positive: float, is_mixed: bool) -> Feeling:
        low, high = (
            (min(self.low, MIXED_DOUBT), max(self.high, 1.0 - MIXED_DOUBT)) if is_mixed else (self.low, self.high)
        )
        if positive < low:
            return "negative"
        return "positive" if positive > high else "neutral"

    def _sureness(self, feeling: Feeling, positive: float) -> float:
        if feeling == "neutral":
            return 1.0 - 2.0 * abs(positive - 0.5)
        return positive if feeling == "positive" else 1.0 - positive


def plain_text(text: str) -> str:
    """In small letters and of one width; of a long one its beginning and its end."""
    plain = unicodedata.normalize("NFKC", _cut(text)).lower().replace("\u2019", "'").replace("\ufeff", "")
    return _cut(_REPEATED.sub(r"\1\1\1", plain))  # a letter may stand for eighteen


def _cut(text: str) -> str:
    half = MOST_CHARACTERS // 2
    return text if len(text) <= MOST_CHARACTERS else f"{text[:half]}\n{text[-half:]}"


def count_terms(plain: str) -> dict[str, int]:
    """Term → how often a text that is plain has it. Empty: there is no word in it."""
    if not any(map(str.isalnum, plain)) and not any(map(_is_symbol, plain)):
        return {}
    counts: dict[str, int] = {}
    for term in _terms_of(plain):
        counts[term] = counts.get(term, 0) + 1
    return counts


def _is_symbol(character: str) -> bool:
    """An emoji says something, a full stop does not."""
    return unicodedata.category(character) == "So"


def _terms_of(plain: str) -> Iterator[str]:
    words: list[str] = []
    run: list[str] = []
    for match in _TOKENS.finditer(plain):
        kind, text = match.lastgroup, match[0]
        if kind == "word":
            yield from _of_run(run)
            run = []
            words.append(text)
            continue
        if kind == "sign":
            run.append(text)
            if words and (text in _CLAUSE_ENDS or ord(text) > 0x2E80):
                yield from _of_words(words)
                words = []
        elif run:
            yield from _of_run(run)
            run = []
    yield from _of_run(run)
    yield from _of_words(words)


def _of_run(run: Sequence[str]) -> Iterable[str]:
    text = "".join(run)
    places = range(len(text))
    return (text[at : at + size] for size in range(1, LONGEST_RUN + 1) for at in places[: len(text) - size + 1])


def _of_words(words: Sequence[str]) -> Iterator[str]:
    reach = 0
    for word in words:
        if reach:
            yield f"{NEGATED}{word}"
        else:
            yield word
            framed = f"_{word}_"
            yield from (
                f"{PIECE}{framed[at : at + size]}" for size in PIECE_SIZES for at in range(len(framed) - size + 1)
            )
        reach = NEGATION_REACH if is_negator(word) else max(reach - 1, 0)
    yield from (" ".join(words[at : at + size]) for size in (2, 3) for at in range(len(words) - size + 1))


def is_negator(word: str) -> bool:
    """Whether an English word turns what follows."""
    return word in _NEGATORS or word.endswith("n't")


def _strongest(effects: Sequence[Term], most: int) -> tuple[Term, ...]:
    """None that another, stronger one of the same sign holds or is held by: `不满意` stands for `满意` too."""
    kept: list[Term] = []
    for each in sorted(effects, key=lambda term: -abs(term.effect)):
        if each.text.startswith(PIECE):
            continue
        if not any(each.text in other.text or other.text in each.text for other in kept):
            kept.append(each)
        if len(kept) == most:
            break
    return tuple(kept)


def tell_language(text: str) -> Literal["en", "zh"]:
    """Chinese where a tenth of the letters are Chinese."""
    letters = [character for character in text if character.isalpha()]
    chinese = sum("\u3400" <= character <= "\u9fff" for character in letters)
    return "zh" if chinese * 10 >= max(len(letters), 1) else "en"
