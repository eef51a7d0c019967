"""Scores and states → the facts that conditions and tact read, each told only where it is known."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from app.customers.state import CustomerState
from app.lifecycle.calendar_days import Day, read_day
from app.lifecycle.events import to_major
from app.lifecycle.facts import measure_fact
from app.lifecycle.measures import NUMERIC
from app.lifecycle.tact import ADULT_YEARS, STAFF_TIERS, SURVEY_REFUND_DAYS, TACT_FACTS, is_birthday, years_old
from app.scores.scoring import Scoring
from app.scores.service import Score, tier_of, value_of

_NAMES: Final = tuple(measure.name for measure in NUMERIC)
_TEXTS: Final = {f"state.latest_{name}": f"latest_{name}" for name in ("csat", "nps", "rating", "tier")}


def read_facts(score: Score, scoring: Scoring, names: Collection[str], zone: tzinfo = UTC) -> dict[str, Any]:
    """Those of `names`, and those that tact looks at. Days begin by the `zone`."""
    numbers = dict(zip(_NAMES, score.state.numbers, strict=True))
    facts = {name: value for name in names if (value := _read(name, score, numbers, scoring, zone)) is not None}
    return facts | _read_tact(score.state, numbers, score.as_of_us, zone)


def read_tact(state: CustomerState, now_us: int, zone: tzinfo = UTC) -> dict[str, Any]:
    """The facts that tact looks at."""
    return _read_tact(state, dict(zip(_NAMES, state.numbers, strict=True)), now_us, zone)


def _read_tact(state: CustomerState, numbers: Mapping[str, float | None], now_us: int, zone: tzinfo) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name in TACT_FACTS:
        days = measure_fact(name, numbers, now_us)
        if days is not None and days < SURVEY_REFUND_DAYS:
            facts[name] = round(days, 6)
    birthday = birthday_of(state)
    if birthday is not None and 0 <= years_old(birthday, _today(now_us, zone)) < ADULT_YEARS:
        facts["is_minor"] = True
    if (state.latest("latest_tier") or "").strip().lower() in STAFF_TIERS:
        facts["is_staff"] = True
    return facts


def birthday_of(state: CustomerState) -> Day | None:
    """As it was last told; None: it is not known."""
    told = state.latest("latest_birthday")
    return read_day(told) if told else None


def _read(name: str, score: Score, numbers: Mapping[str, float | None], scoring: Scoring, zone: tzinfo) -> Any:
    state = score.state
    if name in _TEXTS:
        told = state.latest(_TEXTS[name])
        return told if told is None or name == "state.latest_tier" else float(told)
    if name.startswith("state."):
        return measure_fact(name, numbers, score.as_of_us)
    match name:
        case "score.churn_risk":
            return score.churn_risk
        case "score.expected_orders":
            return score.expected_orders
        case "score.expected_spend":
            minor = score.expected_spend_minor
            return None if minor is None else to_major(minor, scoring.digits)
        case "score.value_at_stake":
            return value_of(score, scoring)
        case "score.value_tier":
            return tier_of(score, scoring)
        case "customer.has_open_complaint":
            return state.open_complaints > 0
        case _:
            birthday = birthday_of(state)
            return None if birthday is None else is_birthday(birthday, _today(score.as_of_us, zone))


def _today(now_us: int, zone: tzinfo) -> Day:
    today = datetime.fromtimestamp(now_us / 1e6, zone)
    return today.year, today.month, today.day
