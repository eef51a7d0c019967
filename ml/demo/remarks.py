"""What customers of the demo shop say: causes of complaints, questions, and reviews in two languages."""

from typing import Final

COMPLAINT_CAUSES: Final = {
    "store": ("out_of_stock", "staff_attitude", "product_quality", "price_mismatch", "long_queue"),
    "web": ("late_delivery", "damaged_goods", "wrong_item", "product_quality", "refund_delay"),
}
QUESTION_CAUSES: Final = (
    "delivery_time",
    "points_balance",
    "opening_hours",
    "product_information",
    "invoice",
)

REMARKS: Final = {
    ("positive", "zh"): (
        "东西很新鲜，服务也好，下次还来。",
        "送货很快，包装完好，非常满意。",
        "店员热情，价格实惠，推荐给朋友了。",
        "一直在这里买，质量放心。",
        "活动力度大，买得很开心。",
    ),
    ("neutral", "zh"): (
        "还可以，就是排队有点久。",
        "一般般，和别家差不多。",
        "商品还行，种类可以再多一点。",
        "中规中矩，没有什么特别的。",
    ),
    ("negative", "zh"): (
        "太失望了，水果是坏的。",
        "等了很久没人理，体验很差。",
        "送错了东西，客服一直不回复。",
        "价格和标签不一样，感觉被骗了。",
        "质量越来越差，不会再来了。",
    ),
    ("positive", "en"): (
        "Fresh produce and friendly staff, will come again.",
        "Fast delivery and everything was well packed.",
        "Great prices, I recommend this shop to my friends.",
    ),
    ("neutral", "en"): (
        "It is okay, nothing special.",
        "Decent products, but the queue was a bit long.",
        "Average experience, the range could be wider.",
    ),
    ("negative", "en"): (
        "Very disappointed, the fruit was rotten.",
        "Nobody answered my complaint, terrible service.",
        "Wrong item delivered and no refund yet.",
    ),
}
