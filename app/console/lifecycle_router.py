"""Lifecycle: customers by stage at two times, and how they went from one to the other."""

from datetime import date
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import Response

from app.console.api import Query, write_call
from app.console.charts import draw_bars, draw_flows, draw_line
from app.console.days import ago, midnight, read_day
from app.console.pages import PageRequest, PageRoute
from app.console.sheets import write_sheet
from app.kpis.periods import months_before, next_month
from app.stages.service import STAGES

PERIODS_DAYS: Final = (30, 90, 365)
USUAL_DAYS: Final = 90
PATH: Final = "/v1/stages"
MONTHS: Final = "/v1/kpis/stages"
COHORTS: Final = "/v1/kpis/cohorts"
SPANS_MONTHS: Final = (6, 12, 24, 36)
USUAL_MONTHS: Final = 12
HEATS: Final = 8
"""Colours of the map of cohorts: the strongest is of a half and more."""
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
        months=_read_span(request),
        spans=SPANS_MONTHS,
        flows=draw_flows(told["flows"], order),
        call=write_call(PATH, period.query()),
    )


@router.get("/lifecycle/months")
async def get_months(request: PageRequest) -> Response:
    """Stages at the ends of months: a fragment."""
    query = _read_months(request)
    told = await request.api.get(MONTHS, query)
    return await request.draw(
        "lifecycle_months.html",
        told=told,
        stages=STAGES,
        lines=draw_line([[float(month["stages"][stage]) for month in told["months"]] for stage in STAGES]),
        call=write_call(MONTHS, query),
        sheet=write_call("/console/lifecycle/months.csv", {"months": _read_span(request)}),
    )


@router.get("/lifecycle/months.csv")
async def get_months_csv(request: PageRequest) -> Response:
    """The same."""
    told = await request.api.get(MONTHS, _read_months(request))
    rows = ([month["month"], month["at"], *(month["stages"][stage] for stage in STAGES)] for month in told["months"])
    return write_sheet("stages-by-month", ("month", "at", *STAGES), rows)


@router.get("/lifecycle/cohorts")
async def get_cohorts(request: PageRequest) -> Response:
    """Retention by month of first order, as a map: a fragment."""
    query = _read_months(request)
    told = await request.api.get(COHORTS, query)
    rows = [(cohort, [(each, _heat(each["retention"])) for each in cohort["months"]]) for cohort in told["cohorts"]]
    return await request.draw(
        "lifecycle_cohorts.html",
        rows=rows,
        afters=range(max((len(cells) for _, cells in rows), default=0)),
        call=write_call(COHORTS, query),
        sheet=write_call("/console/lifecycle/cohorts.csv", {"months": _read_span(request)}),
    )


@router.get("/lifecycle/cohorts.csv")
async def get_cohorts_csv(request: PageRequest) -> Response:
    """The same."""
    told = await request.api.get(COHORTS, _read_months(request))
    names = ("month", "after", "customers", "retention", "sales", "is_complete")
    rows = (
        [cohort["month"], *(each[name] for name in names)] for cohort in told["cohorts"] for each in cohort["months"]
    )
    return write_sheet("cohorts", ("cohort", *names), rows)


def _read_span(request: PageRequest) -> int:
    """How many months are shown: what the form says, or the usual."""
    asked = request.query_params.get("months")
    return next((months for months in SPANS_MONTHS if str(months) == asked), USUAL_MONTHS)


def _heat(share: float | None) -> int:
    """A colour of 0 to HEATS; who has just come is all of them, and has none."""
    return 0 if share is None or share == 1 else min(int(share * 2 * HEATS + 0.5), HEATS)


def _read_months(request: PageRequest) -> Query:
    """The last so many months, the one that is not over among them."""
    months = _read_span(request)
    this = ago(0, request.formats.zone).replace(day=1)
    return {"from": months_before(this, months - 1).isoformat(), "to": next_month(this).isoformat()}


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
