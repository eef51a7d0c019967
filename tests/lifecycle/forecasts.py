"""Forecasts of many rows, told one after the other."""

from app.lifecycle.scorer import Forecast
from app.lifecycle.targets import OTHERS


def forecast_each(card, rows, as_of_us):
    """Of (n, features): what `forecast_one` says of each, made of columns; None for a target that it does not know."""
    columns = zip(*(column.tolist() for column in (*card.forecast(rows, as_of_us), *card.terms(rows))), strict=True)
    bases = card.bases(as_of_us)
    expected = card.expect(rows, as_of_us)
    others = [[None if one != one else one for one in expected[target.name].tolist()] for target in OTHERS]
    more = zip(*others, strict=True) if OTHERS else [()] * len(rows)
    return [Forecast._make([*each[:5], told, each[5], bases]) for each, told in zip(columns, more, strict=True)]
