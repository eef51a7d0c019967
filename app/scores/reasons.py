"""Why a score is what it is: the strongest terms of its sums, in words, and what these leave out."""

from collections.abc import Sequence
from math import log
from typing import Any, Final

from app.lifecycle.events import to_major
from app.lifecycle.features import FEATURES
from app.lifecycle.phrases import Money, phrase
from app.lifecycle.scorer import strongest
from app.lifecycle.targets import CHURN, ORDERS, SPEND, TARGETS, Link
from app.scores.scoring import Scoring
from app.scores.service import Score

MOST_REASONS: Final = 5
_TOLD: Final = tuple((feature.name, feature.label, feature.unit, feature.unit == "minor") for feature in FEATURES)
_LISTS: Final = (("reasons", CHURN), ("value_reasons", SPEND), ("order_reasons", ORDERS))
_AT: Final = {target.name: TARGETS.index(target) for target in TARGETS}


def explain(score: Score, scoring: Scoring, language: str) -> dict[str, Any]:
    """The members of an answer that say why, in a language of `app.lifecycle.phrases`."""
    if not score.churn_terms:
        return {**{name: [] for name, _ in _LISTS}, "sums": None}
    each = (score.churn_terms, score.spend_terms, score.orders_terms)
    told: dict[int, tuple[Any, ...]] = {}
    money = Money(scoring.currency, scoring.digits)
    lists, sums = {}, {}
    for (name, target), terms in zip(_LISTS, each, strict=True):
        lists[name] = reasons = _reasons(score.row, terms, told, money, language)
        scale = log(10) * scoring.digits if target is SPEND else 0.0
        sums[target.answer] = {
            "scale": target.link.value,
            **_add_up(score.bases[_AT[target.name]] - scale, terms, [reason["effect"] for reason in reasons]),
        }
    return {**lists, "sums": sums}


def explain_prospect(
    row: Sequence[float], terms: Sequence[float], intercept: float, scoring: Scoring, language: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The strongest terms of the log-odds of what is foretold of a prospect, and what all add up to."""
    reasons = _reasons(row, terms, {}, Money(scoring.currency, scoring.digits), language)
    summed = _add_up(intercept, terms, [reason["effect"] for reason in reasons])
    return reasons, {"scale": Link.LOG_ODDS.value, **summed}


def _add_up(base: float, terms: Sequence[float], shown: Sequence[float]) -> dict[str, float]:
    """`base` + what is shown + `remainder` = `sum`, as decimals to the last place."""
    total, told = _to_nine_places(base + sum(terms)), _to_four_places(base)
    return {"base": told, "remainder": _to_nine_places(total - told - sum(shown)), "sum": total}


def _to_nine_places(value: float) -> float:
    """Enough for the figure that it is the logarithm of. Quicker than `round(value, 9)`."""
    return round(value * 1e9) / 1e9


def _to_four_places(value: float) -> float:
    """As `round(value, 4)`, but for the last bit of a tie, in a quarter of its time."""
    return round(value * 1e4) / 1e4


def _reasons(
    row: Sequence[float], terms: Sequence[float], told: dict[int, tuple[Any, ...]], money: Money, language: str
) -> list[dict[str, Any]]:
    """The strongest terms of a link, strongest first. `told`: of features that were put in words before."""
    reasons = []
    for at in strongest(terms, MOST_REASONS):
        if at not in told:
            told[at] = _tell(at, row, money, language)
        feature, label, text, value, unit = told[at]
        effect = _to_four_places(terms[at])
        reasons.append(
            {"feature": feature, "label": label, "text": text, "value": value, "unit": unit, "effect": effect}
        )
    return reasons


def _tell(at: int, row: Sequence[float], money: Money, language: str) -> tuple[Any, ...]:
    """Feature, label, text, value, unit; a value in minor units is told in major ones."""
    name, label, unit, is_money = _TOLD[at]
    value: float | None = row[at]
    if value != value:  # NaN: not known
        value = None
    elif value is not None:
        value = to_major(value, money.digits) if is_money else _to_four_places(value)
    return name, label, phrase(at, row, money, language), value, money.currency if is_money else unit
