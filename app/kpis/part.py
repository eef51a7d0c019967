"""KPIs as the service runs them."""

from app.http.resources import Part
from app.kpis import cohorts_router, costs_router, revenue_router, router, stage_series_router
from app.kpis.schemas import CostIn

PART = Part(
    "kpis",
    routers=(
        router.router,
        cohorts_router.router,
        revenue_router.router,
        stage_series_router.router,
        costs_router.router,
        costs_router.hot_router,
    ),
    schemas=(CostIn,),
)
