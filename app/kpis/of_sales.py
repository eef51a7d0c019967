"""KPIs of sales. An order is one that is neither cancelled nor given back whole, in its latest version.

Sales are gross: what was paid for all orders that were not cancelled, those given back later too. Refunds are of the
period in which they were made, whichever period the order was of, so that a past period changes by what is said of it
alone. Source: P. Farris et al., Marketing Metrics, 2nd edition, 2010.
"""

from typing import Final

from app.kpis.definitions import EVERY, Kpi, Words

SALES: Final = Kpi(
    "sales",
    "money",
    "up",
    {"sales_minor": 1},
    None,
    EVERY,
    Words("Sales", "What was paid for the orders of the period, before refunds; cancelled orders are none."),
    Words("销售额", "期内订单实付金额合计（未扣退款，不含已取消订单）。"),
)
"""Gross: Σ amount of orders, after discounts, before refunds."""

NET_SALES: Final = Kpi(
    "net_sales",
    "money",
    "up",
    {"sales_minor": 1, "refunded_minor": -1},
    None,
    EVERY,
    Words("Net sales", "Sales less the refunds made in the period; below zero where more was given back than sold."),
    Words("净销售额", "销售额减去期内退款；退款多于销售时为负。"),
)
"""sales − refunds made in the period."""

ORDERS: Final = Kpi(
    "orders",
    "count",
    "up",
    {"orders": 1},
    None,
    EVERY,
    Words("Orders", "Orders of the period that were neither cancelled nor given back whole."),
    Words("订单数", "期内订单数（不含已取消及整单退回的订单）。"),
)
"""Orders of persons, and of nobody known."""

BASKET_VALUE: Final = Kpi(
    "basket_value",
    "money",
    "up",
    {"order_minor": 1},
    {"orders": 1},
    EVERY,
    Words("Basket value", "What was paid for an order, on average. Orders given back whole are none."),
    Words("客单价", "平均每笔订单实付金额（整单退回的订单不计）。"),
    "no_orders",
)
"""Σ amount / orders, over the same orders."""

DISCOUNT_SHARE: Final = Kpi(
    "discount_share",
    "share",
    "down",
    {"discount_minor": 1},
    {"sales_minor": 1, "discount_minor": 1},
    EVERY,
    Words("Discount share", "Discounts over what the orders would have cost without them."),
    Words("优惠占比", "优惠金额占优惠前订单金额的比例。"),
    "no_sales",
)
"""discounts / (sales + discounts)."""

RETURN_RATE: Final = Kpi(
    "return_rate",
    "share",
    "down",
    {"refunded_minor": 1},
    {"sales_minor": 1},
    EVERY,
    Words(
        "Return rate",
        "Money given back in the period over its sales; above 1 where more was given back than sold.",
    ),
    Words("退货率", "期内退款金额 ÷ 期内销售额；退款多于销售时大于 1。"),
    "no_sales",
)
"""refunds made in the period / sales, by value."""

OF_SALES_KPIS: Final = (SALES, NET_SALES, ORDERS, BASKET_VALUE, DISCOUNT_SHARE, RETURN_RATE)
