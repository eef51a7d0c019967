"""Lifecycle: customers by stage at two times, and how they went from one to the other."""

from datetime import date
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import Response

from app.console.api import write_call
from app.console.charts import draw_bars, draw_flows
from app.console.days import ago, midnight, read_day
from app.console.pages import PageRequest, PageRoute
from app.console.sheets import write_sheet

PERIODS_DAYS: Final = (30, 90, 365)
USUAL_DAYS: Final = 90
PATH: Final = "/v1/stages"
_NONE: Final = "none"

router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


class Period(NamedTuple):
    """From the beginning of a day to the beginning of another, or to now, in the deployment's time zone."""

    first: date
    last: date | None
    zone: ZoneInfo

    def query(self) -> dict[str, str | int | None]:
        """As the API is asked."""
        last = None if self.last is None else midnight(self.last, self.zone)
        return {"from": midnight(self.first, self.zone), "to": last}


@router.get("/lifecycle")
async def get_lifecycle(request: PageRequest) -> Response:
    """Both times side by side, and the flows between them."""
    period = _read_period(request)
    told = await request.api.get(PATH, period.query())
    order = (_NONE, *(each["stage"] for each in told["stages"]))
    counts = [each[name] for each in told["stages"] for name in ("customers_from", "customers_to")]
    widths = draw_bars(counts)
    return await request.draw(
        "lifecycle.html",
        told=told,
        period=period,
        periods=[(days, ago(days, period.zone).isoformat()) for days in PERIODS_DAYS],
        bars=list(zip(told["stages"], widths[::2], widths[1::2], strict=True)),
        total=sum(counts),
        flows=draw_flows(told["flows"], order),
        call=write_call(PATH, period.query()),
    )


@router.get("/lifecycle/stages.csv")
async def get_stages_csv(request: PageRequest) -> Response:
    """Customers by stage."""
    told = await request.api.get(PATH, _read_period(request).query())
    return _sheet("stages", ("stage", "customers_from", "customers_to"), told["stages"])


@router.get("/lifecycle/flows.csv")
async def get_flows_csv(request: PageRequest) -> Response:
    """Flows between stages."""
    told = await request.api.get(PATH, _read_period(request).query())
    return _sheet("flows", ("from", "to", "customers"), told["flows"])


def _sheet(name: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> Response:
    return write_sheet(name, columns, ([row[column] for column in columns] for row in rows))


def _read_period(request: PageRequest) -> Period:
    """What the form says, or the usual one. Raises Malformed."""
    zone = request.formats.zone
    first, last = (read_day(request.query_params.get(name)) for name in ("from", "to"))
    return Period(first or ago(USUAL_DAYS, zone), last, zone)
