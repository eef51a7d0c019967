"""How writers feel, as the wire tells it."""

from typing import Any, Final, Literal

from app.lifecycle.sentiment import NEGATED, Sentiment, Unread
from app.models.sentiment_artefact import SentimentModel

WhyUnread = Literal["no_text", "no_words", "unknown_words", "no_model", "refuses_profiling"]
_PLACES: Final = 6


def judge_text(model: SentimentModel | None, text: str | None) -> dict[str, Any]:
    """The members of SentimentOut."""
    if text is None:
        return tell_unread("no_text")
    if model is None:
        return tell_unread("no_model")
    found = model.terms.judge(text)
    return tell_unread(found) if isinstance(found, str) else _tell(found)


def tell_unread(reason: WhyUnread | Unread) -> dict[str, Any]:
    """The same, of what is not known."""
    return {"sentiment": None, "positive": None, "confidence": None, "mixed": False, "words": [], "reason": reason}


def _tell(found: Sentiment) -> dict[str, Any]:
    return {
        "sentiment": found.feeling,
        "positive": round(found.positive, _PLACES),
        "confidence": round(found.confidence, _PLACES),
        "mixed": found.is_mixed,
        "words": [
            {"text": term.text.replace(NEGATED, "not "), "effect": round(term.effect, _PLACES)} for term in found.terms
        ],
        "reason": None,
    }
