"""Whether what is said to be sold of items is sold: units within some days, against what came, at many cut-offs.

Everything is learned before a cut-off: clocks, and from the forecasts at earlier cut-offs whose days were over by then,
how much clocks count and how wide intervals are. The comparators are what a buyer does without: `same_weekdays`, the
average of the last eight weeks; `four_weeks`, the mean of the last four; `last_year`, the same days of last year.
`clocks` and `late_sales` are the two forecasts that ours is blended of.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.lifecycle.clocks.demand import COVERAGE, YEAR_DAYS, Expected, average_weekdays
from app.lifecycle.events import DAY_US
from app.lifecycle.features import Floats
from ml.data.columns import UnusableTransactions
from ml.data.file_reading import AS_IT_IS, FileReading
from ml.data.purchases import Purchases, read_purchases
from ml.data.unit_sales import count_units
from ml.learning.clocks import TooFewPurchases, fit_clock
from ml.learning.demand import PACES, Forecasts, blend, classes_of, fit_demand, join_forecasts
from ml.learning.foretelling import foretell_units, look_out

OURS: Final = "perennial"
LEARNING: Final = 4
"""Cut-offs that are not judged: the first that is judged learns from them."""
_SPACED_DAYS: Final = 28
_FOUR_WEEKS: Final = 28
Say = Callable[[str], None]


class Judged(NamedTuple):
    """Of the items that were known at one cut-off, (n,) each: what was said and by whom, and what came."""

    forecasts: Forecasts
    others: Mapping[str, Floats]
    """NaN where the record does not reach back."""

    def keep(self, which: NDArray[np.bool_]) -> "Judged":
        """Of some."""
        return Judged(self.forecasts.keep(which), {name: each[which] for name, each in self.others.items()})


def evaluate_demand(
    data: Path,
    *,
    horizon_days: int = 7,
    cutoffs: int = 6,
    reading: FileReading = AS_IT_IS,
    currency: str = "CNY",
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """The figures, as `perennial evaluate demand --json` prints them, at cut-offs 28 days apart. Raises
    UnusableTransactions for a file that says too little."""
    purchases = read_purchases(data, say, reading, currency)
    try:
        return judge_demand(purchases, horizon_days, cutoffs, say)
    except TooFewPurchases as error:
        raise UnusableTransactions(f"{data.name}: {error}") from error


def judge_demand(purchases: Purchases, horizon_days: int, cutoffs: int, say: Say = lambda _: None) -> dict[str, Any]:
    """The figures of all cut-offs together, by class of items, and of each. Raises TooFewPurchases."""
    last = float(np.floor(purchases.days.max())) + 1 - horizon_days
    days = [last - max(_SPACED_DAYS, horizon_days) * back for back in range(cutoffs + LEARNING)][::-1]
    past: list[Judged] = []
    said: list[Expected] = []
    for number, day in enumerate(days):
        judged = foretell(purchases, day, horizon_days)
        if number >= LEARNING:
            tables = fit_demand(join_forecasts([each.forecasts for each in past]))
            said.append(blend(tables, judged.forecasts))
        past.append(judged)
        say(f"{_date(day)}: {len(judged.forecasts.came):,} items foretold.")
    tested = past[LEARNING:]
    return {
        "n": sum(len(each.forecasts.came) for each in tested),
        "method": f"units of items within {horizon_days} days, learned before each cut-off",
        "horizon_days": horizon_days,
        **_figures(tested, said),
        "classes": _by_class(tested, said),
        "weights": list(fit_demand(join_forecasts([each.forecasts for each in past])).weights),
        "cutoffs": [
            {"cutoff": _date(day), **_figures([each], [ours])}
            for day, each, ours in zip(days[LEARNING:], tested, said, strict=True)
        ],
    }


def foretell(purchases: Purchases, day: float, horizon_days: int) -> Judged:
    """Of whatever was bought before a day. Raises TooFewPurchases."""
    orders = purchases.as_orders()
    clocks = fit_clock(purchases, day, orders)
    seen = look_out(purchases, orders, day)
    forecasts = foretell_units(seen, clocks, purchases, horizon_days)
    late, known = seen.late, seen.known
    begin = float(np.floor(purchases.days.min()))
    year_ago = day - YEAR_DAYS
    last_year = count_units(purchases, year_ago, year_ago + horizon_days)
    others = {
        "same_weekdays": average_weekdays(late.told, late.sold_days, horizon_days),
        "four_weeks": late.told[:, :_FOUR_WEEKS].sum(axis=1) / np.minimum(late.sold_days, _FOUR_WEEKS) * horizon_days,
        "last_year": last_year if year_ago >= begin else np.full(len(known), np.nan),
    }
    return Judged(forecasts, others).keep(known)


def _figures(judged: list[Judged], ours: list[Expected]) -> dict[str, Any]:
    """Absolute errors and what they are of the units that came; `bias` is all that was said over that, less 1."""
    forecasts, units = (
        join_forecasts([each.forecasts for each in judged]),
        np.concatenate([each.units for each in ours]),
    )
    said = {OURS: units, "clocks": forecasts.clocks, "late_sales": forecasts.late}
    said |= {name: np.concatenate([each.others[name] for each in judged]) for name in judged[0].others}
    low, high = (np.concatenate([getattr(each, name) for each in ours]) for name in ("low", "high"))
    return {
        "units": float(forecasts.came.sum()),
        "models": {name: _errors(each, forecasts.came) for name, each in said.items()},
        "interval": _coverage(np.floor(low), np.ceil(high), forecasts),
    }


def _errors(said: Floats, came: Floats) -> dict[str, float | None]:
    units = float(came.sum())
    if np.isnan(said).any() or not units:
        return {"absolute_error": None, "wape": None, "bias": None}
    error = float(np.abs(said - came).sum())
    return {"absolute_error": error, "wape": error / units, "bias": float(said.sum()) / units - 1.0}


def _coverage(low: Floats, high: Floats, forecasts: Forecasts) -> dict[str, float | None]:
    """`held`: the share of items that came within; `held_of_sold`, of those that had sold in the last LATE_DAYS."""
    within, is_sold = (low <= forecasts.came) & (forecasts.came <= high), forecasts.late > 0
    return {
        "coverage": COVERAGE,
        "held": float(within.mean()) if len(within) else None,
        "held_of_sold": float(within[is_sold].mean()) if is_sold.any() else None,
        "below": float((forecasts.came < low)[is_sold].mean()) if is_sold.any() else None,
        "above": float((forecasts.came > high)[is_sold].mean()) if is_sold.any() else None,
    }


def _by_class(judged: list[Judged], ours: list[Expected]) -> list[dict[str, Any]]:
    found = []
    bounds = [0.0, *PACES, None]
    for number, (begin, end) in enumerate(pairwise(bounds)):
        which = [classes_of(each.forecasts) == number for each in judged]
        some = [each.keep(rows) for each, rows in zip(judged, which, strict=True)]
        theirs = [Expected(*(part[rows] for part in each)) for each, rows in zip(ours, which, strict=True)]
        count = int(sum(rows.sum() for rows in which))
        figures = _figures(some, theirs) if count else {}
        found.append({"purchases_a_week": [begin, end], "n": count, **figures})
    return found


def _date(day: float) -> str:
    return datetime.fromtimestamp(day * DAY_US / 1e6, UTC).date().isoformat()
