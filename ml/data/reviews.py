"""Texts with what their writers felt: of a retailer's file, and of the feedback in the database."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.lifecycle.sentiment import count_terms, plain_text
from ml.data.columns import UnusableTransactions, compact
from ml.data.reading import load_raw, open_source
from ml.data.sentiment_words import find_lacking
from ml.data.transactions import Say

_TEXT: Final = (
    "text review review_text review_body comment comments content feedback remark message body sentence verbatim"
    " 评论 评论内容 评价 评价内容 内容 文本 反馈 反馈内容 留言 备注"
)
_LABEL: Final = (
    "label sentiment polarity class rating score stars star_rating review_score overall 标签 情感 情感倾向"
    " 评分 星级 打分"
)
_COMPACT: Final = {"text": tuple(map(compact, _TEXT.split())), "label": tuple(map(compact, _LABEL.split()))}
_LABELS: Final = {
    1: "positive pos good happy satisfied favourable favorable true yes 正面 积极 好评 好 满意 正向 褒义",
    0: "neutral neu mixed ok average 中性 中立 中评 一般 中",
    -1: "negative neg bad unhappy dissatisfied unfavourable unfavorable false no 负面 消极 差评 差 不满意 负向 贬义",
}
_WORDS: Final = {word: sign for sign, words in _LABELS.items() for word in words.split()}
_FEEDBACK: Final = text("""
SELECT event.data ->> 'text' AS text, event.data ->> 'metric' AS metric,
       CAST(event.data ->> 'score' AS double precision) AS score, event.occurred_us,
       event.customer_id, event.source
FROM events AS event
WHERE event.type = 'feedback.submitted' AND event.data ->> 'text' IS NOT NULL
  AND json_typeof(event.data -> 'score') = 'number'
ORDER BY event.occurred_us, event.source, event.id
""")


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Texts, each with 1 (good), 0 (neither) or −1 (bad)."""

    texts: Sequence[str]
    labels: NDArray[np.int8]


def read_reviews(path: Path, columns: Mapping[str, str], say: Say) -> list[tuple[str, int]]:
    """Texts and labels (1 good, 0 neither, −1 bad) of a file; `columns`: `text` and `label` → name, where named.

    Labels may be words, two numbers (the greater is good), −1, 0 and 1, or stars of 1 to 5 (1 and 2 bad, 3 neither).
    Lines without a text or a label are left out, and counted. Raises UnusableTransactions.
    """
    (told,) = read_alike([path], columns, say)
    return told


def read_alike(paths: Sequence[Path], columns: Mapping[str, str], say: Say) -> list[list[tuple[str, int]]]:
    """The same of several files, whose labels mean the same: 4 of one that has 4 and 5 alone is good if another has
    stars."""
    files = [_read_rows(path, columns, say) for path in paths]
    meanings = _read_labels({label for rows in files for _, label in rows}, paths[0])
    return [[(words, meanings[label]) for words, label in rows] for rows in files]


def _read_rows(path: Path, columns: Mapping[str, str], say: Say) -> list[tuple[str, str]]:
    with duckdb.connect() as connection, open_source(path, count_known=_count_known) as source:
        try:
            names = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source.sql}").fetchall()]
            found = {meaning: _find(meaning, names, columns.get(meaning)) for meaning in _COMPACT}
            for sentence in source.notes:
                say(sentence)
            load_raw(connection, source, found)
            rows = connection.execute("SELECT CAST(text AS VARCHAR), CAST(label AS VARCHAR) FROM raw").fetchall()
        except duckdb.Error as error:
            raise UnusableTransactions(source.explain(error)) from error
    told = [(words, label) for words, label in rows if words and words.strip() and label and label.strip()]
    if not told:
        raise UnusableTransactions(f"{path.name}: no line has both a text and a label")
    if len(told) < len(rows):
        say(f"{len(rows) - len(told):,} lines without a text or a label are left out.")
    return told


async def read_feedback(connection: AsyncConnection) -> list[Any]:
    """Rows (text, metric, score, occurred_us) of feedback with words and a figure."""
    return list((await connection.execute(_FEEDBACK)).all())


def label_of(metric: str, score: float) -> int:
    """What a figure says of how content somebody is: NPS by its own bands (F. Reichheld, 2003), CSAT and ratings of 1
    to 5 by 1 and 2, 3, 4 and 5."""
    low, high = (6, 9) if metric == "nps" else (2, 4)
    return -1 if score <= low else 1 if score >= high else 0


def take_once(told: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Texts with words in them, each once."""
    return [each for each in dict.fromkeys(told) if count_terms(plain_text(each[0]))]


def make_texts(told: Sequence[tuple[str, int]]) -> LabelledTexts:
    """To learn from, with the words of languages that these lack."""
    own = take_once(told)
    all_ = [*own, *find_lacking([words for words, _ in own])]
    labels = np.array([label for _, label in all_], np.int8)
    return LabelledTexts([words for words, _ in all_], labels)


def _count_known(names: list[str]) -> int:
    return sum(compact(name) in known for name in names for known in _COMPACT.values())


def _find(meaning: str, names: Sequence[str], wanted: str | None) -> str:
    if wanted is not None:
        if wanted not in names:
            raise UnusableTransactions(f"there is no column {wanted!r}; the file has {', '.join(names)}")
        return wanted
    plain = {compact(name): name for name in reversed(names)}
    found = next((plain[guess] for guess in _COMPACT[meaning] if guess in plain), None)
    if found is None:
        raise UnusableTransactions(
            f"no column for the {meaning}; the file has {', '.join(names)}. Name it with --{meaning}-column"
        )
    return found


def _read_labels(labels: set[str], path: Path) -> dict[str, int]:
    """Label → 1, 0 or −1. Raises UnusableTransactions for what cannot be told."""
    words = {label: _WORDS.get(label.strip().casefold()) for label in labels}
    if None not in words.values():
        return {label: int(sign or 0) for label, sign in words.items()}
    numbers = {label: _number(label) for label in labels}
    values = {number for number in numbers.values() if number is not None}
    if None in numbers.values() or not (len(values) == 2 or values == {-1.0, 0.0, 1.0} or _are_stars(values)):
        strange = sorted(label for label in labels if numbers[label] is None and words[label] is None)[:3]
        told = f"such as {', '.join(map(repr, strange or sorted(labels)[:6]))}"
        raise UnusableTransactions(
            f"{path.name}: labels are {told}; they must be words such as positive and negative, two numbers, -1, 0 and"
            " 1, or stars of 1 to 5"
        )
    return {label: _sign(number, values) for label, number in numbers.items() if number is not None}


def _are_stars(values: set[float]) -> bool:
    return len(values) > 2 and values <= {1.0, 2.0, 3.0, 4.0, 5.0}


def _number(label: str) -> float | None:
    return float(label) if re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", label) else None


def _sign(number: float, values: set[float]) -> int:
    if values <= {-1.0, 0.0, 1.0} and len(values) == 3:
        return int(number)
    if len(values) == 2:
        return 1 if number == max(values) else -1
    return -1 if number <= 2 else 1 if number >= 4 else 0
