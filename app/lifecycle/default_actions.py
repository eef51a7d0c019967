"""The actions a new installation begins with, by stage. Rates are plain assumptions to be replaced.

A retailer edits them through `/v1/actions`; titles are English and Chinese.
"""

from typing import Any, Final

from app.lifecycle.actions import Action
from app.lifecycle.measures import CONTACT_CHANNELS, SALES_CHANNELS

_HERE = SALES_CHANNELS
_OUT = ("email", "sms", "push", "wechat")
_EVERYWHERE = (*SALES_CHANNELS, *CONTACT_CHANNELS)


def _action(action_id: str, en: str, zh: str, stages: str, channels: tuple[str, ...], **rest: Any) -> Action:
    named = {"action_id": action_id, "title": {"en": en, "zh": zh}}
    return Action.model_validate({**named, "stages": stages.split(), "channels": channels, **rest})


def _grow(rate: float, effect: float, cost: float = 0.0, **rest: Any) -> dict[str, Any]:
    return {"aim": "grow", "response_rate": rate, "effect": effect, "cost": cost, **rest}


def _retain(rate: float, effect: float, cost: float = 0.0, **rest: Any) -> dict[str, Any]:
    return {"aim": "retain", "response_rate": rate, "effect": effect, "cost": cost, **rest}


_BIRTHDAY: Final = {"fact": "customer.has_birthday", "equals": True}
_ANY_STAGE = "prospect new growing mature declining lost"

DEFAULT_ACTIONS: Final = (
    # Prospects: awareness, and the first purchase.
    _action(
        "first-order-coupon",
        "Coupon for the first order",
        "首单优惠券",
        "prospect",
        _EVERYWHERE,
        **_grow(0.08, 0.6, 5),
    ),
    _action(
        "personal-suggestions",
        "Suggestions picked for you",
        "专属商品推荐",
        "prospect",
        _EVERYWHERE,
        **_grow(0.05, 0.3, cool_down_days=7),
    ),
    _action(
        "store-invitation",
        "Invitation to the store",
        "到店体验邀请",
        "prospect",
        _OUT,
        **_grow(0.03, 0.4, 1),
    ),
    # New customers: a good first experience, the second purchase, membership.
    _action(
        "welcome-pack",
        "Welcome pack",
        "新客欢迎礼包",
        "new",
        _HERE,
        **_grow(0.3, 0.12, 3, cool_down_days=365, group="loyalty", purpose="loyalty"),
    ),
    _action(
        "second-order-coupon",
        "Coupon for the second order",
        "第二单优惠券",
        "new",
        _EVERYWHERE,
        **_retain(0.12, 0.35, 6, cool_down_days=21),
    ),
    _action(
        "membership-invitation",
        "Join the membership",
        "邀请加入会员",
        "new growing",
        _EVERYWHERE,
        **_grow(0.15, 0.12, cool_down_days=60, group="loyalty", purpose="loyalty"),
    ),
    _action(
        "satisfaction-question",
        "How was your purchase?",
        "购物满意度调查",
        "new growing mature",
        (*_HERE, *_OUT),
        **_retain(0.12, 0.05, cool_down_days=90, group="survey", purpose="research"),
    ),
    # Growing customers: deepen the relation.
    _action(
        "personal-recommendations",
        "Recommended for you",
        "为您推荐",
        "growing mature",
        _EVERYWHERE,
        **_grow(0.1, 0.15, cool_down_days=7),
    ),
    _action(
        "points-multiplier",
        "Double points this week",
        "本周双倍积分",
        "growing",
        _EVERYWHERE,
        **_grow(
            0.2,
            0.12,
            2,
            cool_down_days=30,
            group="loyalty",
            purpose="loyalty",
            mechanic={"kind": "points_multiple", "factor": 2},
        ),
    ),
    _action(
        "tier-up-nudge",
        "Close to the next tier",
        "即将升级会员等级",
        "growing",
        _EVERYWHERE,
        **_grow(0.1, 0.18, 1, cool_down_days=60, group="loyalty", purpose="loyalty"),
    ),
    _action(
        "bundle-offer",
        "Bundle at a better price",
        "组合优惠",
        "growing",
        _EVERYWHERE,
        **_grow(0.08, 0.2, 4, cool_down_days=30),
    ),
    # Mature customers: keep, exceed expectations, widen.
    _action(
        "cross-sell",
        "Goes well with what you buy",
        "搭配推荐",
        "mature",
        _EVERYWHERE,
        **_grow(0.08, 0.12, cool_down_days=14),
    ),
    _action(
        "vip-service",
        "Personal VIP service",
        "VIP专属服务",
        "mature",
        (*_HERE, "phone", "wechat"),
        **_grow(0.25, 0.15, 10, min_value=1000, cool_down_days=180, group="care"),
    ),
    _action(
        "early-access",
        "Early access to new arrivals",
        "新品优先购",
        "mature",
        _EVERYWHERE,
        **_grow(0.1, 0.1, cool_down_days=45, group="loyalty", purpose="loyalty"),
    ),
    _action(
        "referral-invitation",
        "Bring a friend",
        "邀请好友有礼",
        "mature",
        _EVERYWHERE,
        **_grow(0.04, 0.4, 8, cool_down_days=90, group="loyalty", purpose="loyalty"),
    ),
    # Whoever has complained: nothing is sold or asked before it is settled.
    _action(
        "service-recovery",
        "We would like to make it right",
        "服务补救",
        _ANY_STAGE,
        (*_HERE, "phone", "wechat", "email"),
        **_retain(0.5, 0.3, 8, complaint="open", cool_down_days=7, group="service"),
    ),
    _action(
        "complaint-apology",
        "We are sorry, and are looking into it",
        "致歉并跟进处理",
        _ANY_STAGE,
        _EVERYWHERE,
        **_retain(0.3, 0.1, complaint="open", cool_down_days=14, group="service"),
    ),
    _action(
        "complaint-follow-up",
        "Is everything all right again?",
        "回访：问题解决得满意吗？",
        _ANY_STAGE,
        _EVERYWHERE,
        **_retain(0.3, 0.1, complaint="resolved", cool_down_days=14, group="service"),
    ),
    # Declining customers: find the cause, win back early.
    _action(
        "replenishment-reminder",
        "Time to stock up?",
        "补货提醒",
        "growing mature declining",
        _EVERYWHERE,
        **_retain(0.1, 0.12, cool_down_days=14),
    ),
    _action(
        "targeted-offer",
        "An offer for you",
        "专属优惠",
        "declining",
        _EVERYWHERE,
        **_retain(0.12, 0.3, 8, min_risk=0.5, cool_down_days=30),
    ),
    _action(
        "personal-call",
        "A call from the shop manager",
        "店长专属回访",
        "declining",
        ("phone",),
        **_retain(0.3, 0.35, 15, min_risk=0.5, min_value=1000, cool_down_days=120, complaint="any", group="care"),
    ),
    _action(
        "churn-reason-survey",
        "What could we do better?",
        "流失原因调查",
        "declining",
        _OUT,
        **_retain(0.06, 0.06, cool_down_days=120, group="survey", purpose="research"),
    ),
    # Lost customers: reactivate at sensible cost, or let go gracefully.
    _action(
        "win-back-offer",
        "We miss you: come back offer",
        "老客召回优惠",
        "lost",
        _EVERYWHERE,
        **_retain(0.04, 0.3, 10, cool_down_days=60),
    ),
    _action(
        "exit-survey",
        "A last question",
        "离店问卷",
        "lost",
        ("email", "sms", "wechat"),
        **_retain(0.02, 0.05, cool_down_days=365, group="survey", purpose="research"),
    ),
    # Care, at every stage.
    _action(
        "happy-birthday",
        "Happy birthday",
        "生日快乐",
        _ANY_STAGE,
        _EVERYWHERE,
        **_grow(0.3, 0.1, cool_down_days=300, group="care", lever=20, eligibility=_BIRTHDAY),
    ),
    _action(
        "festival-greeting",
        "Festival greeting",
        "节日问候",
        _ANY_STAGE,
        _OUT,
        **_retain(0.02, 0.05, cool_down_days=60, group="care"),
    ),
)

GROUPS: Final = {action.action_id: action.group for action in DEFAULT_ACTIONS}
"""Of stored definitions that were written before there were groups."""
