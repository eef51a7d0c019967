"""How trade goes through a country's year, as its statistics office publishes it: a prior for the season of a shop
that has not seen one.

Turnover a day, by month, not seasonally adjusted. Moving feasts are spread over their months.

    GB  Office for National Statistics, Retail Sales bulletins: average weekly spend in 2014, £bn (November: 2013)
    US  Census Bureau, Adjustment Factors for Monthly Retail Trade: retail sales, total, July 2011 to June 2012
    DE  Statistisches Bundesamt, turnover in retail trade at current prices, original values of 2009, 2005 = 100
    CN  National Bureau of Statistics, total retail sales of consumer goods in 2019, bn yuan; January and February
        are published as one

What a shop sells follows its country's year early or late and more or less: who supplies other shops sells Christmas
in October. So the change of trade is told at several leads, and how much of each is this shop's is learnt.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_MONTH_DAYS: Final = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_WEEKLY_GB: Final = (6.4, 6.5, 6.8, 7.0, 6.9, 7.0, 7.0, 6.9, 6.8, 7.1, 7.6, 9.0)
_FACTORS_US: Final = (0.898, 0.929, 1.032, 0.983, 1.052, 1.016, 0.996, 1.023, 0.961, 0.966, 1.004, 1.172)
_TURNOVER_DE: Final = (92.2, 86.6, 98.3, 102.9, 98.0, 94.2, 99.4, 93.6, 97.5, 105.0, 100.5, 119.3)
_EARLY_CN: Final = 6_606.4 / 59.25
_SALES_CN: Final = (3_172.6, 3_058.6, 3_295.6, 3_387.8, 3_307.3, 3_389.6, 3_449.5, 3_810.4, 3_809.4, 3_877.7)

A_DAY: Final[dict[str, Floats]] = {
    "GB": np.array(_WEEKLY_GB),
    "US": np.array(_FACTORS_US) / _MONTH_DAYS,
    "DE": np.array(_TURNOVER_DE) / _MONTH_DAYS,
    "CN": np.concatenate([[_EARLY_CN, _EARLY_CN], np.array(_SALES_CN) / _MONTH_DAYS[2:]]),
}
"""Country → turnover a day in each month, (12,), in any unit."""
COUNTRIES: Final = tuple(A_DAY)
LEADS_DAYS: Final = (0, 30, 60)
"""A shop sells so much earlier than its country."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def changes_of_trade(country: str, days: ArrayLike, horizon_days: int) -> Floats:
    """(leads, k): at days since 1970 (k,), the logarithm of trade in `[day, day + horizon)` over that in the same span
    before it, each so much later as the lead says.

    Against the span before, since silence and pace of the customers, from which a model foretells, are of that time.
    """
    at = np.asarray(days, np.float64).astype(np.int64)
    first = int(at.min()) - horizon_days
    last = int(at.max()) + max(LEADS_DAYS) + horizon_days
    summed = np.concatenate([[0.0], np.cumsum(A_DAY[country][_months(range(first, last))])])

    def trade(start: NDArray[np.int64]) -> Floats:
        return np.asarray(summed[start - first + horizon_days] - summed[start - first])

    return np.array([np.log(trade(at + lead) / trade(at + lead - horizon_days)) for lead in LEADS_DAYS])


def _months(days: Sequence[int]) -> list[int]:
    return [(_EPOCH + timedelta(days=day)).month - 1 for day in days]
