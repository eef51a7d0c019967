"""Scores on the wire: what is told of a customer, and why, in their reader's language."""

from typing import Any, Final

from app.foundation.times import iso
from app.lifecycle.events import DAY_US, to_major
from app.lifecycle.next_order import NextOrder, expect_next_order
from app.lifecycle.targets import OTHERS, Unit
from app.scores.prospects import render_prospect
from app.scores.reasons import explain
from app.scores.scoring import RULES, Scoring
from app.scores.service import Score, tier_of

ENOUGH_ORDERS: Final = 3


def render_score(score: Score, scoring: Scoring, language: str) -> dict[str, Any]:
    """The score on the wire, with its reasons in a language of `app.lifecycle.phrases`."""
    held, orders = score.judgement.held_days, score.state.number("orders") or 0
    model = scoring.model if score.method != RULES else None
    horizon_days = scoring.horizon_days if model is None else model.horizon_days
    spend_minor = score.expected_spend_minor
    coming = _next_order(score, horizon_days)
    return {
        "customer_id": score.state.customer_id,
        "as_of": iso(score.as_of_us),
        "stage": score.judgement.stage,
        "stage_rule": score.judgement.rule,
        "stage_since": None if held is None else iso(score.as_of_us - held * DAY_US),
        "flags": _flags(score),
        "churn_risk": None if score.churn_risk is None else round(score.churn_risk, 6),
        "churn_horizon_days": horizon_days,
        "expected_orders": None if score.expected_orders is None else round(score.expected_orders, 4),
        "expected_spend": None if spend_minor is None else to_major(spend_minor, scoring.digits),
        **(_expect_others(score, scoring.digits) if OTHERS else {}),
        "value_tier": tier_of(score, scoring),
        "expected_next_order_at": None if coming is None else _after(score, coming.days),
        "expected_next_order_interval": None
        if coming is None
        else {"from": _after(score, coming.from_days), "until": _after(score, coming.until_days)},
        "prospect": render_prospect(score, scoring, language) if score.rhythm is None else None,
        **explain(score, scoring, language),
        "method": score.method,
        "data_sufficiency": "none" if not orders else "little" if orders < ENOUGH_ORDERS else "enough",
        "model_version": None if model is None else model.version,
    }


def _expect_others(score: Score, digits: int) -> dict[str, float | None]:
    """By member of the answer. Null: neither rules nor a model that is older than a target know it."""
    told = score.others or [None] * len(OTHERS)
    return {
        target.answer: None if value is None else _write(target.unit, value, digits)
        for target, value in zip(OTHERS, told, strict=True)
    }


def _write(unit: Unit, value: float, digits: int) -> float:
    """An expectation as the answer has it."""
    return to_major(value, digits) if unit == "minor" else round(value, 6 if unit == "probability" else 4)


def _next_order(score: Score, horizon_days: int) -> NextOrder | None:
    if score.churn_risk is None or score.expected_orders is None:
        return None
    return expect_next_order(score.churn_risk, score.expected_orders, horizon_days)


def _after(score: Score, days: float) -> str:
    """A time so long after that of the score, to the second."""
    return iso((score.as_of_us + days * DAY_US) // 1_000_000 * 1_000_000)


def _flags(score: Score) -> list[str]:
    state, rhythm = score.state, score.rhythm
    promoter = float(state.latest("latest_nps") or 0) >= 9
    flags = {
        "advocate": promoter and score.judgement.stage == "mature",
        "reactivated": rhythm is not None and rhythm.is_reactivated and score.judgement.stage == "growing",
        "seasonal": rhythm is not None and rhythm.is_seasonal,
        "open_complaint": state.open_complaints > 0,
        "profiling_refused": state.refuses_profiling,
    }
    return [flag for flag, is_set in flags.items() if is_set]
