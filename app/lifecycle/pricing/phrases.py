"""Why an offer is as deep as it is, in words, English and Chinese."""

from typing import Final

from app.lifecycle.pricing.depth import Code

_SAID: Final[dict[Code, tuple[str, str]]] = {
    "switched_off": ("No offers are given", "未启用优惠"),
    "unknown_customer": ("Nothing is known of the customer", "尚无该客户的资料"),
    "control_group": ("Held out, so that effects can be measured", "对照组客户，不提供优惠"),
    "personalization_refused": ("Personal offers were refused", "客户已拒绝个性化优惠"),
    "staff": ("Not for the shop's own staff", "员工不享受客户优惠"),
    "minor": ("Not made personal for minors", "不向未成年人提供个性化优惠"),
    "not_in_catalogue": ("The item is not in the catalogue", "商品不在目录中"),
    "not_for_sale": ("The item is not for sale", "商品暂不出售"),
    "no_price": ("The item has no price", "商品没有价格"),
    "too_little_known": ("Too few purchases are known", "购买记录太少"),
    "buys_at_full_price": ("Mostly buys at the regular price", "通常按原价购买"),
    "buys_this_at_full_price": ("Buys this at the regular price", "通常按原价购买此商品"),
    "comes_anyway": ("Comes back without an offer", "无需优惠也会再来"),
    "buys_on_offer": ("{share}% of what you bought was on offer", "您买过的商品中有 {share}% 享受了优惠"),
    "at_risk": ("We would like to see you again", "期待您再次光临"),
    "value_tier": ("The most for this value tier", "已达该价值等级的上限"),
    "merchant_limit": ("The most that the shop allows for this item", "已达店家为此商品设定的上限"),
    "margin_unknown": ("The most for an item of unknown margin", "毛利未知商品的上限"),
    "margin_floor": ("The most that the margin allows", "已达毛利允许的上限"),
    "nothing_to_save": ("Too cheap to take anything off", "价格过低，无法再优惠"),
}


def say_code(code: Code, share: float) -> dict[str, str]:
    """`share`: of the lines that the customer bought, those on discount."""
    en, zh = (said.format(share=round(100 * share)) for said in _SAID[code])
    return {"code": code, "en": en, "zh": zh}
