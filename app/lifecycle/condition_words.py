"""Conditions in words, English and Chinese."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from app.lifecycle.consents import MARKETING
from app.lifecycle.facts import Fact

Language = Literal["en", "zh"]
_WORDS: Final = {
    "at_least": "is at least",
    "at_most": "is at most",
    "above": "is above",
    "below": "is below",
    "equals": "is",
    "one_of": "is",
}
_WORDS_ZH: Final = {
    "at_least": "不少于",
    "at_most": "不多于",
    "above": "多于",
    "below": "少于",
    "equals": "为",
    "one_of": "为",
}
STAGES_ZH: Final = {
    "prospect": "潜客",
    "new": "新客",
    "growing": "成长",
    "mature": "成熟",
    "declining": "衰退",
    "lost": "流失",
}
_UNITS_ZH: Final = {"minor": "（最小货币单位）", "points": "分"}


def say_consent(channel: str, purpose: str, language: Language) -> str:
    """A yes on a channel, to marketing where no other purpose is named."""
    if purpose == MARKETING:
        return f"Consent to {channel}" if language == "en" else f"同意通过{channel}接收营销"
    return f"Consent to {purpose} on {channel}" if language == "en" else f"同意通过{channel}接收“{purpose}”"


def say_comparison(fact: Fact, how: str, values: Sequence[Any], language: Language) -> str:
    """A fact beside a value, or any of several."""
    label = fact.en if language == "en" else fact.zh
    if fact.kind == "flag":
        return label if values[0] else (f"not: {label}" if language == "en" else f"并非：{label}")
    told = (" or " if language == "en" else "或").join(map(_plain_text, values))
    unit = _unit(fact, language)
    return f"{label} {_WORDS[how]} {told}{unit}" if language == "en" else f"{label}{_WORDS_ZH[how]}{told}{unit}"


def say_stages(stages: Sequence[str], language: Language) -> str:
    """Being in one of the stages."""
    if language == "zh":
        return "所处阶段为" + "或".join(STAGES_ZH[stage] for stage in stages)
    return "Stage is " + " or ".join(stages)


def say_contrary(told: str, language: Language) -> str:
    """Not what is told."""
    return f"not ({told})" if language == "en" else f"并非（{told}）"


def say_together(told: Sequence[tuple[str, bool]], word: Literal["and", "or"], language: Language) -> str:
    """Several conditions; those that are of several themselves are set in brackets."""
    brackets, between = ("({})", f" {word} ") if language == "en" else ("（{}）", "，且" if word == "and" else "，或")
    return between.join(brackets.format(text) if is_nested else text for text, is_nested in told)


def _plain_text(value: Any) -> str:
    return f"{value:,.15g}" if type(value) in (int, float) else str(value)


def _unit(fact: Fact, language: Language) -> str:
    if fact.unit not in _UNITS_ZH:
        return ""
    return f" {fact.unit}" if language == "en" else _UNITS_ZH[fact.unit]
