"""What a learned effect, or a learned response, is made of, in words, English or Chinese. Money in major units."""

from typing import Final, NamedTuple

from app.lifecycle.condition_words import STAGES_ZH
from app.lifecycle.learned_effects import CAUTION, UNKNOWN_RISK, Explained, Learned
from app.lifecycle.stages import Stage

_GROUPS_ZH: Final = {"offer": "优惠", "care": "关怀", "service": "服务", "survey": "调研", "loyalty": "会员"}


class Told(NamedTuple):
    """Of whom and what it is told: the group of the action and what was known of the customer."""

    group: str
    stage: Stage
    churn_risk: float | None
    value_at_stake: float
    currency: str


def say_learned(explained: Explained, told: Told, language: str) -> list[tuple[str, float, str]]:
    """Code, value and sentence: what was learned and how sure it is, then its terms, which add up to it."""
    learned, is_effect = explained.learned, isinstance(explained.learned, Learned)
    write = _write_zh if language == "zh" else _write_en
    sentences = write(explained.shown, told)
    name = "effect" if is_effect else "response"
    values = {name: learned.told, "deviation": learned.deviation, **explained.terms}
    return [(f"learned_{each}", value, sentences[each]) for each, value in values.items()]


def _write_en(shown: int, told: Told) -> dict[str, str]:
    risk = f"For a churn risk of {told.churn_risk or 0.0:.0%}"
    return {
        "effect": f"Learned of {shown:,} decisions: what it brings over doing nothing",
        "response": f"Learned of {shown:,} decisions: how likely it is that it is responded to",
        "deviation": f"Uncertain by so much either way; {CAUTION:g} times that is taken off",
        "common": "Of that, what any action has",
        "group": f"What those of the group {told.group} have beyond that",
        "stage": f"What the group has more or less at the stage {told.stage}",
        "own": "What is this action's own",
        "risk": "Churn risk not known, a half is taken" if told.churn_risk is None else risk,
        "value": f"For a value at stake of {told.currency} {told.value_at_stake:,.2f}",
    }


def _write_zh(shown: int, told: Told) -> dict[str, str]:
    risk = f"流失风险 {told.churn_risk or 0.0:.0%}"
    return {
        "effect": f"据 {shown:,} 次决策学得：比什么都不做多带来的收益",
        "response": f"据 {shown:,} 次决策学得：顾客响应的概率",
        "deviation": f"其上下误差（标准差）；决策时扣除其 {CAUTION:g} 倍",
        "common": "其中：任何活动共有的部分",
        "group": f"其中：“{_GROUPS_ZH[told.group]}”类活动额外的部分",
        "stage": f"其中：该类活动在“{STAGES_ZH[told.stage]}”阶段的增减",
        "own": "其中：该活动自身的部分",
        "risk": f"其中：因流失风险未知（按 {UNKNOWN_RISK:.0%} 计）" if told.churn_risk is None else f"其中：因{risk}",
        "value": f"其中：因在险价值 {told.value_at_stake:,.2f} {told.currency}",
    }
