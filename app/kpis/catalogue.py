"""Every KPI, in the order in which they are told; and why one is not defined, in words."""

from collections.abc import Mapping
from typing import Final

from app.kpis.definitions import Kpi, Reason
from app.kpis.of_customers import OF_CUSTOMERS_KPIS
from app.kpis.of_sales import OF_SALES_KPIS
from app.kpis.of_service import OF_SERVICE_KPIS

KPIS: Final[tuple[Kpi, ...]] = (*OF_SALES_KPIS, *OF_CUSTOMERS_KPIS, *OF_SERVICE_KPIS)

REASONS: Final[Mapping[Reason, tuple[str, str]]] = {
    "no_customers_at_start": ("There were no customers at the start.", "期初没有客户。"),
    "no_customers": ("No known person ordered.", "没有已识别客户下单。"),
    "no_orders": ("There were no orders.", "没有订单。"),
    "no_sales": ("There were no sales.", "没有销售额。"),
    "no_visits": ("No known person visited.", "没有已识别客户到访。"),
    "no_answers": ("Nobody answered.", "没有反馈。"),
    "no_cases": ("There were no such service cases.", "没有相应的服务工单。"),
    "no_costs": ("Not all days have acquisition costs: put them.", "并非每天都有获客成本，请先录入。"),
    "no_new_customers": ("There were no new customers.", "没有新客户。"),
    "not_scored_then": ("No scores were published by then, or newer ones took their place.", "当时尚无已发布的评分。"),
    "not_by_this": ("It is not told by this.", "该指标不按此维度统计。"),
    "events_have_left": ("Some of its events were not kept for so long.", "部分事件已超过保留期限，不再可计。"),
    "before_the_first_event": ("It is before the first event on record.", "早于首个事件记录。"),
}
"""English and Chinese."""
