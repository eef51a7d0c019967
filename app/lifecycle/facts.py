"""What conditions may ask about a customer: every fact by its name, its kind, its unit and its words.

Measures of the state are facts too: times are told as days gone by, decayed sums as what is left of them now. What is
protected, such as gender, religion or health, is no fact, and a request may not bring it in by its context either.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple

from app.lifecycle.events import DAY_US
from app.lifecycle.measures import DAYS, DECAYED, REFERENCE, SUMS, TIMES, decay

Kind = Literal["number", "text", "flag", "any"]
CONTEXT: Final = "context."
"""Facts of the request: members of its `context` by their names."""


class Fact(NamedTuple):
    """`unit` of a number; `major` and `minor` are of the deployment's currency."""

    name: str
    kind: Kind
    unit: str
    en: str
    zh: str


_BASES: Final = {
    "events": ("Events", "事件数"),
    "orders": ("Orders", "订单数"),
    "orders_store": ("Orders in the store", "门店订单数"),
    "spend_minor": ("Spend", "消费额"),
    "spend": ("Spend", "消费额"),
    "discount_minor": ("Discounts", "折扣额"),
    "discount": ("Discounts", "折扣额"),
    "items": ("Items bought", "购买件数"),
    "refunds": ("Refunds", "退款次数"),
    "refunded_minor": ("Money given back", "退款额"),
    "refunded": ("Money given back", "退款额"),
    "visits": ("Visits", "访问次数"),
    "cases": ("Service cases", "服务工单数"),
    "complaints": ("Complaints", "投诉数"),
    "cases_resolved": ("Cases resolved", "已解决工单数"),
    "points": ("Points", "积分"),
    "order_days": ("Days with an order", "下单天数"),
    "first_event": ("Days since the first event", "距首次事件天数"),
    "last_event": ("Days since the last event", "距最近事件天数"),
    "first_order": ("Days since the first order", "距首单天数"),
    "last_order": ("Days since the last order", "距最近订单天数"),
    "second_last_order": ("Days since the order before the last", "距倒数第二单天数"),
    "last_refund": ("Days since the last refund", "距最近退款天数"),
    "last_visit": ("Days since the last visit", "距最近访问天数"),
    "last_complaint": ("Days since the last complaint", "距最近投诉天数"),
}


def _words(name: str) -> tuple[str, str]:
    """Of a measure that nobody gave words: its name."""
    return _BASES.get(name) or (name.replace("_", " ").capitalize(), f"指标{name}")


def _of_measures() -> Iterable[Fact]:
    for measure in (*SUMS, *DAYS):
        if not measure.name.startswith("season_"):
            yield Fact(f"state.{measure.name}", "number", measure.unit, *_words(measure.name))
    for measure in TIMES:
        name = measure.name.removesuffix("_us")
        yield Fact(f"state.{name}_days", "number", "days", *_words(name))
    for measure in DECAYED:
        en, zh = _words(measure.name.partition("_decayed")[0])
        half = measure.half_life_days
        yield Fact(
            f"state.{measure.name}", "number", measure.unit, f"{en} (half-life {half} days)", f"{zh}（半衰期{half}天）"
        )


_DECLARED: Final = (
    Fact("score.churn_risk", "number", "probability", "Churn risk", "流失风险"),
    Fact("score.value_at_stake", "number", "major", "Value at stake", "在险价值"),
    Fact("score.expected_orders", "number", "orders", "Expected orders", "预期订单数"),
    Fact("score.expected_spend", "number", "major", "Expected spend", "预期消费额"),
    Fact("score.value_tier", "text", "", "Value tier", "价值层级"),
    *_of_measures(),
    Fact("state.latest_csat", "number", "1–5", "Latest satisfaction", "最近满意度"),
    Fact("state.latest_nps", "number", "0–10", "Latest recommendation score", "最近推荐意愿"),
    Fact("state.latest_rating", "number", "1–5", "Latest rating", "最近评分"),
    Fact("state.latest_tier", "text", "", "Membership tier", "会员等级"),
    Fact("customer.has_birthday", "flag", "", "It is the customer's birthday", "今天是顾客生日"),
    Fact("customer.has_open_complaint", "flag", "", "A complaint is open", "有未解决的投诉"),
)
FACTS: Final[Mapping[str, Fact]] = {fact.name: fact for fact in _DECLARED}

_NUMBERS: Final = {f"state.{each.name}": each for each in (*SUMS, *DAYS, *DECAYED)}
_TIMES: Final = {f"state.{each.name.removesuffix('_us')}_days": each.name for each in TIMES}


def measure_fact(name: str, numbers: Mapping[str, float | None], now_us: int) -> float | None:
    """A fact of the state that is a number, of measures by their names; None: it is not known."""
    if name in _TIMES:
        at_us = numbers[_TIMES[name]]
        return None if at_us is None else (now_us - at_us) / DAY_US
    measure = _NUMBERS[name]
    value = numbers[measure.name]
    if value is None or not measure.half_life_days:
        return value
    reference_us = numbers[REFERENCE]
    return 0.0 if reference_us is None else value * decay(max(now_us - reference_us, 0), measure.half_life_days)


_PROTECTED_WORDS: Final = frozenset(
    word
    for line in (
        "gender sex sexual sexuality orientation ethnicity ethnic race racial skin color colour nationality",
        "citizenship",
        "religion religious faith belief health medical disease illness diagnosis disability disabled handicap",
        "pregnancy pregnant politics political party union genetic biometric marital married age birthday dob",
        "birthdate",
    )
    for word in line.split()
)
_PROTECTED_SIGNS: Final = (
    *("性别", "性取向", "民族", "种族", "国籍", "宗教", "信仰", "健康", "疾病", "病史"),
    *("残疾", "怀孕", "孕期", "政治", "党派", "婚姻", "年龄", "生日"),
)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def is_protected(name: str) -> bool:
    """Whether a name speaks of what nobody may be treated by: special categories of GDPR (article 9) and sensitive
    personal information of PIPL (article 28), and age, which only the protection of minors may look at."""
    words = {word.lower() for word in _WORD.findall(name)}
    return not words.isdisjoint(_PROTECTED_WORDS) or any(sign in name for sign in _PROTECTED_SIGNS)


def plain(value: Any) -> str | float | bool | None:
    """A member of a request's context as a condition sees it; None: it is no text, number or flag."""
    return value if type(value) in (str, int, float, bool) else None
