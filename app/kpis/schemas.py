"""KPIs on the wire. Money in major units of the currency, time in hours. Days are of the deployment's time zone."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.kpis.asking import Day
from app.kpis.definitions import Better, By, Reason, Unit
from app.kpis.periods import WeekStart
from app.lifecycle.stages import Stage


class PeriodOut(BaseModel):
    """Days: `to` is the day after the last."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[str, Field(alias="from")]
    to: str


class ValueOut(BaseModel):
    """`value` null: it is not defined, for the `reason`. `denominator` null: it has none."""

    value: float | None
    numerator: float | None
    denominator: float | None
    reason: Reason | None


class KpiOut(ValueOut):
    """Beside those of the period before, and of the year before."""

    previous: ValueOut
    year_before: ValueOut


class KpisRowOut(PeriodOut):
    """`key`: the first day of the day, week or month; else the stage, store …; null: of none, or of all.

    `is_complete` false: it is not over yet."""

    key: str | None
    is_complete: bool
    previous: PeriodOut
    year_before: PeriodOut
    kpis: dict[str, KpiOut]


class KpisOut(PeriodOut):
    """`customer_days`: how long after an order someone is a customer. `left_out`: of how many no row is told."""

    by: By
    time_zone: str
    week_start: WeekStart
    currency: str
    customer_days: int
    first_response_hours: float
    as_of: str
    rows: list[KpisRowOut]
    left_out: int


class KpiWordsOut(BaseModel):
    """What a KPI is called, and what it says."""

    label: str
    definition: str


class KpiDefinitionOut(BaseModel):
    """`formula` is of what is counted: names that end in `_minor` are money, in `_us` time. `better` null: neither more
    nor less is."""

    kpi: str
    unit: Unit
    better: Better | None
    formula: str
    by: list[By]
    en: KpiWordsOut
    zh: KpiWordsOut


class UndefinedOut(BaseModel):
    """Why a KPI is not defined, in words."""

    reason: Reason
    en: str
    zh: str


class KpiDefinitionsOut(BaseModel):
    """In the order in which they are told."""

    kpis: list[KpiDefinitionOut]
    reasons: list[UndefinedOut]


class CohortMonthOut(BaseModel):
    """`after`: so many months after the first order. `customers` of the cohort have an order in it; `retention`: their
    share; null: the cohort has nobody. `sales`: what they paid, of orders that were not given back whole."""

    month: str
    after: int
    customers: int
    retention: float | None
    sales: float
    is_complete: bool


class CohortOut(BaseModel):
    """Persons whose first order of all is of the `month`."""

    month: str
    customers: int
    months: list[CohortMonthOut]


class CohortsOut(PeriodOut):
    """The first month first; months that have not begun are left out."""

    time_zone: str
    currency: str
    as_of: str
    cohorts: list[CohortOut]


class StageMonthOut(BaseModel):
    """Customers of each stage at the end of a month, `at`; of one that is not over, as of now."""

    month: str
    at: str
    is_complete: bool
    stages: dict[Stage, int]


class StageSeriesOut(PeriodOut):
    """The first month first; months that have not begun are left out. Of the changes up to the last end so many were
    `computed_afterwards`."""

    time_zone: str
    as_of: str
    months: list[StageMonthOut]
    computed_afterwards: int


class CostOut(PeriodOut):
    """`channel` null: of none by itself."""

    channel: str | None
    amount: float
    changed_at: str
    changed_by: str


class CostsOut(BaseModel):
    """In the order of time."""

    currency: str
    costs: list[CostOut]


class CostIn(BaseModel):
    """What was spent to acquire customers from a day to the day before another, each day alike. `amount` null: what was
    put is taken back. Without a `channel` it is of none by itself."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Day, Field(alias="from")]
    to: Day
    channel: Annotated[str | None, Field(min_length=1, max_length=256)] = None
    amount: Annotated[float | None, Field(ge=0, le=1e10, strict=True, allow_inf_nan=False)]
