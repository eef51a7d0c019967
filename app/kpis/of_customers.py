"""KPIs of customers: who stays, who comes, who comes back, what they are worth and cost.

A customer at a time is a person who ordered within the days before it after which someone counts as lost
(`PERENNIAL_CHURN_HORIZON_DAYS`). Persons are what was merged by then. Sources: the domain's own table of formulas, and
P. Farris et al., Marketing Metrics, 2nd edition, 2010 (retention: chapter 5; cost of acquisition: the same).
"""

from typing import Final

from app.kpis.definitions import EVERY, IN_TIME, OF_CUSTOMERS, OF_PLACES, By, Kpi, Words

CRR: Final = Kpi(
    "crr",
    "share",
    "up",
    {"retained": 1},
    {"customers_at_start": 1},
    EVERY,
    Words(
        "Customer retention rate",
        "Of the customers at the start, the share who are still customers at the end: customers at the end, less those "
        "who came or came back in the period, over customers at the start.",
    ),
    Words("客户保留率", "期初客户中期末仍为客户的比例：（期末客户数 − 期内新增及回流客户数）÷ 期初客户数。"),
    "no_customers_at_start",
    looks_back=True,
)
"""(customers at end − new in the period) / customers at start. Who comes back is new to the period too: else the rate
could be above 1, and churn, 1 − CRR over the same cohort, below 0."""

CHURN_RATE: Final = Kpi(
    "churn_rate",
    "share",
    "down",
    {"customers_at_start": 1, "retained": -1},
    {"customers_at_start": 1},
    EVERY,
    Words("Churn rate", "Of the customers at the start, the share who are no customers any more at the end: 1 − CRR."),
    Words("客户流失率", "期初客户中期末已不再是客户的比例，即 1 − 客户保留率。"),
    "no_customers_at_start",
    looks_back=True,
)
"""1 − CRR over the same cohort."""

CUSTOMERS: Final = Kpi(
    "customers",
    "count",
    "up",
    {"customers": 1},
    None,
    EVERY,
    Words("Customers", "Persons with an order in the period."),
    Words("客户数", "期内至少有一笔订单的客户人数。"),
)
"""Distinct persons with ≥ 1 order: not additive over days."""

NEW_CUSTOMERS: Final = Kpi(
    "new_customers",
    "count",
    "up",
    {"new_customers": 1},
    None,
    EVERY,
    Words("New customers", "Persons whose first order ever is in the period, where that order was."),
    Words("新客户数", "首笔订单发生在期内的客户人数，按首单的门店、渠道和品类归属。"),
)
"""Persons whose first order of all is of the period."""

REPURCHASE_RATE: Final = Kpi(
    "repurchase_rate",
    "share",
    "up",
    {"repeaters": 1},
    {"customers": 1},
    EVERY,
    Words("Repurchase rate", "Of the customers with an order in the period, the share with two or more."),
    Words("复购率", "期内下单客户中下单两次及以上的比例。"),
    "no_customers",
)
"""customers with ≥ 2 purchases in the period / customers with ≥ 1."""

FREQUENCY: Final = Kpi(
    "frequency",
    "per_customer",
    "up",
    {"own_orders": 1},
    {"customers": 1},
    EVERY,
    Words("Purchase frequency", "Orders of a customer in the period, on average. Orders of nobody known are left out."),
    Words("购买频次", "期内每位客户的平均订单数，不含未识别客户的订单。"),
    "no_customers",
)
"""Orders of known persons / these persons."""

CLV: Final = Kpi(
    "clv",
    "money",
    "up",
    {"expected_margin_minor": 1},
    {"scored": 1},
    OF_CUSTOMERS,
    Words(
        "Customer lifetime value",
        "Expected margin of future purchases over the horizon, a customer, by the scores that were last published "
        "before the end of the period.",
    ),
    Words("客户生命周期价值", "按期末前最近一次发布的评分，每位客户在预测期内未来购买的预期毛利。"),
    "not_scored_then",
    of=(),
)
"""Expected margin of future purchases over the horizon: expected spend · PERENNIAL_MARGIN, mean of who has a score."""

CAC: Final = Kpi(
    "cac",
    "money",
    "down",
    {"cost_minor": 1},
    {"new_customers": 1},
    IN_TIME | frozenset[By](("channel",)),
    Words(
        "Customer acquisition cost",
        "What was spent to acquire customers in the period, over the new customers in it.",
    ),
    Words("获客成本", "期内获客花费 ÷ 期内新客户数。"),
    "no_new_customers",
    ("cost_minor", "no_costs"),
)
"""acquisition cost of a period / customers acquired in it. A cost of several days is of each of them alike."""

CONVERSION: Final = Kpi(
    "conversion",
    "share",
    "up",
    {"converted": 1},
    {"visitors": 1},
    OF_PLACES,
    Words(
        "Conversion from visit",
        "Of the known persons who visited, looked or searched in the period, the share who ordered in it afterwards.",
    ),
    Words("访问转化率", "期内到访、浏览或搜索的已识别客户中，随后在期内下单的比例。"),
    "no_visits",
    of=("order", "visit"),
)
"""persons with an order at or after their first visit of the period / persons with a visit."""

ACTIVE_MEMBERS: Final = Kpi(
    "active_members",
    "count",
    "up",
    {"active_members": 1},
    None,
    OF_PLACES,
    Words(
        "Active members",
        "Members of the loyalty programme (whoever has had points or a tier by then) who ordered, or earned or "
        "redeemed points, in the period.",
    ),
    Words("活跃会员数", "期内有下单、积分获取或积分兑换的会员人数（会员指曾有积分或等级的客户）。"),
    of=("order", "points"),
)
"""Distinct members with an order or a movement of points of their own doing; points that expire are none."""

POINTS_LIABILITY: Final = Kpi(
    "points_liability",
    "points",
    None,
    {"points_balance": 1},
    None,
    OF_CUSTOMERS,
    Words(
        "Points liability", "Points that customers hold at the end of the period: earned, less redeemed and expired."
    ),
    Words("积分负债", "期末客户持有的积分余额：累计获得 − 已兑换 − 已过期。"),
    of=("points",),
)
"""Σ points of all events before the end."""

OF_CUSTOMERS_KPIS: Final = (
    *(CRR, CHURN_RATE, CUSTOMERS, NEW_CUSTOMERS, REPURCHASE_RATE, FREQUENCY),
    *(CLV, CAC, CONVERSION, ACTIVE_MEMBERS, POINTS_LIABILITY),
)
