"""KPIs: all of them beside the periods before, or one of them by day, stage, store …"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, get_args

from fastapi import APIRouter
from starlette.responses import Response

from app.console.api import Query, write_call
from app.console.charts import draw_bars, draw_gains, draw_line
from app.console.days import ago, read_day
from app.console.figures import figure_of
from app.console.pages import PageRequest, PageRoute
from app.console.sheets import write_sheet
from app.console.terms import name_term
from app.kpis.catalogue import KPIS
from app.kpis.definitions import BYS, SERIES, By
from app.kpis.revenue_told import ComparedWith

PATH: Final = "/v1/kpis"
PERIODS_DAYS: Final = (30, 90, 365)
USUAL_DAYS: Final = 30
USUAL_KPI: Final = "sales"
MOST_BARS: Final = 20
TREE: Final = f"{PATH}/revenue-tree"
COMPARED: Final[tuple[str, ...]] = get_args(ComparedWith)
UNITS: Final = {"customers": "count", "frequency": "per_customer", "orders": "count", "basket_value": "money"}
"""Of the drivers of the revenue tree."""
_COLUMNS: Final = ("value", "numerator", "denominator", "reason")

router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


class Asked(NamedTuple):
    """What the form says: days of the deployment's time zone, `last` the last one."""

    first: date
    last: date | None
    by: By
    kpi: str

    def query(self) -> Query:
        """As the API is asked."""
        until = None if self.last is None else (self.last + timedelta(1)).isoformat()
        return {"from": self.first.isoformat(), "to": until, "by": self.by}

    def tree(self, compared_with: str) -> Query:
        """As the revenue tree is asked for."""
        return {**{name: told for name, told in self.query().items() if name != "by"}, "compared_with": compared_with}

    def form(self) -> Query:
        """As this page is asked for the same."""
        last = None if self.last is None else self.last.isoformat()
        return {"from": self.first.isoformat(), "to": last, "by": self.by, "kpi": self.kpi}


@router.get("/kpis")
async def get_kpis(request: PageRequest) -> Response:
    """The form; what it asks for is counted for a fragment."""
    asked, told = _read(request), await request.api.get(f"{PATH}/definitions")
    return await request.draw(
        "kpis.html",
        asked=asked,
        bys=BYS,
        kpis=told["kpis"],
        periods=[(days, ago(days - 1, request.formats.zone).isoformat()) for days in PERIODS_DAYS],
        fragment=write_call("/console/kpis/table", asked.form()),
        trees=[write_call("/console/kpis/tree", asked.tree(each)) for each in COMPARED] if asked.by == "all" else [],
    )


@router.get("/kpis/table")
async def get_table(request: PageRequest) -> Response:
    """What is asked for, with its chart: a fragment."""
    asked, told = _read(request), await request.api.get(f"{PATH}/definitions")
    answer = await request.api.get(PATH, asked.query())
    common: dict[str, Any] = {
        "asked": asked,
        "told": answer,
        "reasons": {each["reason"]: each[request.language] for each in told["reasons"]},
        "call": write_call(PATH, asked.query()),
        "sheet": write_call("/console/kpis.csv", asked.form()),
    }
    if asked.by == "all":
        (row,) = answer["rows"]
        rows = [(each, figure_of(each["unit"], each["better"], row["kpis"][each["kpi"]])) for each in told["kpis"]]
        return await request.draw("kpis_all.html", rows=rows, row=row, **common)
    (kpi,) = (each for each in told["kpis"] if each["kpi"] == asked.kpi)
    figures = [(row, figure_of(kpi["unit"], kpi["better"], row["kpis"][asked.kpi])) for row in answer["rows"]]
    values = [figure.value["value"] for _, figure in figures]
    before = [figure.value["year_before"]["value"] for _, figure in figures]
    return await request.draw(
        "kpis_one.html",
        kpi=kpi,
        figures=figures,
        is_series=asked.by in SERIES,
        lines=draw_line([values, before]),
        bars=list(zip(figures[:MOST_BARS], draw_bars([value or 0.0 for value in values[:MOST_BARS]]), strict=True)),
        **common,
    )


@router.get("/kpis/tree")
async def get_tree(request: PageRequest) -> Response:
    """Which driver moved sales: a fragment."""
    query = _read_tree(request)
    told, words = await request.api.get(TREE, query), await request.api.get(f"{PATH}/definitions")
    names = {kind: partial(name_term, request.language, kind) for kind in ("branch", "driver")}
    moved = [
        (f"{names['branch'](branch['branch'])}: {names['driver'](driver['driver'])}", driver["change"])
        for branch in told["branches"]
        for driver in branch["drivers"]
        if driver["change"]
    ]
    places = draw_gains([change for _, change in moved])
    return await request.draw(
        "kpis_tree.html",
        told=told,
        bars=[(*each, *place) for each, place in zip(moved, places, strict=True)],
        units=UNITS,
        reasons={each["reason"]: each[request.language] for each in words["reasons"]},
        call=write_call(TREE, query),
        sheet=write_call("/console/kpis/tree.csv", query),
    )


@router.get("/kpis/tree.csv")
async def get_tree_sheet(request: PageRequest) -> Response:
    """Every driver of every branch."""
    told = await request.api.get(TREE, _read_tree(request))
    names = ("before", "value", "change")
    rows = []
    for branch in told["branches"]:
        rows.append([branch["branch"], None, *(branch[name] for name in names)])
        rows += [[branch["branch"], each["driver"], *(each[name] for name in names)] for each in branch["drivers"]]
    return write_sheet("revenue-tree", ("branch", "driver", *names), rows)


def _read_tree(request: PageRequest) -> Query:
    """As it was asked for; what the API refuses, it does."""
    given = request.query_params
    return {name: given.get(name) for name in ("from", "to", "compared_with")}


@router.get("/kpis.csv")
async def get_sheet(request: PageRequest) -> Response:
    """Every KPI of every row."""
    asked = _read(request)
    answer = await request.api.get(PATH, asked.query())
    names = [*_COLUMNS, *(f"{then}_{name}" for then in ("previous", "year_before") for name in _COLUMNS)]
    rows = (
        [row["key"], row["from"], row["to"], name, *_cells(kpi), *_cells(kpi["previous"]), *_cells(kpi["year_before"])]
        for row in answer["rows"]
        for name, kpi in row["kpis"].items()
    )
    return write_sheet("kpis", ["key", "from", "to", "kpi", *names], rows)


def _cells(value: Mapping[str, Any]) -> Sequence[Any]:
    return [value[name] for name in _COLUMNS]


def _read(request: PageRequest) -> Asked:
    """What the form says, or the usual. Raises Malformed; what the API refuses, it does."""
    query = request.query_params
    first, last = (read_day(query.get(name)) for name in ("from", "to"))
    by: By = next((each for each in BYS if each == query.get("by")), "all")
    kpi = next((each.name for each in KPIS if each.name == query.get("kpi")), USUAL_KPI)
    return Asked(first or ago(USUAL_DAYS - 1, request.formats.zone), last, by, kpi)
