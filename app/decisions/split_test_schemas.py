"""Tests of two sides on the wire. Money in margin, major units of the currency."""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.decisions.effects_schemas import DifferenceOut, SampleRatioOut
from app.foundation.times import to_us
from app.http.times import Time
from app.lifecycle.events import DAY_US
from app.lifecycle.json_schema import A_VALUE, having, lacking, rules, where
from app.lifecycle.measures import Channel
from app.lifecycle.split_readings import Metric
from app.lifecycle.split_tests import Side

MOST_DAYS = 366
Share = Annotated[float, Field(gt=0, le=1)]


_ACTION: Final = having({"action_id": A_VALUE})
_RULES: Final = rules(
    where({"a": _ACTION}, having({"b": _ACTION}), {"properties": {"b": lacking("action_id")}}),
    where({"metric": {"not": {"const": "bought"}}}, {}, {"properties": {"looked_for": {"exclusiveMaximum": 1}}}),
)


class SplitTestIn(BaseModel):
    """What is compared, of whom, for how long, by what, and the difference that is to be found if it is there."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_RULES)

    title: Annotated[str, Field(max_length=200)] = ""
    a: Side = Side()
    b: Side
    starts_at: Time | None = None
    """Not told: now."""
    ends_at: Time
    share: Share = 1.0
    """Of the persons of the learner's arm and of the control group that take part."""
    split: Annotated[float, Field(ge=0.01, le=0.99)] = 0.5
    """Of those who take part, how many are of side b."""
    channels: Annotated[tuple[Channel, ...], Field(max_length=9)] = ()
    """None: all."""
    metric: Metric = "bought"
    looked_for: Annotated[float, Field(ge=1e-6, le=1e9)]
    """The least difference that matters: of shares who bought, of margin a person or an order, or of orders a visit."""
    window_days: Annotated[int, Field(ge=1, le=90)] | None = None
    """How long after a person's first decision what comes counts; not told: the attribution window."""
    deviation: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """Standard deviation of the metric over persons; not told: as it was of late."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.a == self.b:
            raise ValueError("the sides are the same")
        if (self.a.action_id is None) != (self.b.action_id is None) or (
            self.a.action_id is not None and self.a.action_id == self.b.action_id
        ):
            raise ValueError("both sides are an action, each another, or both a policy")
        if self.metric == "bought" and self.looked_for >= 1:
            raise ValueError("looked_for is of shares: .03 are three more buyers of a hundred")
        if self.starts_at is not None and not 0 < to_us(self.ends_at) - to_us(self.starts_at) <= MOST_DAYS * DAY_US:
            raise ValueError(f"a test lasts up to {MOST_DAYS} days")
        return self

    @property
    def action_ids(self) -> tuple[str, str] | None:
        """Of the sides; None: they are policies."""
        one, other = self.a.action_id, self.b.action_id
        return None if one is None or other is None else (one, other)


class PairOut(BaseModel):
    a: int
    b: int


class SampleOut(BaseModel):
    """What was told when the test was put. `least` persons of each side show the difference that is looked for in four
    of five tests, if it is there; `expected` are to come at the pace of late. `deviation` is that of the metric over
    persons, as it was told, as it was of late (`history`), or, of who buys, at the worst (`worst_case`); null: it is
    not known, nor then what is needed."""

    least: PairOut | None
    expected: PairOut
    is_enough: bool | None
    deviation: float | None
    deviation_from: Literal["told", "history", "worst_case"] | None


class SideOut(BaseModel):
    """`persons` took part, of whom `counted` have had the whole window; `rate` of these bought in it, and `value` is
    what a person brought, less what the actions cost that they responded to; `value_per_order` is the margin of an
    order, and `orders_per_visit` the orders to each visit, look, basket line or search. Null: nobody, or none."""

    side: Literal["a", "b"]
    decisions: int
    persons: int
    counted: int
    buyers: int
    rate: float | None
    value: float | None
    value_per_order: float | None
    orders_per_visit: float | None


class FixedOut(BaseModel):
    """Side b less side a, read once: `is_final` false, it is not to be believed yet, or ever. `adjusted` is the same
    less what the time before foretells (CUPED); null: that foretells nothing, or the metric is a ratio."""

    is_final: bool
    difference: DifferenceOut | None
    adjusted: DifferenceOut | None


class AnyTimeOut(DifferenceOut):
    """Side b less side a, as often as anybody looks."""

    is_certain: bool


Warned = Literal["horizon_not_reached", "ended_early", "few_persons", "sample_ratio_mismatch"]
Status = Literal["planned", "running", "waiting", "complete"]


class SplitTestOut(BaseModel):
    """A test as it was put, with what is left out filled in. `status`: `waiting` is for the windows of those who came
    last."""

    test_id: str
    status: Status
    title: str
    a: Side
    b: Side
    starts_at: str
    ends_at: str
    planned_end: str
    reads_at: str
    share: float
    split: float
    channels: list[Channel]
    metric: Metric
    looked_for: float
    window_days: int
    sample: SampleOut
    changed_at: str
    changed_by: str


class SplitTestListOut(BaseModel):
    tests: list[SplitTestOut]


class SplitTestReadingOut(SplitTestOut):
    """What it says. `any_time` null: fewer than 100 are counted of a side."""

    currency: str
    sides: list[SideOut]
    sample_ratio: SampleRatioOut
    fixed: FixedOut
    any_time: AnyTimeOut | None
    warnings: list[Warned]
    summary: str
