"""What a learned effect is made of, in words, English or Chinese. Money in major units."""

from typing import Final, NamedTuple

from app.lifecycle.condition_words import STAGES_ZH
from app.lifecycle.learned_effects import CAUTION, UNKNOWN_RISK, Explained
from app.lifecycle.stages import Stage

_GROUPS_ZH: Final = {"offer": "优惠", "care": "关怀", "service": "服务", "survey": "调研", "loyalty": "会员"}


class Told(NamedTuple):
    """Of whom and what it is told: the group of the action and what was known of the customer."""

    group: str
    stage: Stage
    churn_risk: float | None
    value_at_stake: float
    currency: str


def say_effect(explained: Explained, told: Told, language: str) -> list[tuple[str, float, str]]:
    """Code, value and sentence: the effect and how sure it is, then its terms, which add up to it."""
    write = _write_zh if language == "zh" else _write_en
    return write(explained, told)


def _write_en(explained: Explained, told: Told) -> list[tuple[str, float, str]]:
    risk = "not known, a half is taken" if told.churn_risk is None else f"{told.churn_risk:.0%}"
    sentences = {
        "learned_effect": f"Learned of {explained.shown:,} decisions: what it brings over doing nothing",
        "learned_deviation": f"Uncertain by so much either way; {CAUTION:g} times that is taken off",
        "learned_common": "Of that, what any action brings",
        "learned_group": f"What those of the group {told.group} bring beyond that",
        "learned_stage": f"What the group brings more or less at the stage {told.stage}",
        "learned_own": "What is this action's own",
        "learned_risk": f"For a churn risk of {risk}" if told.churn_risk is not None else f"Churn risk {risk}",
        "learned_value": f"For a value at stake of {told.currency} {told.value_at_stake:,.2f}",
    }
    return [(code, value, sentences[code]) for code, value in _values(explained)]


def _write_zh(explained: Explained, told: Told) -> list[tuple[str, float, str]]:
    risk = f"流失风险未知（按 {UNKNOWN_RISK:.0%} 计）" if told.churn_risk is None else f"流失风险 {told.churn_risk:.0%}"
    sentences = {
        "learned_effect": f"据 {explained.shown:,} 次决策学得：比什么都不做多带来的收益",
        "learned_deviation": f"其上下误差（标准差）；决策时扣除其 {CAUTION:g} 倍",
        "learned_common": "其中：任何活动都会带来的部分",
        "learned_group": f"其中：“{_GROUPS_ZH[told.group]}”类活动额外带来的部分",
        "learned_stage": f"其中：该类活动在“{STAGES_ZH[told.stage]}”阶段的增减",
        "learned_own": "其中：该活动自身的部分",
        "learned_risk": f"其中：因{risk}",
        "learned_value": f"其中：因在险价值 {told.value_at_stake:,.2f} {told.currency}",
    }
    return [(code, value, sentences[code]) for code, value in _values(explained)]


def _values(explained: Explained) -> list[tuple[str, float]]:
    whole = [("learned_effect", explained.learned.effect), ("learned_deviation", explained.learned.deviation)]
    return whole + [(f"learned_{name}", term) for name, term in explained.terms.items()]
