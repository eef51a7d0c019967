"""Feedback on the wire."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.feedback.reading import WhyUnread
from app.lifecycle.sentiment import Feeling

MOST_TEXTS = 100


class TextsIn(BaseModel):
    """Texts to be judged; none is kept."""

    texts: Annotated[list[Annotated[str, Field(max_length=10_000)]], Field(min_length=1, max_length=MOST_TEXTS)]


class TermOut(BaseModel):
    """A word or a part of a text, and what it adds to the log-odds of `positive`.."""

    text: str
    effect: float


class SentimentOut(BaseModel):
    """How a writer feels. `positive` is the probability of being rather content than not, `confidence` that of the
    sentiment told. `mixed`: one clause is surely positive and another surely negative.

    `sentiment` null: it is not known, for the `reason`. `words`: what weighed most, the strongest first.
    """

    sentiment: Feeling | None
    positive: float | None
    confidence: float | None
    mixed: bool
    words: list[TermOut]
    reason: WhyUnread | None


class SentimentsOut(BaseModel):
    """Of each text, in their order. `model_version` null: no model is loaded."""

    model_version: str | None
    sentiments: list[SentimentOut]


class AnswerOut(BaseModel):
    """One answer. `counts`: it is the latest of its metric, survey and occasion by this person, or of no occasion."""

    at: str
    source: str
    id: str
    customer_id: str
    metric: Literal["csat", "nps", "rating"]
    score: float
    survey: str | None
    occasion: str | None
    counts: bool
    text: str | None
    sentiment: SentimentOut


class AnswerPageOut(BaseModel):
    """Latest first. `next_cursor` is null on the last page."""

    customer_id: str
    model_version: str | None
    answers: list[AnswerOut]
    next_cursor: str | None
