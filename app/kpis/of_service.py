"""KPIs of service: answers of customers, and cases."""

from typing import Final

from app.kpis.definitions import OF_CASES, OF_CUSTOMERS, OF_PLACES, Kpi, Words

CSAT: Final = Kpi(
    "csat",
    "share",
    "up",
    {"csat_satisfied": 1},
    {"csat_answers": 1},
    OF_PLACES,
    Words("CSAT", "Of the answers on satisfaction, on a scale of 1 to 5, the share of 4 and 5."),
    Words("客户满意度（CSAT）", "满意度评分（1–5 分）中 4 分和 5 分的占比。"),
    "no_answers",
    of=("feedback",),
)
"""answers of 4 or 5 / all answers, on a 1..5 scale."""

NPS: Final = Kpi(
    "nps",
    "net_promoters",
    "up",
    {"nps_promoters": 1, "nps_detractors": -1},
    {"nps_answers": 1},
    OF_PLACES,
    Words("NPS", "Per cent of answers of 9 and 10, less per cent of 0 to 6, on a scale of 0 to 10: from −100 to 100."),
    Words("净推荐值（NPS）", "推荐意愿（0–10 分）中 9–10 分的百分比减去 0–6 分的百分比，取值 −100 至 100。"),
    "no_answers",
    factor=100,
    of=("feedback",),
)
"""% of 9..10 − % of 0..6 (F. Reichheld, The One Number You Need to Grow, 2003)."""

ATP: Final = Kpi(
    "atp",
    "hours",
    "down",
    {"processing_us": 1},
    {"cases_resolved": 1},
    OF_CASES,
    Words("Average processing time", "Hours from a service case's opening to its resolution, of those resolved then."),
    Words("平均处理时长（ATP）", "期内解决的服务工单从开启到解决的平均小时数。"),
    "no_cases",
    of=(),
)
"""mean of resolved − opened over the cases that were (last) resolved in the period."""

FRR: Final = Kpi(
    "frr",
    "share",
    "up",
    {"cases_answered_in_time": 1},
    {"cases_due": 1},
    OF_CASES,
    Words(
        "First response rate",
        "Of the cases opened in the period, the share first answered within the target. Those that may still be "
        "answered in time are left out.",
    ),
    Words("首次响应率（FRR）", "期内开启的工单中在目标时限内首次响应的比例；时限未到且尚未响应的不计。"),
    "no_cases",
    of=(),
)
"""cases first answered within the target / cases. A resolution is an answer too."""

COMPLAINT_RATE: Final = Kpi(
    "complaint_rate",
    "share",
    "down",
    {"complaints": 1},
    {"orders": 1},
    OF_CUSTOMERS,
    Words("Complaint rate", "Complaints of the period over its orders."),
    Words("投诉率", "期内投诉数 ÷ 期内订单数。"),
    "no_orders",
)
"""Cases opened as complaints / orders."""

OF_SERVICE_KPIS: Final = (CSAT, NPS, ATP, FRR, COMPLAINT_RATE)
