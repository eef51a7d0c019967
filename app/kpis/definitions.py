"""What a KPI is: a quotient of sums of measures, declared once with its words.

Measures are what `app.kpis.queries` counts in a period. Their names end in their unit where they are no counts:
`_minor` for money, `_us` for time. A formula is data, so that a page can show it and nothing can compute it otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, get_args

By = Literal["all", "day", "week", "month", "stage", "store", "channel", "category", "tier"]
Series = Literal["day", "week", "month"]
BYS: Final[tuple[By, ...]] = get_args(By)
SERIES: Final[tuple[Series, ...]] = get_args(Series)
IN_TIME: Final = frozenset[By](("all", *SERIES))
OF_CUSTOMERS: Final = IN_TIME | frozenset[By](("stage", "tier"))
OF_CASES: Final = OF_CUSTOMERS | frozenset[By](("channel",))
OF_PLACES: Final = OF_CASES | frozenset[By](("store",))
EVERY: Final = frozenset(BYS)

Unit = Literal["share", "money", "count", "per_customer", "hours", "net_promoters", "points"]
Better = Literal["up", "down"]
Reason = Literal[
    "no_customers_at_start",
    "no_customers",
    "no_orders",
    "no_sales",
    "no_visits",
    "no_answers",
    "no_cases",
    "no_costs",
    "no_new_customers",
    "not_scored_then",
    "not_by_this",
    "before_the_first_event",
    "events_have_left",
]
Kind = Literal["order", "visit", "feedback", "points"]
"""Of events: what leaves the log together."""
Measures = Mapping[str, float]
Sum = Mapping[str, int]
"""Measure → how often it is added."""

_HOUR_US: Final = 3_600_000_000


class Words(NamedTuple):
    """What it is called, and what it says, in a language."""

    label: str
    definition: str


class Kpi(NamedTuple):
    """`factor` · `numerator` / `denominator`; without a denominator the numerator alone.

    `by`: what it is told by. `without`: why it is not defined where the denominator is 0. `needs`: a measure that may
    not be known, and why it is not. `better` None: neither more nor less is better by itself.
    `of`: the kinds of events that it is counted from. `looks_back`: by how long someone is a customer, too.
    """

    name: str
    unit: Unit
    better: Better | None
    numerator: Sum
    denominator: Sum | None
    by: frozenset[By]
    en: Words
    zh: Words
    without: Reason | None = None
    needs: tuple[str, Reason] | None = None
    factor: int = 1
    of: tuple[Kind, ...] = ("order",)
    looks_back: bool = False

    @property
    def formula(self) -> str:
        """As it is written: `retained / customers_at_start`."""
        above = _write(self.numerator)
        if self.denominator is None:
            return above
        factor = f"{self.factor} * " if self.factor != 1 else ""
        return f"{factor}{_bracket(above)} / {_bracket(_write(self.denominator))}"


class Value(NamedTuple):
    """What a KPI comes to. `value` None: it is not defined, for the `reason`. Money in major units, time in hours."""

    value: float | None
    numerator: float | None
    denominator: float | None
    reason: Reason | None


def _write(terms: Sum) -> str:
    first, *others = [f"{'-' if weight < 0 else '+'} {name}" for name, weight in terms.items()]
    return " ".join([first.removeprefix("+ "), *others])


def _bracket(text: str) -> str:
    return f"({text})" if " " in text else text


def evaluate(kpi: Kpi, by: By, measures: Measures, digits: int) -> Value:
    """Of what was counted in a period; what is not there was nothing. `digits`: of the currency's minor unit."""
    if by not in kpi.by:
        return undefined("not_by_this")
    numerator = _add(kpi.numerator, measures, digits)
    denominator = None if kpi.denominator is None else _add(kpi.denominator, measures, digits)
    if kpi.needs is not None and kpi.needs[0] not in measures:
        return Value(None, None, denominator, kpi.needs[1])
    if denominator is None:
        return Value(numerator, numerator, None, None)
    if denominator <= 0:
        return Value(None, numerator, denominator, kpi.without)
    return Value(round(kpi.factor * numerator / denominator, 6), numerator, denominator, None)


def undefined(reason: Reason) -> Value:
    """Nothing is known of it."""
    return Value(None, None, None, reason)


def _add(terms: Sum, measures: Measures, digits: int) -> float:
    """Integers are added before anything is divided, so that sums are exact."""
    (per,) = {_per(name, digits) for name in terms}
    total = sum(weight * measures.get(name, 0) for name, weight in terms.items())
    return total if per == 1 else round(total / per, 6)


def _per(name: str, digits: int) -> int:
    """So many of the measure's unit are one of what is told."""
    if name.endswith("_minor"):
        return int(10**digits)
    return _HOUR_US if name.endswith("_us") else 1


def evaluate_all(kpis: Sequence[Kpi], by: By, measures: Measures, digits: int) -> dict[str, Value]:
    """Name → what it comes to."""
    return {kpi.name: evaluate(kpi, by, measures, digits) for kpi in kpis}
